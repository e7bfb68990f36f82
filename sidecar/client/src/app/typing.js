import { Others } from './others.js';

const REPEAT = 3000; // ms: the server takes it to be over after 6 s
const PAUSE = 4000; // ms without type() after which it is over
const EXPIRY = 7000; // ms after which others' typing is over, if nobody says so
const MOST = 100; // typists

/** Who types; see app.d.ts. */
export class Typing extends Others {
  #saidAt = null; // of the last typing_start, while typing
  #timer = null;

  constructor(client, resource, options) {
    super(client, resource, { ...options, expiry: EXPIRY, most: MOST });
  }

  type() {
    const now = this._env.now();
    if (!this._isOpen) return;
    this._timers._clear(this.#timer);
    this.#timer = this._timers._set(PAUSE, () => this.stop());
    if (this.#saidAt !== null && now - this.#saidAt < REPEAT) return;
    this.#saidAt = now;
    this._publish('typing_start', {});
  }

  stop() {
    this._timers._clear(this.#timer);
    if (this.#saidAt === null) return;
    this.#saidAt = null;
    this._publish('typing_stop', {});
  }

  _view() {
    return { typists: [...this._others.keys()].map((id) => this._memberOf(id)), error: this._error };
  }

  _channels() {
    const ends = ({ sender_id }) => this._forget(sender_id);
    return this._listen({ typing_start: ({ sender_id }) => this._hear(sender_id), typing_stop: ends, 'message.created': ends });
  }

  _ended() {
    this.stop();
    super._ended();
  }
}
