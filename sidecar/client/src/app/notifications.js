import { unique } from '../env.js';
import { failure } from '../tree.js';
import { Cache, quiet } from './cache.js';
import { place, sortable } from './rows.js';

const GATHER = 100; // ms in which marks of single ones are gathered
const MOST_IDS = 200; // that a call takes
const RECOUNT = 250; // ms

/**
 * The user's notifications; see app.d.ts.
 *
 * What must stay true: what is read stays read; what is marked is shown so at once, and as it was when that was refused.
 * How many are unread is the server's number with the events since, less what is marked here and not confirmed; it is counted
 * again where events came while it was counted.
 *
 * Bound: `most` notifications are kept, the newest.
 */
export class Notifications extends Cache {
  #page;
  #most;
  #items = new Map(); // id -> notification
  #next = null;
  #unread = 0;
  #marks = new Map(); // key of a call -> { ids } or { until }, not confirmed
  #gathered = null; // { ids, key, done, resolve, reject }
  #counting = null;
  #older = null;
  #shown = new WeakMap(); // notification -> as it is shown when it is marked

  constructor(client, { page = 50, most = 500, ...options } = {}) {
    super(client, options);
    this.#page = page;
    this.#most = most;
  }

  markRead(id) {
    this._error = null;
    return id === 'all' ? this.#markAll() : this.#markOne(id);
  }

  loadMore() {
    if (!this.#hasMore || !this._isOpen) return Promise.resolve();
    if (this.#older) return this.#older;
    const reading = this.#readOlder(this.#next);
    reading.catch(this._while((error) => this._fail(error)));
    this.#older = quiet(reading.finally(() => (this.#older = null)));
    return this.#older;
  }

  get #hasMore() {
    return this.#next !== null && this.#items.size < this.#most;
  }

  _view() {
    const sorted = [...this.#items.values()].map((item) => [place(item), item]).sort(([a], [b]) => (a < b ? 1 : -1));
    const items = sorted.map(([, item]) => (item.read_at || !this.#isMarked(item) ? item : this.#marked(item)));
    const marked = items.filter((item) => item.read_at && !this.#items.get(item.id).read_at).length;
    // of all, how many there are beyond what is here is known: all of them
    const all = [...this.#marks.values()].find(({ until }) => until);
    const unread = all ? items.filter((item) => !item.read_at).length : Math.max(0, this.#unread - marked);
    return { items, unread, hasMore: this.#hasMore, isLoaded: this._isLoaded, error: this._error };
  }

  _channels() {
    return [
      [
        'me',
        {
          'notification.created': ({ payload }) => this.#came(payload),
          'notification.read': ({ payload, key, timestamp }) => this.#read(payload, key, timestamp),
        },
      ],
    ];
  }

  async _read() {
    const answered = [...this.#marks].filter(([, { isAnswered }]) => isAnswered).map(([key]) => key);
    const [list, { unread }] = await Promise.all([this.#list(), this._call('notification.unread_count')]);
    return { ...list, unread, answered };
  }

  _fill({ notifications, next, unread, answered }) {
    // what was answered before is in it: its event may have been missed
    for (const key of answered) this.#marks.delete(key);
    this.#items = new Map(notifications.map((item) => [item.id, item]));
    this.#next = next;
    this.#unread = unread;
  }

  _ended() {
    this.#flush();
    this.#counting = null;
  }

  #list(after) {
    return this._call('notification.list', { limit: this.#page, ...(after && { after }) });
  }

  async #readOlder(from) {
    const current = this._while((page) => page);
    const page = current(await this.#list(from));
    // closed, or begun anew meanwhile
    if (!page || from !== this.#next) return;
    this.#next = page.next;
    for (const item of page.notifications) if (!this.#items.has(item.id)) this.#items.set(item.id, item);
    this._changed();
  }

  // ---------- what is heard ----------

  #came({ id, data, oversize }) {
    if (oversize) return void quiet(this.refetch());
    if (this.#items.has(id)) return this.#recount();
    this.#items.set(id, data);
    this.#unread++;
    if (this.#items.size > this.#most) this.#forget();
    this._changed();
    this.#recount();
  }

  #read({ ids, count }, key, timestamp) {
    if (key) this.#marks.delete(key);
    this.#unread = Math.max(0, this.#unread - count);
    if (!ids) return void quiet(this.refetch());
    const read_at = new Date(timestamp ?? this._env.now()).toISOString();
    for (const id of ids) {
      const item = this.#items.get(id);
      if (item && !item.read_at) this.#items.set(id, { ...item, read_at });
    }
    this._changed();
    this.#recount();
  }

  // The oldest go; they are read again by loadMore().
  #forget() {
    quiet(this.refetch());
  }

  // Whatever was counted while events came is counted once more.
  #recount() {
    const answered = this._while(({ unread }) => {
      this.#unread = unread;
      this._changed();
    });
    this.#counting ??= this._timers._set(RECOUNT, () => {
      this.#counting = null;
      const isQuiet = () => this.#counting === null && this.#marks.size === 0;
      this._call('notification.unread_count').then((answer) => isQuiet() && answered(answer), () => {});
    });
  }

  // ---------- what is marked ----------

  #isMarked(item) {
    for (const { ids, until } of this.#marks.values())
      if (ids?.has(item.id) || (until && sortable(item.created_at) <= sortable(until))) return true;
    return false;
  }

  #marked(item) {
    if (!this.#shown.has(item)) this.#shown.set(item, { ...item, read_at: new Date(this._env.now()).toISOString() });
    return this.#shown.get(item);
  }

  #markOne(id) {
    const item = this.#items.get(id);
    if (!item) return quiet(Promise.reject(failure('not_found', 404, 'there is no such notification here', {})));
    if (item.read_at || this.#isMarked(item)) return Promise.resolve();
    if (!this.#gathered) {
      this.#gathered = { ids: new Set(), key: 'n_' + unique(this._env) };
      this.#gathered.done = quiet(new Promise((resolve, reject) => Object.assign(this.#gathered, { resolve, reject })));
      this.#marks.set(this.#gathered.key, this.#gathered);
      this._timers._set(GATHER, () => this.#flush());
    }
    const { ids, done } = this.#gathered;
    ids.add(id);
    if (ids.size >= MOST_IDS) this.#flush();
    this._changed();
    return done;
  }

  #flush() {
    const mark = this.#gathered;
    this.#gathered = null;
    if (mark) this.#send('notification.mark_read', { ids: [...mark.ids] }, mark.key).then(mark.resolve, mark.reject);
  }

  #markAll() {
    const key = 'n_' + unique(this._env);
    // what comes from now on was not seen
    const newest = [...this.#items.values()].reduce((a, b) => (place(a) > place(b) ? a : b), { created_at: null, id: '' });
    if (!newest.created_at) return Promise.resolve();
    this.#marks.set(key, { until: newest.created_at });
    this._changed();
    return quiet(this.#send('notification.mark_all_read', { until: newest.created_at }, key));
  }

  async #send(method, params, key) {
    try {
      const { marked } = await this._call(method, params, { key, order: 'notifications' });
      // else its event tells
      if (marked === 0) this.#marks.delete(key);
      else if (this.#marks.has(key)) this.#marks.get(key).isAnswered = true;
      this._changed();
    } catch (error) {
      this.#marks.delete(key);
      if (error.code !== 'closed') this._fail(error);
      this._changed();
      throw error;
    }
  }
}
