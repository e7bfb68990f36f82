import { diff } from './diff.js';
import { merge } from './merge.js';
import { patch } from './patch.js';
import { share } from './tree.js';

/**
 * What is confirmed, what is under way and what is being edited of one document, three layers on each other:
 *
 *	base	what the server has at `version`;
 *	sent	one edit that is under way: made from `start`, at version `from`; it wants `want`;
 *	edit	what was done since, likewise. What is only shown (selections) stays in it.
 *
 * `mid` is base with what is sent, `document` that with the edit. Each is a merge in which the edit wins, as it
 * will be at the server: nothing is shown that the server would not do.
 *
 * What must stay true:
 *  - base changes by events in order and by reset() only, so all who have the same version have the same;
 *  - an edit keeps the version it was made from, whatever comes, until it is sent, because the server finds
 *    conflicts by it. One that was made on top of an edit under way has none (from = 0): it is carried along,
 *    its conflicts are reported here, and it gets the version at which that edit is confirmed.
 */
export class Layers {
  document = null;
  version = 0;
  isEdited = false;
  sent = null; // { key, from, start, want, changes, done: version it led to, once that is known }
  #base;
  #mid;
  #start;
  #want;
  #from = 0;
  #report;

  /** @param {(conflicts: object[]) => void} report of an edit, which won, with what others did */
  constructor(report) {
    this.#report = report;
  }

  reset(document, version) {
    const isFirst = !this.document;
    this.#base = document;
    this.version = version;
    if (isFirst) this.#start = this.#want = document;
    this.#rebase();
  }

  /** A diff from the present version to the next; throws if it does not fit. */
  apply(changes, version, key) {
    this.#base = patch(this.#base, changes);
    this.version = version;
    if (this.sent?.key === key) this.sent = null;
    this.#rebase();
  }

  edit(next) {
    this.#want = merge(this.document, this.#want, share(this.document, next)).result;
    this.isEdited = true;
    this.#show();
  }

  /** Begins to send what was edited; false if there is nothing. */
  send(key) {
    // as the server gets it: what is no JSON is none of the document's
    const changes = JSON.parse(JSON.stringify(diff(this.#start, this.#want)));
    const isAny = Object.keys(changes).length > 0;
    this.isEdited = false;
    if (isAny) {
      const want = patch(this.#start, changes);
      this.sent = { key, from: this.#from, start: this.#start, want, changes };
    }
    this.#rebase();
    return isAny;
  }

  /** What was sent led to this version. */
  confirm(sent, version) {
    if (this.sent !== sent) return;
    sent.done = version;
    this.#rebase();
  }

  /** What was sent is an edit again: not saved, but neither lost. */
  reclaim(isEdited = this.isEdited) {
    this.sent = null;
    this.#start = this.#base;
    this.#want = this.document;
    this.#from = this.version;
    this.isEdited = isEdited;
    this.#rebase();
  }

  discard() {
    this.#want = this.#start;
    this.isEdited = false;
    this.#rebase();
  }

  #rebase() {
    if (this.sent?.done <= this.version) this.sent = null;
    const { sent } = this;
    this.#mid = sent ? merge(sent.start, this.#base, sent.want).result : this.#base;
    const conflicts = this.#show();
    if (this.isEdited && this.#from > 0) return;
    if (this.isEdited && conflicts.length > 0) this.#report(conflicts);
    this.#start = this.#mid;
    this.#want = this.document;
    this.#from = sent ? 0 : this.version;
  }

  #show() {
    const { result, conflicts } = merge(this.#start, this.#mid, this.#want);
    this.document = share(this.document, result);
    return conflicts;
  }
}
