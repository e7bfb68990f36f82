import { Cache, quiet } from './cache.js';
import { parts } from './rows.js';

const RECOUNT = 1000; // ms in which events are gathered before it is counted again

/**
 * Unread messages of all threads; see app.d.ts. The server counts; an event of a thread that is watched changes its
 * number at once, and has it counted again a moment later.
 */
export class UnreadCounts extends Cache {
  #watch;
  #threads = new Map(); // resource -> count
  #soon = null;

  constructor(client, { watch = [], ...options } = {}) {
    super(client, options);
    this.#watch = watch;
  }

  of(resource) {
    return this.#threads.get(resource) ?? 0;
  }

  _view() {
    const threads = [...this.#threads].filter(([, unread]) => unread > 0).map(([name, unread]) => ({ ...parts(name), unread }));
    const total = threads.reduce((sum, { unread }) => sum + unread, 0);
    return { total, threads, isLoaded: this._isLoaded, error: this._error };
  }

  _channels() {
    return this.#watch.map((name) => [
      name,
      {
        'message.created': ({ payload: { data } }) => this.#came(name, data),
        'message.read': ({ payload: { user_id } }) => user_id === this._client.user?.id && this.#recount(),
        'message.updated': ({ payload: { data } }) => data?.deleted_at && this.#recount(),
      },
    ]);
  }

  _read() {
    return this._call('message.unread');
  }

  _fill({ threads }) {
    this.#threads = new Map(threads.map(({ kind, id, unread }) => [`${kind}:${id}`, unread]));
  }

  _ended() {
    this.#soon = null;
  }

  #came(name, row) {
    if (row?.author_id === this._client.user?.id) return;
    this.#threads.set(name, Math.min(this.of(name) + 1, 100));
    this._changed();
    this.#recount();
  }

  #recount() {
    this.#soon ??= this._timers._set(RECOUNT, () => {
      this.#soon = null;
      quiet(this.refetch());
    });
  }
}
