import { unique } from '../env.js';
import { OptimisticManager } from '../optimistic.js';
import { failure } from '../tree.js';
import { Cache, quiet } from './cache.js';
import { Outbox } from './outbox.js';
import { Receipts } from './receipts.js';
import { later, parts, place } from './rows.js';

const MARK_DELAY = 300; // ms in which marks are gathered
const MOST_PAGES = 5; // that are read for one loadOlder(), when none of them has a message of the type
const REMEMBERED = 1000; // keys of messages that were sent from here

const EMPTY = { body: '', attachments: [], tags: [], mentions: [] };
const BARE = { ...EMPTY, anchor: null, edited_at: null, deleted_at: null };

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
  #receipts = new Receipts();
  #places = new WeakMap(); // row -> place
  #keys = new Map(); // id -> key, of those that were sent from here
  #views = new Map(); // key -> { row, view } of what is shown
  #next = null; // of the page before
  #floor = ''; // place of the oldest that was read
  #older = null; // reading of the page before
  #beyond = new Map(); // id -> row heard of meanwhile
  #arrivals = 0; // of others' messages
  #mark = null; // { id } that is to be told
  #marking = null; // timer

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
    this.#outbox = new Outbox(
      (params, key) => this._call('message.send', params, { key, order: resource }),
      { changed: () => this._changed(), arrived: (key, row) => this.#arrived(key, row), failed: (error) => this._fail(error) },
    );
  }

  // ---------- what the user does ----------

  send(body, options = {}) {
    const key = 'm_' + unique(this._env);
    const type = options.type ?? this.#type;
    const params = { ...this.#about, body, ...options, ...(type && { type }) };
    const created_at = new Date(this._env.now()).toISOString();
    const row = { ...BARE, type: 'room_id' in this.#about ? 'chat' : 'client', ...params, created_at };
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
    return this.#do(id, { ...fields, edited_at: new Date(this._env.now()).toISOString() }, 'message.edit', fields);
  }

  remove(id) {
    if (this.#outbox.get(id)?.state === 'failed') return Promise.resolve(this.discard(id));
    return this.#do(id, { ...EMPTY, deleted_at: new Date(this._env.now()).toISOString() }, 'message.delete');
  }

  markRead(id) {
    const row = id === undefined ? this.#rows().at(-1) : this.#all.get(this.#idOf(id));
    if (!row || !this.#receipts.mark(this.#placeOf(row))) return;
    this.#mark = row.id;
    this.#marking ??= this._timers._set(MARK_DELAY, () => this.#tellMark());
    this._changed();
  }

  stateOf(message) {
    const id = message?.id ?? message;
    return this.state.messages.find((shown) => shown.id === id || shown.key === id)?.state;
  }

  loadOlder() {
    if (!this.#hasOlder || !this._isOpen) return Promise.resolve();
    this.#older ??= quiet(this.#readOlder().finally(() => this.#olderRead()));
    this._changed();
    return this.#older;
  }

  // ---------- what is shown ----------

  get #hasOlder() {
    return this.#next !== null && this.#all.items.length < this.#most;
  }

  _view() {
    const isShown = ({ type }) => !this.#type || type === this.#type;
    const rows = this.#rows().filter(isShown);
    const before = this.#views;
    this.#views = new Map();
    const show = (key, row, state, more) => {
      const known = before.get(key);
      const isPending = !more && this.#all.isPending(row.id);
      const isSame = known?.row === row && known.view.state === state && known.view.isPending === isPending;
      const view = isSame ? known.view : { ...row, key, state, isPending, isOwn: this.#isOwn(row), ...more };
      this.#views.set(key, { row, view });
      return view;
    };
    const messages = rows.map((row) => show(this.#keys.get(row.id) ?? row.id, row, this.#stateOf(row)));
    for (const { key, row, state, error } of this.#outbox.all)
      if (isShown(row)) messages.push(show(key, row, state, { id: key, author_id: this.#me, isOwn: true, ...(error && { error }) }));
    return {
      messages,
      unread: this.#receipts.unread(this.#placesOfOthers(rows), !this.#type),
      hasOlder: this.#hasOlder,
      isLoadingOlder: this.#older !== null,
      isLoaded: this._isLoaded,
      error: this._error,
    };
  }

  get #me() {
    return this._client.user?.id ?? null;
  }

  #isOwn({ author_id }) {
    return author_id !== null && author_id === this.#me;
  }

  #placeOf(row) {
    if (!this.#places.has(row)) this.#places.set(row, place(row));
    return this.#places.get(row);
  }

  // Oldest first.
  #rows() {
    return [...this.#all.items].sort((a, b) => (this.#placeOf(a) < this.#placeOf(b) ? -1 : 1));
  }

  #placesOfOthers(rows) {
    return rows.filter((row) => !row.deleted_at && !this.#isOwn(row)).map((row) => this.#placeOf(row));
  }

  #stateOf(row) {
    return this.#receipts.stateOf(this.#isOwn(row), this.#placeOf(row));
  }

  #idOf(id) {
    for (const [real, key] of this.#keys) if (key === id) return real;
    return id;
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
    this.#next = next;
    this.#floor = next ? this.#placeOf(messages.at(-1)) : '';
    this.#beyond.clear();
    this.#all.load(messages, answers);
  }

  _filled() {
    const told = this._while(() => this._changed());
    // what cannot be had is not worth an error: it comes with the next message that is read
    Promise.allSettled([this.#count(), this.#askReceipts()]).then(told);
  }

  _ended() {
    this.#tellMark();
  }

  #list(after) {
    return this._call('message.list', { ...this.#about, limit: this.#page, ...(after && { after }) });
  }

  #take(event) {
    const { type, key, payload } = event;
    const { id, data } = payload;
    const what = type.slice(8);
    if (what === 'read' || what === 'delivered') {
      const row = this.#all.get(id);
      this.#receipts.take(what, payload.user_id === this.#me, row && this.#placeOf(row));
      return this._changed();
    }
    if (what === 'created' && data) {
      if (key && this.#outbox.remove(key, id)) this.#remember(id, key);
      if (!this.#isOwn(data)) this.#arrivals++;
      if (this.#all.items.length >= this.#most) quiet(this.refetch());
    }
    const isBeyond = data && this.#floor && place(data) < this.#floor;
    if (isBeyond) this.#beyond.set(id, data);
    if (this.#beyond.size > this.#most) this.#beyond.clear();
    this.#all.take(isBeyond ? { ...event, payload: { id } } : event);
  }

  // The answer to a message that was sent. What is there already may be later than the answer.
  #arrived(key, row) {
    if (this.#outbox.remove(key, row.id)) this.#remember(row.id, key);
    if (!this.#all.get(row.id)) this.#all.add([row]);
    else this._changed();
  }

  #remember(id, key) {
    this.#keys.set(id, key);
    if (this.#keys.size > REMEMBERED) this.#keys.delete(this.#keys.keys().next().value);
  }

  // ---------- older ones, what is unread, how far others have read ----------

  async #readOlder() {
    const current = this._while((page) => page);
    for (let pages = 0; this.#hasOlder && pages < MOST_PAGES; pages++) {
      const from = this.#next;
      const page = current(await this.#list(from));
      // closed, or begun anew meanwhile
      if (!page || from !== this.#next) return;
      const rows = page.messages.map((row) => later(this.#beyond.get(row.id), row));
      for (const { id } of rows) this.#beyond.delete(id);
      this.#next = page.next;
      this.#floor = page.next ? this.#placeOf(page.messages.at(-1)) : '';
      this.#all.add(rows);
      if (!this.#type || rows.some(({ type }) => type === this.#type)) return;
    }
  }

  #olderRead() {
    this.#older = null;
    this._changed();
    this.#askReceipts().then(this._while(() => this._changed()), () => {});
  }

  async #count() {
    const [began, { own }] = [this.#arrivals, this.#receipts];
    const current = this._while((answer) => answer);
    const { kind, id } = parts(this.#resource);
    const answer = current(await this._call('message.unread'));
    const unread = answer?.threads.find((thread) => thread.kind === kind && thread.id === id)?.unread ?? 0;
    // those that came while it was counted may be in it or not: rather one too many
    if (answer && own === this.#receipts.own) this.#receipts.count(unread + this.#arrivals - began, this.#placesOfOthers(this.#rows()));
    // of what comes as an event the gateway says that it has arrived, of what was read from here nobody else does
    if (answer && unread > 0) quiet(this._call('message.mark_delivered', this.#about));
  }

  #askReceipts() {
    const mine = this.#rows().filter((row) => this.#isOwn(row) && !row.deleted_at);
    const statesOf = async (id) => {
      const { receipts } = await this._call('message.receipts', { id });
      return receipts.filter(({ user_id }) => user_id !== this.#me).map(({ state }) => state);
    };
    return this.#receipts.ask(mine.map((row) => ({ id: row.id, at: this.#placeOf(row) })), statesOf);
  }

  #tellMark() {
    const id = this.#mark;
    this._timers._clear(this.#marking);
    this.#mark = this.#marking = null;
    if (!id) return;
    const failed = (error) => error.code !== 'closed' && this._fail(error);
    this._call('message.mark_read', { id }, { order: `read ${this.#resource}` }).catch(failed);
  }

  #do(given, change, method, params) {
    const id = this.#idOf(given);
    if (!this.#all.get(id)) return quiet(Promise.reject(failure('not_found', 404, 'there is no such message here (yet)', {})));
    this._error = null;
    return quiet(this.#all.update(id, change, method, { id, ...params }).done.then(() => {}));
  }
}
