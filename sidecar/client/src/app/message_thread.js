import { unique } from '../env.js';
import { OptimisticManager } from '../optimistic.js';
import { failure } from '../tree.js';
import { Cache, quiet } from './cache.js';
import { Keys } from './keys.js';
import { MessageViews } from './message_views.js';
import { EMPTY, Outbox, draft } from './outbox.js';
import { Pages } from './pages.js';
import { Reading } from './reading.js';
import { later, parts, place } from './rows.js';

const MOST_PAGES = 5; // that are read for one loadOlder(), when none of them has a message of the type

const isRoom = (kind) => kind === 'chat' || kind === 'workspace';

/**
 * Messages of one thread; see app.d.ts.
 *
 * What must stay true: what is shown has no gap between the oldest message that was read and now; what is heard of older
 * ones waits until they are read. A message is there once, under one key, whether its answer or its event is first.
 *
 * Bound: past `most` messages the thread begins anew with its last page, and older ones are not read.
 */
export class MessageThread extends Cache {
  #resource;
  #about; // { project_id }, { automation_version_id } or { room_id }
  #type;
  #page;
  #most;
  #all;
  #outbox;
  #reading;
  #places = new WeakMap(); // row -> place
  #keys = new Keys(); // of those that were sent from here
  #views = new MessageViews();
  #pages = new Pages();
  #older = null; // reading of the page before

