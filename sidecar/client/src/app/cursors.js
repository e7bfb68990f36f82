import { Cache } from './cache.js';
import { memberOf } from './typing.js';

const EXPIRY = 10000; // ms
const MOST = 200; // cursors

/** Others' cursors; see app.d.ts. Bound: MOST, past it the one that was not heard of for longest is forgotten. */
export class Cursors extends Cache {
  #name;
  #type;
  #expiry;
  #presence;
  #all = new Map(); // id -> { data, at }, the one heard of last at the end
  #views = new Map(); // id -> { one, user, view }
  #isShown = false; // is ours?
  #sweep = null;
  #unlisten = [];

  constructor(client, resource, { presence, type = 'cursor', expiry = EXPIRY, ...options } = {}) {
    super(client, options);
    this.#name = resource;
    this.#presence = presence;
    this.#type = type;
    this.#expiry = expiry;
  }

  // the channel sends one at most every 50 ms, the last one always
  move(data) {
    if (!this._isOpen) return;
    this.#isShown = true;
    this._client.channel(this.#name).publish(this.#type, data);
  }

  hide() {
    if (!this.#isShown) return;
    this.#isShown = false;
    this._client.channel(this.#name).publish(this.#type, { hidden: true });
  }

  _view() {
    const before = this.#views;
    this.#views = new Map();
    for (const [id, one] of this.#all) {
      const user = memberOf(this.#presence, id);
      const known = before.get(id);
      const isSame = known?.one === one && known.view.user.name === user.name;
      this.#views.set(id, { one, view: isSame ? known.view : { ...one.data, user, at: one.at } });
    }
    // in an order that does not change with every movement
    const cursors = [...this.#views.values()].map(({ view }) => view).sort((a, b) => (a.user.id < b.user.id ? -1 : 1));
    return { cursors, error: this._error };
  }

  _channels() {
    return [[this.#name, { [this.#type]: ({ sender_id, payload }) => this.#take(sender_id, payload) }]];
  }

  _opened() {
    const gone = (users) => users.forEach(({ id }) => this.#remove(id));
    const named = () => this.#all.size > 0 && this._changed();
    this.#unlisten = this.#presence ? [this.#presence.on('leave', gone), this.#presence.on('change', named)] : [];
  }

  _ended() {
    for (const stop of this.#unlisten.splice(0)) stop();
    this.hide();
    this.#all.clear();
    this.#sweep = null;
    this._changed();
  }

  // What others say is what they please.
  #take(id, data) {
    if (!id || id === this._client.user?.id) return;
    if (data?.hidden) return this.#remove(id);
    if (!Number.isFinite(data?.x) || !Number.isFinite(data.y)) return;
    this.#all.delete(id);
    this.#all.set(id, { data, at: this._env.now() });
    if (this.#all.size > MOST) this.#all.delete(this.#all.keys().next().value);
    this.#watch();
    this._changed();
  }

  #remove(id) {
    if (this.#all.delete(id)) this._changed();
  }

  // The first one is the one that goes first.
  #watch() {
    const [first] = this.#all.values();
    if (!first) return;
    this.#sweep ??= this._timers._set(first.at + this.#expiry - this._env.now(), () => {
      this.#sweep = null;
      const old = this._env.now() - this.#expiry;
      for (const [id, { at }] of this.#all) if (at <= old) this.#remove(id);
      this.#watch();
    });
  }
}
