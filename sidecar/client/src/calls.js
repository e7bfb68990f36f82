import { unique } from './env.js';
import { RealtimeError } from './errors.js';
import { CallStore } from './store.js';

// calls that change nothing: without a key, because an answer would be kept for it, and not worth a queue
const READS = /\.(get|list|search|count|unread|unread_count|summary|preview|overview|history|receipts|online|room)$/;
const TIMEOUTS = 3; // of one call, while the connection lives
const REFRESHES = 10; // tries of one call that needs a new token
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
  #list = []; // in the order they were called, those of pages before this one first
  #core;
  #store = null;
  #isOpen; // the store is there, or will not be
  #isOpening = false;
  #due; // timer
  #seq = 0;
  #owner = null; // who is connected
  status = { pending: 0, oldest: null };

  constructor(core) {
    this.#core = core;
    this.#isOpen = !core.options.queue.persist;
  }

  add(method, params = {}, { key, order, timeout, queue, signal } = {}) {
    const { env, options } = this.#core;
    const isRead = !key && !queue && READS.test(method);
    const isQueued = !isRead && queue !== false;
    const limit = this.#list.length >= options.queue.limit && 'queue_full';
    const refusal = signal?.aborted ? 'aborted' : limit;
    if (refusal) return Promise.reject(new RealtimeError({ code: refusal, retry: limit ? 'backoff' : 'no' }));
    const made = isQueued ? unique(env, 'k_') : null;
    const call = { method, params, order, key: key ?? made, at: env.now(), seq: this.#seq++, owner: this.#owner };
    call.isQueued = isQueued;
    call.isRepeatable = isRead || call.key !== null;
    return new Promise((resolve, reject) => {
      const abort = () => this.#fail(call, 'aborted');
      signal?.addEventListener('abort', abort);
      const settled = () => signal?.removeEventListener('abort', abort);
      Object.assign(call, { resolve, reject, settled });
      this.#add(call, timeout ?? (isQueued ? options.queue.ttl : options.callTimeout), timeout || !isQueued);
      this.#list.push(call);
      this.#keep(call);
      this.#count();
      this.open();
      this.flush();
    });
  }

  /** Takes up what earlier pages left. */
  async open() {
    const { env, timers, options } = this.#core;
    if (this.#isOpen || this.#isOpening) return;
    this.#isOpening = true;
    const store = await CallStore.open(env, timers, options.queue.persist, unique(env, 't_'));
    if (!this.#isOpening) return store?.close();
    this.#store = store;
    for (const call of this.#list) this.#keep(call);
    await this.#adopt();
    this.#isOpen = true;
    this.flush();
  }

  /** The connection is there, and it is this person's. */
  async ready({ tenant, user }) {
    this.#owner = `${tenant}/${user?.id}`;
    for (const call of [...this.#list]) {
      if (!call.owner) {
        call.owner = this.#owner;
        this.#keep(call);
      }
      // what one person did is not done in another's name
      if (call.owner !== this.#owner) this.#fail(call, 'closed', true);
    }
    this.open();
    await this.#adopt();
    this.flush();
  }

  /** Sends what may be sent now. */
  flush() {
    const { connection, env, timers } = this.#core;
    const busy = new Set();
    let due = Infinity;
    timers.clear(this.#due);
    if (!connection.isReady || !this.#isOpen) return;
    for (const call of [...this.#list]) {
      const isNext = call.order === undefined || !busy.has(call.order);
      busy.add(call.order);
      if (call.request || !isNext) continue;
      if (call.dueAt > env.now()) due = Math.min(due, call.dueAt);
      else this.#send(call);
    }
    if (due < Infinity) this.#due = timers.set(due - env.now(), () => this.flush());
  }

  /** What is kept waits for the next page. */
  close() {
    for (const call of [...this.#list]) this.#fail(call, 'closed', true);
    this.#store?.close();
    this.#store = null;
    this.#isOpen = !this.#core.options.queue.persist;
    this.#isOpening = false;
    this.#owner = null;
  }

  // ---------- ----------

  #add(call, ms, isTimeout) {
    call.timer = this.#core.timers.set(ms, () => this.#fail(call, isTimeout ? 'timeout' : 'expired'));
  }

  #keep({ isQueued, key, at, seq, method, params, order, owner }) {
    if (isQueued) this.#store?.put({ key, at, seq, method, params, order, owner });
  }

  async #adopt() {
    const { env, options, report } = this.#core;
    const adopted = (await this.#store?.adopt()) ?? [];
    const calls = adopted.filter(({ owner }) => !owner || !this.#owner || owner === this.#owner);
    for (const call of calls) {
      // nobody waits for them any more
      const reject = (error) => report(error, call.method);
      Object.assign(call, { isQueued: true, isRepeatable: true, resolve() {}, settled() {}, reject });
      this.#add(call, call.at + options.queue.ttl - env.now());
    }
    this.#list.unshift(...calls);
    this.#count();
  }

  #send(call) {
    const { connection, options } = this.#core;
    const { method, params, key } = call;
    call.isSent = true;
    call.request = connection.requests.send(
      { type: 'call', payload: { method, params, key: key ?? undefined } },
      { timeout: options.callTimeout, done: (frame) => this.#done(call, frame), fail: (e) => this.#failed(call, e) },
    );
  }

  #done(call, { payload, id: eventId = null }) {
    call.request = null;
    this.#remove(call);
    call.resolve({ payload, eventId, key: call.key });
    this.flush();
  }

  // Again, if it may run again and it may help.
  #failed(call, error) {
    const { connection, env } = this.#core;
    const { code, status, retry, retryAfter } = error;
    const { tries = 0, isRepeatable } = call;
    let isAgain = retry === 'backoff' && (status === 429 || (status === 503 && isRepeatable));
    call.request = null;
    call.tries = tries + 1;
    if (code === 'timeout') {
      connection.probe().catch(() => {});
      call.timeouts = (call.timeouts ?? 0) + 1;
      isAgain = isRepeatable && call.timeouts < TIMEOUTS;
    } else if (retry === 'refresh') {
      connection.refresh('refused');
      isAgain = tries < REFRESHES;
    }
    if (!isAgain) this.#fail(call, error);
    else if (code !== 'lost') call.dueAt = env.now() + retryAfter + env.random() * Math.min(LONGEST, 500 * 2 ** tries);
    this.flush();
  }

  #fail(call, error, isKept) {
    const { connection } = this.#core;
    const details = { sent: Boolean(call.isSent) };
    const retry = error === 'timeout' ? 'backoff' : 'no';
    if (call.request) connection.requests.forget(call.request);
    this.#remove(call, isKept);
    call.reject(error.code ? error : new RealtimeError({ code: error, retry, details }));
    this.flush();
  }

  #remove(call, isKept) {
    this.#core.timers.clear(call.timer);
    this.#list = this.#list.filter((other) => other !== call);
    if (call.isQueued && !isKept) this.#store?.remove(call.key);
    call.settled();
    this.#count();
  }

  #count() {
    const queued = this.#list.filter((call) => call.isQueued);
    const status = { pending: queued.length, oldest: queued[0]?.at ?? null };
    const { pending, oldest } = this.status;
    this.status = status;
    if (status.pending !== pending || status.oldest !== oldest) this.#core.emitter.emit('sync', status);
  }
}
