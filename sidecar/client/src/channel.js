import { Emitter } from './emitter.js';
import { RealtimeError } from './errors.js';
import { Presence } from './presence_channel.js';

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
  #types = null; // null: all
  #waiting = []; // of subscribe()
  #request = null;
  #isStale = false; // subscribe again after the answer
  #timer; // of leaving, or of another try
  #seen = new Set();
  #seenBefore = new Set();
  #outbox = new Map(); // ephemeral type -> { data, isNew }
  #presence;

  constructor(client, name) {
    this.#client = client;
    this.name = name;
    this.#emitter = new Emitter(client._report);
  }

  on(type, listener) {
    return this.#emitter.on(type, listener);
  }

  subscribe({ since, types } = {}) {
    const { connection, timers } = this.#client._core;
    if (connection.state === 'closed') return Promise.reject(new RealtimeError({ code: 'closed' }));
    this.#client._start();
    timers.clear(this.#timer);
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
    const { timers } = this.#client._core;
    if (this.#refs === 0 || --this.#refs > 0) return;
    timers.clear(this.#timer);
    this.#timer = timers.set(LINGER, () => this.#leave());
  }

  publish(type, data) {
    const { connection, timers } = this.#client._core;
    const waiting = this.#outbox.get(type);
    if (waiting) return void Object.assign(waiting, { data, isNew: true });
    if (this.state !== 'subscribed' || !this.can.includes('publish')) return;
    connection.post({ type: 'publish', channel: this.name, payload: { type, data } });
    const entry = { isNew: false };
    this.#outbox.set(type, entry);
    timers.set(BEAT, () => {
      this.#outbox.delete(type);
      if (entry.isNew) this.publish(type, entry.data);
    });
  }

  presence() {
    return (this.#presence ??= new Presence(this.#client, this.name));
  }

  // ---------- for the client ----------

  /** Asks for what is to be had and is not. */
  _sync() {
    const { connection, timers, options } = this.#client._core;
    if (!connection.isReady || this.#request || this.#refs === 0 || !this.#isStale) return;
    timers.clear(this.#timer);
    this.#isStale = false;
    this.state = 'subscribing';
    const payload = { since: this.position ?? undefined, types: this.#types ?? undefined, ...this._me };
    this.#request = connection.requests.send(
      { type: this._me ? 'presence:join' : 'subscribe', channel: this.name, payload },
      { timeout: options.callTimeout, done: (frame) => this._subscribed(frame), fail: (error) => this.#failed(error) },
    );
  }

  /** The connection ended, or the channel's stream is broken: begin again. */
  _lost() {
    this.#isStale = true;
    if (this.state === 'subscribed') this.state = 'subscribing';
    this._sync();
  }

  /** The answer to a subscribe, or what a poll begins with. */
  _subscribed({ channel, payload }) {
    this.#request = null;
    this.canonical = channel;
    if (this.#refs === 0 && this.#waiting.length === 0) return this.#leave();
    const isNew = this.state !== 'subscribed';
    this.can = payload.can;
    this.state = 'subscribed';
    if (!payload.recovered) {
      this.#signal('resync', payload);
      this.#client._resync(this.name);
    }
    for (const event of payload.events) this._event(event);
    this._reached(payload.position);
    if (!this.#isStale) for (const { resolve } of this.#waiting.splice(0)) resolve(this.#answer(payload.recovered));
    if (isNew) this.#signal('subscribed', payload);
    this._sync();
  }

  /** The server does not let it in any more, or never did. */
  _refused(error) {
    const waiting = this.#waiting.splice(0);
    this.state = 'refused';
    this.can = [];
    this.#isStale = false;
    this.#refs -= waiting.length;
    if (this.#refs === 0) this.position = null;
    for (const { reject } of waiting) reject(error);
    this.#signal('unsubscribed', { code: error.code, reason: error.message });
  }

  /** An event, also an ephemeral one. */
  _event(event) {
    const { id, type } = event;
    if (this.state !== 'subscribed') return;
    if (id) {
      if (this.#seen.has(id) || this.#seenBefore.has(id)) return;
      this.#seen.add(id);
      if (this.#seen.size > REMEMBERED) this.#forget();
    }
    this.#emitter.emitMatching(type, event);
  }

  /** Everything before this position was delivered. */
  _reached(position) {
    if (this.state !== 'subscribed') return;
    this.position = position;
    this.#forget();
  }

  /** The client is closed, and may be connected again. */
  _closed(error) {
    const waiting = this.#waiting.splice(0);
    this.#refs -= waiting.length;
    for (const { reject } of waiting) reject(error);
    this.#request = null;
    this.#outbox.clear();
    this.#isStale = this.#refs > 0;
    this.state = this.#refs > 0 ? 'subscribing' : 'idle';
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

  // Is more wanted than before?
  #widen(types) {
    const before = this.#refs > 0 ? this.#types : [];
    const all = before && types ? [...new Set([...before, ...types])] : null;
    const isWider = this.#refs > 0 && all?.length !== before?.length;
    this.#types = all;
    return isWider;
  }

  #failed(error) {
    const { connection, timers, env } = this.#client._core;
    this.#request = null;
    if (this.#refs === 0) return this.#leave();
    this.#isStale = true;
    if (error.code === 'lost') return;
    if (error.code === 'timeout') connection.probe().catch(() => {});
    if (error.retry === 'refresh') connection.refresh('refused');
    if (error.retry === 'no' && error.code !== 'conflict') return this._refused(error);
    timers.clear(this.#timer);
    this.#timer = timers.set((error.retryAfter || 500) + 500 * env.random(), () => this._sync());
  }

  #leave() {
    const { connection, options } = this.#client._core;
    if (this.#refs > 0 || this.#request) return;
    const isIn = this.canonical !== null;
    this.state = 'idle';
    this.position = null;
    this.can = [];
    this.#types = null;
    // its answer has an id, so that it is not taken for the server's own decision
    const answer = { timeout: options.callTimeout, done() {}, fail() {} };
    if (isIn && connection.isReady && !this.#client._isShared(this))
      connection.requests.send({ type: 'unsubscribe', channel: this.name }, answer);
  }
}
