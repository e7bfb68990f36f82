import { Calls } from './calls.js';
import { Channel } from './channel.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { Timers, environment } from './env.js';
import { RealtimeError } from './errors.js';

const DAY = 24 * 60 * 60 * 1000;

/** One person on one page: see index.d.ts. Puts the parts together and hands frames to channels. */
export class RealtimeClient {
  #channels = new Map(); // by name
  #emitter;
  #connection;
  #calls;
  #unlisten = null; // stops hearing the page's events

  constructor({ onError = (error, where) => console.error(where, error), ...given }) {
    const env = environment(given.env);
    const options = {
      transports: ['websocket', 'sse', 'poll'],
      callTimeout: 20000,
      ...given,
      url: new URL(given.url, globalThis.location?.href).href,
      backoff: { base: 500, cap: 30000, stable: 10000, ...given.backoff },
      queue: { limit: 1000, ttl: DAY, persist: false, ...given.queue },
    };
    const emitter = (this.#emitter = new Emitter(onError));
    const timers = new Timers(env);
    this._report = onError;
    this.#connection = new Connection(options, env, timers, {
      report: onError,
      wire: (direction, json) => emitter.has('frame') && emitter.emit('frame', { direction, at: env.now(), json }),
      state: (state, before) => emitter.emit('state', state, before),
      ready: (hello) => this.#ready(hello),
      lost: () => this.#each((channel) => channel._lost()),
      frame: (frame) => this.#take(frame),
      stopped: (bye) => this.#stopped(bye),
    });
    this._core = { env, timers, options, emitter, report: onError, connection: this.#connection };
    this.#calls = new Calls(this._core);
  }

  get state() {
    return this.#connection.state;
  }

  get sync() {
    return this.#calls.status;
  }

  get user() {
    return this.#connection.hello?.user ?? null;
  }

  get tenant() {
    return this.#connection.hello?.tenant ?? null;
  }

  get transport() {
    return this.#connection.transport;
  }

  get latency() {
    return this.#connection.latency;
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  connect() {
    this.#unlisten ??= this.#listen();
    return this.#connection.connect();
  }

  close() {
    this.#connection.close();
  }

  ping() {
    return this.#connection.probe();
  }

  channel(name) {
    if (!this.#channels.has(name)) this.#channels.set(name, new Channel(this, name));
    return this.#channels.get(name);
  }

  call(method, params, options) {
    if (this.state === 'closed') return Promise.reject(new RealtimeError({ code: 'closed' }));
    this._start();
    return this.#calls.add(method, params, options);
  }

  // ---------- for channels ----------

  /** Begins to connect, if nobody did, and to hear what the page and the network do. */
  _start() {
    this.#connection.start();
    this.#unlisten ??= this.#listen();
  }

  /** Does another name of the same channel still want it? */
  _isShared({ canonical, name }) {
    return [...this.#channels.values()].some(
      (other) => other.name !== name && other.canonical === canonical && other.state !== 'idle',
    );
  }

  _resync(name) {
    this.#emitter.emit('resync', name);
  }

  // ---------- ----------

  #listen() {
    const { window, document } = this._core.env;
    const connection = this.#connection;
    const wake = () => connection.wake();
    const sleep = () => connection.sleep();
    const heard = [
      [window, 'online', wake],
      [window, 'offline', sleep],
      // a page with an open connection is not kept for the back button
      [window, 'pagehide', sleep],
      [window, 'pageshow', ({ persisted }) => persisted && wake()],
      [document, 'visibilitychange', () => document.visibilityState !== 'hidden' && wake()],
    ];
    for (const [target, event, listener] of heard) target?.addEventListener(event, listener);
    return () => {
      for (const [target, event, listener] of heard) target?.removeEventListener(event, listener);
    };
  }

  #each(run) {
    for (const channel of [...this.#channels.values()]) run(channel);
  }

  #ready(hello) {
    this.#each((channel) => channel._sync());
    this.#calls.ready(hello);
  }

  #take(frame) {
    const { type, channel: name, payload } = frame;
    if (type === 'position') this.#each((channel) => channel._reached(payload.position));
    else if (type === 'status') this.#emitter.emit('database', payload.database === 'up');
    else if (type === 'flow') this.#emitter.emit('flow', payload);
    else if (name) this.#each((channel) => channel.canonical === name && this.#hand(channel, frame, payload ?? {}));
  }

  #hand(channel, frame, { code, reason, message = reason }) {
    if (frame.type === 'gap') channel._lost();
    else if (frame.type === 'subscribed') channel._subscribed(frame);
    else if (frame.type === 'unsubscribed') channel._refused(new RealtimeError({ code, message }));
    else channel._event(frame);
  }

  #stopped(bye) {
    if (this.state !== 'closed') return;
    const error = new RealtimeError({ code: 'closed', message: bye.reason, retry: bye.retry });
    this.#unlisten?.();
    this.#unlisten = null;
    this.#calls.close();
    this.#each((channel) => channel._closed(error));
    this._core.timers.clearAll();
    if (bye.code !== 1000) this.#emitter.emit('closed', bye);
  }
}

/** @param {import('../index.d.ts').ClientOptions} options */
export const createRealtimeClient = (options) => new RealtimeClient(options);
