import { Cache } from './cache.js';

const REPEAT = 3000; // ms: the server takes it to be over after 6 s
const PAUSE = 4000; // ms without type() after which it is over
const EXPIRY = 7000; // ms after which others' typing is over, if nobody says so
const MOST = 100; // typists

/** Who is known to be there, or their id alone. */
export const memberOf = (presence, id) =>
  presence?.state.members.find((member) => member.id === id) ??
  { id, name: null, status: 'active', connections: 1, lastSeen: 0, meta: {} };

/** Who types; see app.d.ts. Bound: MOST typists, past it the first is forgotten. */
export class Typing extends Cache {
  #name;
  #presence;
  #typists = new Map(); // id -> timer
  #saidAt = null; // of the last typing_start, while typing
  #timer = null;
  #unlisten = [];

  constructor(client, resource, { presence, ...options } = {}) {
    super(client, options);
    this.#name = resource;
    this.#presence = presence;
  }

  type() {
    const now = this._env.now();
    if (!this._isOpen) return;
    this._timers._clear(this.#timer);
    this.#timer = this._timers._set(PAUSE, () => this.stop());
    if (this.#saidAt !== null && now - this.#saidAt < REPEAT) return;
    this.#saidAt = now;
    this._client.channel(this.#name).publish('typing_start', {});
  }

  stop() {
    this._timers._clear(this.#timer);
    if (this.#saidAt === null) return;
    this.#saidAt = null;
    this._client.channel(this.#name).publish('typing_stop', {});
  }

  _view() {
    return { typists: [...this.#typists.keys()].map((id) => memberOf(this.#presence, id)), error: this._error };
  }

  _channels() {
    const ends = ({ sender_id }) => this.#end(sender_id);
    const listeners = { typing_start: ({ sender_id }) => this.#begin(sender_id), typing_stop: ends, 'message.created': ends };
    return [[this.#name, listeners]];
  }

  _opened() {
    const gone = (users) => users.forEach(({ id }) => this.#end(id));
    const named = () => this.#typists.size > 0 && this._changed();
    this.#unlisten = this.#presence ? [this.#presence.on('leave', gone), this.#presence.on('change', named)] : [];
  }

  _ended() {
    for (const stop of this.#unlisten.splice(0)) stop();
    this.stop();
    this.#typists.clear();
    this._changed();
  }

  // Also of another tab of this user's, which nobody needs to be told of.
  #begin(id) {
    const isNew = !this.#typists.has(id);
    if (!id || id === this._client.user?.id) return;
    this._timers._clear(this.#typists.get(id));
    this.#typists.set(id, this._timers._set(EXPIRY, () => this.#end(id)));
    if (this.#typists.size > MOST) this.#end(this.#typists.keys().next().value);
    else if (isNew) this._changed();
  }

  #end(id) {
    if (!this.#typists.has(id)) return;
    this._timers._clear(this.#typists.get(id));
    this.#typists.delete(id);
    this._changed();
  }
}
