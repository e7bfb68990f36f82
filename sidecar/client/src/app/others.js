import { Cache } from './cache.js';

/**
 * What others were heard to do a moment ago, of each the last; what Typing and Cursors have in common. It is forgotten
 * `expiry` ms later, or when who did it has left. Bound: `most` of them, past it the one heard of longest ago is forgotten.
 */
export class Others extends Cache {
  _others = new Map(); // id -> { data, at }, in the order in which they began
  #name;
  #presence;
  #expiry;
  #most;
  #sweep = null;
  #unlisten = [];

  constructor(client, resource, { expiry, most, presence, ...options }) {
    super(client, options);
    this.#name = resource;
    this.#presence = presence;
    this.#expiry = expiry;
    this.#most = most;
  }

  /** Who is known to be there, or their id alone. */
  _memberOf(id) {
    const member = this.#presence?.state.members.find((one) => one.id === id);
    return member ?? { id, name: null, status: 'active', connections: 1, lastSeen: 0, meta: {} };
  }

  _publish(type, data) {
    this._client.channel(this.#name).publish(type, data);
  }

  _listen(listeners) {
    return [[this.#name, listeners]];
  }

  _opened() {
    const gone = (users) => users.forEach(({ id }) => this._forget(id));
    const named = () => this._others.size > 0 && this._changed();
    this.#unlisten = this.#presence ? [this.#presence.on('leave', gone), this.#presence.on('change', named)] : [];
  }

  _ended() {
    for (const stop of this.#unlisten.splice(0)) stop();
    this._others.clear();
    this.#sweep = null;
    this._changed();
  }

  // Also of another tab of this user's, which nobody needs to be told of. Without data it is the same as before.
  _hear(id, data) {
    if (!id || id === this._client.user?.id) return;
    const isNew = !this._others.has(id);
    if (isNew && this._others.size >= this.#most) this._forget(this.#oldest()[0]);
    this._others.set(id, { data, at: this._env.now() });
    this.#watch();
    if (isNew || data) this._changed();
  }

  _forget(id) {
    if (this._others.delete(id)) this._changed();
  }

  #oldest() {
    return [...this._others].reduce((oldest, one) => (one[1].at < oldest[1].at ? one : oldest));
  }

  #watch() {
    if (this._others.size === 0) return;
    this.#sweep ??= this._timers._set(this.#oldest()[1].at + this.#expiry - this._env.now(), () => {
      this.#sweep = null;
      const old = this._env.now() - this.#expiry;
      for (const [id, { at }] of this._others) if (at <= old) this._forget(id);
      this.#watch();
    });
  }
}
