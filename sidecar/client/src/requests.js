import { RealtimeError } from './errors.js';

const WINDOW = 24; // requests in flight; the server takes 32

/**
 * Requests that wait for their answer, and those that wait for room to be sent.
 *
 * What must stay true: each ends once, by done(frame) or fail(error), with error `lost` when the
 * connection it was sent on, or was to be sent on, ended before. Bound: WINDOW in flight; the others are the
 * callers', who bound their own.
 */
export class Requests {
  #waiting = new Map(); // id -> { frame, options, link, timer }
  #inFlight = 0;
  #last = 0;
  #link = null;
  #timers;

  constructor(timers) {
    this.#timers = timers;
  }

  /** Frames go to this link from now on; null: to none. */
  attach(link) {
    this.#link = link;
    this.#pump();
  }

  /** Returns an id for forget(). The time-out begins when the frame is sent. */
  send(frame, options) {
    const requestId = String(++this.#last);
    this.#waiting.set(requestId, { frame: { ...frame, requestId }, options });
    this.#pump();
    return requestId;
  }

  /** Whoever asked is not interested any more. */
  forget(id) {
    this.#take(id);
    this.#pump();
  }

  /** Is it an answer? */
  settle(frame) {
    const request = this.#take(frame.requestId);
    if (request && frame.type === 'error') request.options.fail(new RealtimeError(frame.payload));
    else request?.options.done(frame);
    this.#pump();
    return request !== undefined || frame.requestId !== undefined;
  }

  /** The connection is gone. keepCalls: it still answers calls that were sent. */
  lost(link, keepCalls) {
    for (const [id, request] of [...this.#waiting])
      if ((request.link ?? link) === link && !(keepCalls && request.link && request.frame.type === 'call'))
        this.#fail(id, 'lost');
    this.#pump();
  }

  #take(id) {
    const request = this.#waiting.get(id);
    if (!request) return;
    this.#waiting.delete(id);
    this.#timers.clear(request.timer);
    if (request.link) this.#inFlight--;
    return request;
  }

  #fail(id, code) {
    this.#take(id)?.options.fail(new RealtimeError({ code, status: code === 'too_large' ? 413 : 503, retry: 'backoff' }));
  }

  #pump() {
    for (const [id, request] of this.#waiting) {
      if (!this.#link || this.#inFlight >= WINDOW) return;
      if (request.link) continue;
      request.link = this.#link;
      this.#inFlight++;
      // what cannot be sent fails later, too: not before send() has returned
      const refused = this.#link.send(request.frame);
      request.timer = this.#timers.set(refused ? 0 : request.options.timeout, () => this.#fail(id, refused || 'timeout'));
    }
  }
}
