// The database's side of a blueprint, for FakeGateway: what extension/copilot/blueprint_edit.sql and undo.sql do, of
// one automation version. It stands on the client's own diff, patch and merge, which blueprint_sql.test.mjs and the
// vectors hold to the database's.

import { checkDiff, diff, merge, patch } from '../src/documents.js';

const copy = (value) => JSON.parse(JSON.stringify(value));

export const refusal = (code, status, retry = 'no', details = {}) => ({ code, status, message: code, retry, details });

export class BlueprintServer {
  documents = [null, {}]; // by version
  changes = []; // { version, diff, inverse, author, undoes, redoes, undone }
  status = 'build_in_progress';
  oldest = 1;
  mostBytes = Infinity; // of an event
  applied = []; // edits: who, from which version, what

  constructor(gateway, id = 'V', document = {}) {
    Object.assign(this, { gateway, id });
    this.documents[1] = document;
    for (const method of ['get', 'apply', 'undo', 'redo'])
      gateway.methods[`blueprint.${method}`] = (params, who) => copy(this[method](params, who));
  }

  get version() {
    return this.documents.length - 1;
  }

  get document() {
    return this.documents[this.version];
  }

  at(version) {
    if (!(version >= this.oldest && version <= this.version))
      throw refusal('too_stale', 409, 'refetch', { version: this.version, oldest: this.oldest });
    return this.documents[version];
  }

  get({ version = this.version }) {
    const { id, status, oldest } = this;
    return { id, version, current: this.version, oldest, status, document: this.at(version) };
  }

  apply({ version, diff: changes, mode = 'lww' }, who) {
    this.#check();
    checkDiff(changes);
    const base = this.at(version);
    const policy = mode === 'lww' || version === this.version ? 'lww' : 'report';
    let theirs;
    try {
      theirs = patch(base, changes);
    } catch (error) {
      throw refusal('conflict', 409, 'refetch', error.details);
    }
    const merged = merge(base, this.document, theirs, { policy });
    this.applied.push(`${who.user} ${version} ${JSON.stringify(changes)}`);
    return this.#store(merged, who, version, {});
  }

  undo(params, who) {
    return this.#step(params, who, false);
  }

  redo(params, who) {
    return this.#step(params, who, true);
  }

  // A change by somebody else.
  change(document, author = 'X') {
    return this.#store({ result: document, conflicts: [], dropped_edges: [] }, { user: author }, this.version, {});
  }

  #check() {
    if (this.status !== 'build_in_progress') throw refusal('forbidden', 403, 'no', { status: this.status });
  }

  #store({ result, conflicts, dropped_edges }, { user, key }, made, about) {
    const base = this.version;
    const changes = diff(this.document, result);
    const isChanged = Object.keys(changes).length > 0;
    const told = conflicts.filter((c) => c.kind !== 'dangling_edge' || !c.base || JSON.stringify(c.base) !== JSON.stringify(c.ours));
    const step = about.undoes ?? about.redoes;
    if (step) this.changes.find((c) => c.version === step).undone = about.undoes ? base + isChanged : null;
    if (isChanged) {
      const before = this.document;
      this.documents.push(result);
      const change = { version: this.version, diff: changes, inverse: diff(result, before), author: user, undone: null, ...about };
      this.changes.push(change);
      if (told.length > 0 && made < base) this.#tellLosers(told, user, made, base);
      const whole = { id: this.id, base, version: this.version, by: user };
      const isOversize = JSON.stringify(changes).length > this.mostBytes;
      const payload = isOversize ? { ...whole, oversize: true } : { ...changes, ...whole };
      this.gateway.commit(`automation_version:${this.id}`, 'blueprint.updated', copy(payload), { key, sender_id: user });
    }
    return { version: this.version, base, changed: isChanged, conflicts: told, dropped_edges };
  }

  // nearly: all who changed something since, instead of those who changed this
  #tellLosers(conflicts, by, made, base) {
    const losers = new Set(this.changes.filter(({ version }) => version > made && version <= base).map(({ author }) => author));
    losers.delete(by);
    const payload = { automation_version_id: this.id, version: base + 1, by, conflicts };
    for (const user of losers) this.gateway.commit(`user:${user}`, 'conflict.detected', copy(payload));
  }

  #step({ mode = 'strict' }, who, redo) {
    this.#check();
    const name = redo ? 'redone' : 'undone';
    const mine = this.changes.filter(({ author, undoes, redoes }) => author === who.user && !undoes && !redoes);
    const last = mine.at(-1)?.version;
    const steps = redo ? mine.filter(({ undone }) => undone !== null && undone >= last) : mine.filter(({ undone }) => undone === null);
    const step = (redo ? steps[0] : steps.at(-1))?.version;
    if (!step) return { [name]: null };
    const back = this.changes.filter((c) => [c.version, c.undoes, c.redoes].includes(step)).at(-1);
    const inverse = Boolean(back.undoes) === redo ? back.inverse : {};
    const base = this.documents[back.version];
    const merged = merge(base, this.document, patch(base, inverse), { policy: 'report' });
    if (mode === 'strict' && merged.conflicts.length > 0)
      throw refusal('conflict', 409, 'refetch', { version: this.version, conflicts: merged.conflicts });
    const result = this.#store(merged, who, back.version, redo ? { redoes: step } : { undoes: step });
    return { [name]: step, ...result };
  }
}
