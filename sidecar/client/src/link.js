import { closeOf } from './errors.js';

/**
 * One attempt to connect and, when the server has said `connected`, what frames go over. SocketLink and
 * HttpLink are its kinds: each has _write(frame), which returns the code of an error or nothing, _shut(code)
 * and _retire(), and calls _alive() at any sign of life, _frame(frame) and, at its end, _closed(why).
 *
 * What must stay true: it ends once, and tells its owner so unless the owner ended it; nothing that
 * arrives after is heard, but for the answers to calls when it was retired.
 */
export class Link {
  _isReady;
  _isHeard; // the server said something, so this transport works
  _isRetired;
  _limit = 65536; // bytes of a frame
  #isOver;
  #bye;
  #timer;

  /**
   * @param core { _env, _timers, _options, _wire }
   * @param owner { _take(link, frame), _ended(link, why) }
   * @param about { _kind, _level, _token, _resume, _patience: ms until `connected` }
   */
  constructor(core, owner, about) {
    Object.assign(this, { _core: core, _owner: owner }, about);
    this._alive();
    this.#timer = core._timers._set(this._patience, () => this._closed({ reason: 'no answer' }));
  }

  /** Returns the code of an error when the frame cannot be sent. */
  _send(frame) {
    // a token is nobody's to see
    this._core._wire('out', frame.payload?.token ? { ...frame, payload: {} } : frame);
    return this._write(frame);
  }

  /** Ends it. Without a code the server keeps its place for who comes back. */
  _end(code) {
    this.#isOver = true;
    this._core._timers._clear(this.#timer);
    this._shut(code);
  }

  // ---------- for its kinds ----------

  _alive() {
    this._seenAt = this._core._env.now();
  }

  _frame(frame) {
    const { type, payload, requestId } = frame;
    if (this.#isOver || (this._isRetired && type !== 'result' && type !== 'error')) return;
    this._isHeard = true;
    this._core._wire('in', frame);
    if (type === 'bye') this.#bye = payload;
    else if (type === 'ping') this._send({ type: 'pong' });
    else if (type === 'error' && requestId === 'connect') this._closed(closeOf(payload));
    else {
      if (type === 'connected') this._core._timers._clear(this.#timer);
      this._owner._take(this, frame);
    }
  }

  _closed(why) {
    if (this.#isOver) return;
    this._end();
    this._owner._ended(this, { ...why, ...this.#bye });
  }
}
