import { Others } from './others.js';

const EXPIRY = 10000; // ms
const MOST = 200; // cursors

/** Others' cursors; see app.d.ts. */
export class Cursors extends Others {
  #type;
  #views = new Map(); // id -> { one, view }
  #isShown = false; // is ours?

  constructor(client, resource, { type = 'cursor', expiry = EXPIRY, ...options } = {}) {
    super(client, resource, { ...options, expiry, most: MOST });
    this.#type = type;
  }

  // the channel sends one at most every 50 ms, the last one always
  move(data) {
    if (!this._isOpen) return;
    this.#isShown = true;
    this._publish(this.#type, data);
  }

  hide() {
    if (!this.#isShown) return;
    this.#isShown = false;
    this._publish(this.#type, { hidden: true });
  }

  _view() {
    const before = this.#views;
    this.#views = new Map();
    for (const [id, one] of this._others) {
      const user = this._memberOf(id);
      const known = before.get(id);
      const isSame = known?.one === one && known.view.user.name === user.name;
      this.#views.set(id, { one, view: isSame ? known.view : { ...one.data, user, at: one.at } });
    }
    // in an order that does not change with who comes and goes
    const cursors = [...this.#views.values()].map(({ view }) => view).sort((a, b) => (a.user.id < b.user.id ? -1 : 1));
    return { cursors, error: this._error };
  }

  _channels() {
    return this._listen({ [this.#type]: ({ sender_id, payload }) => this.#take(sender_id, payload) });
  }

  _ended() {
    this.hide();
    super._ended();
  }

  // What others say is what they please.
  #take(id, data) {
    if (data?.hidden) this._forget(id);
    else if (Number.isFinite(data?.x) && Number.isFinite(data.y)) this._hear(id, data);
  }
}