  constructor(client, resource, { type, page = 50, most = 2000, ...options } = {}) {
    super(client, options);
    const { kind, id } = parts(resource);
    this.#resource = resource;
    this.#about = { [isRoom(kind) ? 'room_id' : `${kind}_id`]: id };
    this.#type = type;
    this.#page = page;
    this.#most = most;
    this.#all = new OptimisticManager(client, { ...options, later });
    this.#all.on('change', () => this._changed());
    this.#all.on('error', (error) => this._fail(error));
    this.#all.on('stale', () => this._isOpen && quiet(this.refetch()));
    this.#reading = new Reading({
      resource,
      about: this.#about,
      timers: this._timers,
      call: (...all) => this._call(...all),
      failed: (error) => this._fail(error),
      me: () => this.#me,
      rows: () => this.#rows(),
      placeOf: (row) => this.#placeOf(row),
    });
    this.#outbox = new Outbox(
      (params, key) => this._call('message.send', params, { key, order: resource }),
      { changed: () => this._changed(), arrived: (key, row) => this.#arrived(key, row), failed: (error) => this._fail(error) },
    );
  }

  // ---------- what the user does ----------

  send(body, options = {}) {
    const key = 'm_' + unique(this._env);
    const { params, row } = draft(this.#about, body, { type: this.#type, ...options }, this.#now());
    if (this.#outbox.isFull) return quiet(Promise.reject(failure('queue_full', 0, 'too many messages wait', {})));
    this._error = null;
    return this.#outbox.add(key, params, row);
  }

  retry(id) {
    const one = this.#outbox.get(id);
    if (!one) return quiet(Promise.reject(failure('not_found', 404, 'there is no message that waits under this id', {})));
    this._error = null;
    return this.#outbox.retry(one);
  }

  discard(id) {
    if (this.#outbox.get(id)?.state === 'failed' && this.#outbox.remove(id, null)) this._changed();
  }

  edit(id, change) {
    const fields = typeof change === 'string' ? { body: change } : change;
    return this.#do(id, { ...fields, edited_at: this.#now() }, 'message.edit', fields);
  }

  remove(id) {
    if (this.#outbox.get(id)?.state === 'failed') return Promise.resolve(this.discard(id));
    return this.#do(id, { ...EMPTY, deleted_at: this.#now() }, 'message.delete');
  }

  markRead(id) {
    const row = id === undefined ? this.#rows().at(-1) : this.#all.get(this.#keys.idOf(id));
    if (row && this.#reading.mark(row)) this._changed();
  }

  stateOf(message) {
    const id = message?.id ?? message;
    return this.state.messages.find((shown) => shown.id === id || shown.key === id)?.state;
  }

  loadOlder() {
    if (!this.#hasOlder || !this._isOpen) return Promise.resolve();
    this.#older ??= this.#begun(this.#readOlder());
    this._changed();
    return this.#older;
  }

  // ---------- what is shown ----------

  get #hasOlder() {
    return this.#pages.next !== null && this.#all.items.length < this.#most;
  }

  _view() {
    const isShown = ({ type }) => !this.#type || type === this.#type;
    const rows = this.#rows().filter(isShown);
    this.#views.begin();
    const messages = rows.map((row) => this.#view(row));
    for (const one of this.#outbox.all) if (isShown(one.row)) messages.push(this.#unsent(one));
    return {
      messages,
      unread: this.#reading.unread(rows, !this.#type),
      isCounted: this.#reading.isCounted,
      hasOlder: this.#hasOlder,
      isLoadingOlder: this.#older !== null,
      isLoaded: this._isLoaded,
      error: this._error,
    };
  }

  #view(row) {
    const isOwn = this.#reading.isOwn(row);
    const state = this.#reading.stateOf(row);
    return this.#views.view(row, { key: this.#keys.of(row.id), state, isPending: this.#all.isPending(row.id), isOwn });
  }

  #unsent({ key, row, state, error }) {
    const about = { id: key, key, state, isPending: false, isOwn: true, author_id: this.#me };
    return this.#views.view(row, error ? { ...about, error } : about);
  }

  get #me() {
    return this._client.user?.id ?? null;
  }

  #placeOf(row) {
    if (!this.#places.has(row)) this.#places.set(row, place(row));
    return this.#places.get(row);
  }

  // Oldest first.
  #rows() {
    return [...this.#all.items].sort((a, b) => (this.#placeOf(a) < this.#placeOf(b) ? -1 : 1));
  }

  // ---------- following ----------

  _channels() {
    return [[this.#resource, { 'message.*': (event) => this.#take(event) }]];
  }

  async _read() {
    const { answers } = this.#all;
    return { answers, ...(await this.#list()) };
  }

  _fill({ messages, next, answers }) {
    this.#pages.begin(messages, next);
    this.#all.load(messages, answers);
  }

  _filled() {
    const reading = this.#reading;
    this.#ask(reading.count(), reading.ask());
  }

  _ended() {
    this.#reading.flush();
  }

  #ask(...asked) {
    Promise.allSettled(asked).then(this._while(() => this._changed()));
  }

  #list(after) {
    return this._call('message.list', { ...this.#about, limit: this.#page, ...(after && { after }) });
  }

  #take(event) {
    const { type, key, payload } = event;
    const { id, data } = payload;
    const what = type.slice(8);
    if (what === 'read' || what === 'delivered') {
      this.#reading.reached(what, payload.user_id, this.#all.get(id));
      return this._changed();
    }
    if (what === 'created' && data) {
      if (key && this.#outbox.remove(key, id)) this.#keys.learn(id, key);
      this.#reading.came(data);
      if (this.#all.items.length >= this.#most) quiet(this.refetch());
    }
    const isBeyond = data && this.#pages.keeps(data);
    this.#all.take(isBeyond ? { ...event, payload: { id } } : event);
  }

  // The answer to a message that was sent. What is there already may be later than the answer.
  #arrived(key, row) {
    if (this.#outbox.remove(key, row.id)) this.#keys.learn(row.id, key);
    if (!this.#all.get(row.id)) this.#all.add([row]);
    else this._changed();
  }

  // ---------- older ones ----------

  async #readOlder() {
    const current = this._while((page) => page);
    for (let pages = 0; this.#hasOlder && pages < MOST_PAGES; pages++) {
      const { next } = this.#pages;
      const page = current(await this.#list(next));
      // closed, or begun anew meanwhile
      if (!page || next !== this.#pages.next) return;
      const rows = this.#pages.add(page.messages, page.next);
      this.#all.add(rows);
      if (!this.#type || rows.some(({ type }) => type === this.#type)) return;
    }
  }

  #begun(reading) {
    const failed = this._while((error) => this._fail(error));
    const read = this._while(() => {
      this._changed();
      this.#ask(this.#reading.ask());
    });
    reading.catch(failed);
    return quiet(
      reading.finally(() => {
        this.#older = null;
        read();
      }),
    );
  }

  #now() {
    return new Date(this._env.now()).toISOString();
  }

  #do(given, change, method, params) {
    const id = this.#keys.idOf(given);
    if (!this.#all.get(id)) return quiet(Promise.reject(failure('not_found', 404, 'there is no such message here (yet)', {})));
    this._error = null;
    return quiet(this.#all.update(id, change, method, { id, ...params }).done.then(() => {}));
  }
}
