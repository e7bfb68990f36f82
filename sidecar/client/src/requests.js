import { RealtimeError } from './errors.js';

const WINDOW = 24; // requests in flight; the server takes 32

/**
 * Requests that wait for their answer, and those that wait for room to be sent.
 *
 * What must stay true: each ends once, by done(frame) or fail(error), with error `lost` when the
 * link it was sent over, or was to be sent over, ended before; and not before _send() has returned.
 * Bound: WINDOW in flight; the others are the callers', who bound their own.
 */
export class Requests {
  #all = new Map(); // id -> { _frame, _timeout, _done, _fail, _link, _timer }
  #inFlight = 0;
  #last = 0;
  #link;
  #timers;

  constructor(timers) {
    this.#timers = timers;
  }

  /** Frames go to this link from now on; null: to none. */
  _attach(link) {
    this.#link = link;
    this.#pump();
  }

  /** Returns an id for _forget(). The time-out begins when the frame is sent. */
  _send(frame, _timeout, _done, _fail) {
    const requestId = `${++this.#last}`;
    this.#all.set(requestId, { _frame: { ...frame, requestId }, _timeout, _done, _fail });
    this.#pump();
    return requestId;
  }

  /** Whoever asked is not interested any more. */
  _forget(id) {
    const request = this.#all.get(id);
    this.#all.delete(id);
    if (request?._link) {
      this.#timers._clear(request._timer);
      this.#inFlight--;
      this.#pump();
    }
    return request;
  }

  _has(id) {
    return this.#all.has(id);
  }

  /** Is it an answer? */
  _settle(frame) {
    const { requestId, type, payload } = frame;
    const request = this._forget(requestId);
    if (type === 'error') request?._fail(new RealtimeError(payload));
    else request?._done(frame);
    return requestId;
  }

  /** The link is gone. keepCalls: it still answers those that were sent. */
  _lost(link, keepCalls) {
    for (const [id, { _link, _frame }] of [...this.#all])
      if ((_link ?? link) === link && !(keepCalls && _link && _frame.type === 'call')) this.#fail(id, 'lost');
  }

  #fail(id, code) {
    this._forget(id)?._fail(new RealtimeError({ code, retry: 'backoff' }));
  }

  #pump() {
    for (const [id, request] of this.#all) {
      if (!this.#link || this.#inFlight >= WINDOW) return;
      if (request._link) continue;
      request._link = this.#link;
      this.#inFlight++;
      const refused = this.#link._send(request._frame);
      request._timer = this.#timers._set(refused ? 0 : request._timeout, () => this.#fail(id, refused || 'timeout'));
    }
  }
}
