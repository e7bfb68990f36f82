import { unique } from './env.js';
import { RealtimeError } from './errors.js';

// Calls that change nothing: without a key, because an answer would be kept for it, and not worth a queue. Only words that
// mean nothing else: a read that is taken for more waits, what is taken for a read may run twice.
const READS =
  /\.(get|list|search|count|unread|unread_count|summary|preview|overview|history|receipts|online|room|blame|diff|preferences|available_transitions)$/;
// strikes of one call, while the connection lives
const TIMEOUTS = 3;
const REFUSALS = 10; // of its token
const LONGEST = 30000; // between two tries

/**
 * Calls that were made and are not answered: the offline queue and what is under way are one list.
 *
 * What must stay true:
 *  - a call is answered once, by the server's result or error, or by one of ours;
 *  - whether a call ran is unknown when its answer did not come. It is sent again if that does no harm: if
 *    it has a key, or only reads;
 *  - of calls with the same order the next is sent when the one before is answered.
 *
 * Bound: options.queue.limit calls, past it `queue_full`; options.queue.ttl, past it `expired`.
 */
export class Calls {
  _status = { pending: 0, oldest: null };
  _owner; // who is connected
  #list = []; // in the order they were called, those of pages before this one first
  #core;
  #store; // undefined: they are not kept
  #seq = 0;

  constructor(core) {
    this.#core = core;
  }

  _add(method, params = {}, { key, order, timeout, queue, signal } = {}) {
    const { _env, _options } = this.#core;
    const isRead = !key && !queue && READS.test(method);
    const _isQueued = !isRead && queue !== false;
    key ??= _isQueued ? 'k_' + unique(_env) : null;
    const _isRepeatable = isRead || key;
    const call = { key, method, params, order, at: _env.now(), seq: this.#seq++, owner: this._owner, _isQueued, _isRepeatable };
    const ms = timeout ?? (_isQueued ? _options.queue.ttl : _options.callTimeout);
    return new Promise((_resolve, _reject) => {
      const abort = () => this.#fail(call, 'aborted');
      Object.assign(call, { _resolve, _reject, _settled: () => signal?.removeEventListener('abort', abort) });
      if (signal?.aborted) return abort();
      if (this.#list.length >= _options.queue.limit) return this.#fail(call, 'queue_full');
      signal?.addEventListener('abort', abort);
      this.#expire(call, ms, timeout || !_isQueued ? 'timeout' : 'expired');
      this.#list.push(call);
      this.#keep(call);
      this.#count();
      this._flush();
    });
  }

  /** The connection is there, and it is this person's. */
  _ready({ tenant, user }) {
    this._owner = `${tenant}/${user?.id}`;
    for (const call of [...this.#list]) {
      call.owner ??= this._owner;
      // what one person did is not done in another's name
      if (call.owner === this._owner) this.#keep(call);
      else this.#fail(call, 'closed', true);
    }
    this.#open()?._adopt();
    this._flush();
  }

  /** Sends what may be sent now. */
  _flush() {
    const busy = new Set();
    if (!this.#core._connection._isReady || this.#store?._isBusy) return;
    for (const call of [...this.#list]) {
      if (!busy.has(call.order ?? call) && !call._request && !call._pause) this.#send(call);
      busy.add(call.order);
    }
  }

  /** For the store: calls of earlier pages. */
  _takeUp(calls) {
    const { _env, _options } = this.#core;
    this.#list.unshift(...calls);
    for (const call of calls) this.#expire(call, call.at + _options.queue.ttl - _env.now(), 'expired');
    this.#count();
    this._flush();
  }

  /** What is kept waits for the next page. */
  _close() {
    for (const call of [...this.#list]) this.#fail(call, 'closed', true);
    this.#store?._close();
    this.#store = this._owner = undefined;
  }

  // ---------- ----------

  // What earlier pages left is taken up with the first use.
  #open() {
    const { _options, _parts } = this.#core;
    if (!this.#store && _options.queue.persist && _parts._CallStore) {
      this.#store = new _parts._CallStore(this.#core, this);
      this.#store._adopt();
    }
    return this.#store;
  }

  #expire(call, ms, code) {
    if (ms > 0) call._timer = this.#core._timers._set(ms, () => this.#fail(call, code));
    else this.#fail(call, code);
  }

  #keep(call) {
    if (call._isQueued) this.#open()?._put(call);
  }

  #send(call) {
    const { method, params, key } = call;
    call._isSent = true;
    call._request = this.#core._connection._requests._send(
      { type: 'call', payload: { method, params, key: key ?? undefined } },
      this.#core._options.callTimeout,
      ({ payload, id: eventId = null }) => {
        this.#remove(call);
        call._resolve({ payload, eventId, key });
      },
      (error) => this.#failed(call, error),
    );
  }

  // Again, if it may run again and it may help.
  #failed(call, error) {
    const { _connection, _env, _timers } = this.#core;
    const { code, status, retry, retryAfter } = error;
    const { _isRepeatable, _tries = 0, _strikes = 0 } = call;
    let isAgain = code === 'lost' || code === 'unavailable' ? _isRepeatable : status === 429 && retry === 'backoff';
    call._request = null;
    call._tries = _tries + 1;
    if (code === 'timeout') {
      _connection._wake();
      isAgain = _isRepeatable && (call._strikes = _strikes + 1) < TIMEOUTS;
    } else if (retry === 'refresh') {
      _connection._refresh('refused');
      // a token that has only expired is followed by another one
      isAgain = (call._strikes = _strikes + (code !== 'token_expired')) < REFUSALS;
    }
    if (!isAgain) return this.#fail(call, error);
    if (code === 'lost') return;
    call._pause = _timers._set(retryAfter + _env.random() * Math.min(LONGEST, 500 * 2 ** _tries), () => {
      call._pause = null;
      this._flush();
    });
  }

  #fail(call, error, isKept) {
    const retry = error === 'timeout' || error === 'queue_full' ? 'backoff' : 'no';
    this.#remove(call, isKept);
    call._reject(error.code ? error : new RealtimeError({ code: error, retry, details: { sent: !!call._isSent } }));
  }

  #remove(call, isKept) {
    const { _connection, _timers } = this.#core;
    _timers._clear(call._timer);
    _timers._clear(call._pause);
    _connection._requests._forget(call._request);
    this.#list = this.#list.filter((other) => other !== call);
    if (call._isQueued && !isKept) this.#store?._remove(call.key);
    call._settled();
    this.#count();
    this._flush();
  }

  #count() {
    const queued = this.#list.filter((call) => call._isQueued);
    const pending = queued.length;
    const oldest = queued[0]?.at ?? null;
    if (this._status.pending !== pending || this._status.oldest !== oldest)
      this.#core._emitter.emit('sync', (this._status = { pending, oldest }));
  }
}
