import { Emitter } from './emitter.js';
import { RealtimeError } from './errors.js';

const LINGER = 100; // ms that a channel nobody wants is kept, because who remounts comes back at once
const BEAT = 50; // ms between two ephemeral events of one type
const REMEMBERED = 4096; // ids, at least, since the last position

/**
 * One channel by one name. What must stay true:
 *  - listeners hear each event once, in the order of the stream, and only while `subscribed`: what
 *    arrives while an answer is awaited comes again in it;
 *  - the position is that of the connection as far as it holds for this channel; ids seen since are
 *    remembered, because what came behind the last position comes again. Bound: twice REMEMBERED;
 *  - one subscribe is under way at a time, and who leaves meanwhile leaves after its answer.
 */
export class Channel {
  canonical = null;
  state = 'idle';
  position = null;
  can = [];
  _me = null; // what presence:join says, null when it is a subscribe
  #client;
  #emitter;
  #refs = 0;
  #types; // null: all
  #waiting = []; // of subscribe()
  #request = null;
  #isStale = false; // to be subscribed, or again after the answer
  #timer; // of leaving, or of another try
  #seen = new Set();
  #seenBefore = new Set();
  #outbox = new Map(); // ephemeral type -> [data] that waits, or []
  #presence;

  constructor(client, name) {
    this.#client = client;
    this.name = name;
    this.#emitter = new Emitter(client._core._report);
  }

  on(type, listener) {
    return this.#emitter.on(type, listener);
  }

  subscribe({ since, types } = {}) {
    const client = this.#client;
    if (client.state === 'closed') return Promise.reject(new RealtimeError({ code: 'closed' }));
    client._start();
    this.#stopTimer();
    this.position ??= since ?? null;
    const isWider = this.#widen(types);
    this.#refs++;
    if (this.state === 'subscribed' && !isWider) return Promise.resolve(this.#answer(true));
    if (this.state !== 'subscribed') this.state = 'subscribing';
    this.#isStale ||= isWider || !this.#request;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this._sync();
    });
  }

  unsubscribe() {
    if (this.#refs === 0 || --this.#refs > 0) return;
    this.#wait(LINGER, () => this.#leave());
  }

  publish(type, data) {
    const { _connection, _timers } = this.#client._core;
    const waiting = this.#outbox.get(type);
    if (waiting) return void (waiting[0] = data);
    if (this.state !== 'subscribed' || !this.can.includes('publish')) return;
    _connection._link._send({ type: 'publish', channel: this.name, payload: { type, data } });
    const next = [];
    this.#outbox.set(type, next);
    _timers._set(BEAT, () => {
      this.#outbox.delete(type);
      if (next.length) this.publish(type, next[0]);
    });
  }

  presence() {
    const { _Presence } = this.#client._core._parts;
    if (!_Presence) throw new RealtimeError({ code: 'no_presence' });
    return (this.#presence ??= new _Presence(this.#client, this.name));
  }

  // ---------- for the client ----------

  get _isWanted() {
    return this.#refs > 0;
  }

  /** Asks for what is to be had and is not. */
  _sync() {
    if (!this.#client._core._connection._isReady || this.#request || this.#refs === 0 || !this.#isStale) return;
    this.#stopTimer();
    this.#isStale = false;
    this.state = 'subscribing';
    this.#request = this._ask(
      this._me ? 'presence:join' : 'subscribe',
      { since: this.position ?? undefined, types: this.#types ?? undefined, ...this._me },
      (frame) => this._subscribed(frame),
      (error) => this.#failed(error),
    );
  }

  /** Sends a request about the channel. */
  _ask(type, payload, done = () => {}, fail = done) {
    const { _connection, _options } = this.#client._core;
    if (_connection._isReady)
      return _connection._requests._send({ type, channel: this.name, payload }, _options.callTimeout, done, fail);
  }

  /** The connection ended, or the channel's stream is broken: begin again. */
  _lost() {
    this.#isStale = true;
    if (this.state === 'subscribed') this.state = 'subscribing';
    this._sync();
  }

  /** The answer to a subscribe, or what a poll begins with. */
  _subscribed({ channel, payload }) {
    const { position, recovered, can, events } = payload;
    const isNew = this.state !== 'subscribed';
    this.#request = null;
    this.canonical = channel;
    if (this.#refs === 0) return this.#leave();
    this.can = can;
    this.state = 'subscribed';
    if (!recovered) {
      this.#signal('resync', payload);
      this.#client._core._emitter.emit('resync', this.name);
    }
    for (const event of events) this._event(event);
    this._reached(position);
    if (!this.#isStale) for (const { resolve } of this.#waiting.splice(0)) resolve(this.#answer(recovered));
    if (isNew) this.#signal('subscribed', payload);
    this._sync();
  }

  /** It is not to be had, any more or at all. */
  _refused(error, state = 'refused') {
    const waiting = this.#waiting.splice(0);
    this.#request = null;
    this.#refs -= waiting.length;
    this.#isStale = this.#refs > 0;
    this.can = [];
    this.state = state;
    this.#outbox.clear();
    if (this.#refs === 0) this.position = null;
    for (const { reject } of waiting) reject(error);
    if (state === 'refused') this.#signal('unsubscribed', { code: error.code, reason: error.message });
  }

  /** An event, also an ephemeral one. */
  _event(event) {
    const { id, type } = event;
    if (this.state !== 'subscribed' || this.#seen.has(id) || this.#seenBefore.has(id)) return;
    if (id) this.#seen.add(id);
    if (this.#seen.size > REMEMBERED) this.#forget();
    this.#emitter.emitMatching(type, event);
  }

  /** Everything before this position was delivered. */
  _reached(position) {
    if (this.state !== 'subscribed') return;
    this.position = position;
    this.#forget();
  }

  // ---------- ----------

  #answer(recovered) {
    return { position: this.position, recovered, can: this.can };
  }

  #signal(type, payload) {
    this.#emitter.emit(type, { type, channel: this.canonical ?? this.name, payload });
  }

  #forget() {
    this.#seenBefore = this.#seen;
    this.#seen = new Set();
  }

  #stopTimer() {
    this.#client._core._timers._clear(this.#timer);
  }

  #wait(ms, run) {
    this.#stopTimer();
    this.#timer = this.#client._core._timers._set(ms, run);
  }

  // Is more wanted than before?
  #widen(types) {
    const before = this.#refs > 0 ? this.#types : [];
    this.#types = before && types ? [...new Set([...before, ...types])] : null;
    return this.#refs > 0 && this.#types?.length !== before?.length;
  }

  #failed(error) {
    const { _connection, _env } = this.#client._core;
    const { code, retry, retryAfter } = error;
    this.#request = null;
    this.#isStale = true;
    if (this.#refs === 0) return this.#leave();
    if (code === 'lost') return;
    if (code === 'timeout') _connection._wake();
    if (retry === 'refresh') _connection._refresh('refused');
    if (retry === 'no' && code !== 'conflict') this._refused(error);
    else this.#wait((retryAfter || 500) + 500 * _env.random(), () => this._sync());
  }

  #leave() {
    if (this.#refs > 0 || this.#request) return;
    this.state = 'idle';
    this.position = null;
    this.can = [];
    // its answer has an id, so that it is not taken for the server's own decision
    if (this.canonical && !this.#client._isShared(this)) this._ask('unsubscribe');
  }
}
