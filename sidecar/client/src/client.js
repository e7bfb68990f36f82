import { Calls } from './calls.js';
import { Channel } from './channel.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { Timers, environment } from './env.js';
import { RealtimeError } from './errors.js';

/** One person on one page: see index.d.ts. Puts the parts together and hands frames to channels. */
export class RealtimeClient {
  #channels = new Map(); // by name
  #emitter;
  #connection;
  #calls;
  #unlisten = null; // stops hearing the page's events

  /** @param parts what there is besides: see index.js */
  constructor({ env, url, backoff, queue, onError = console.error, ...given }, _parts = {}) {
    const _env = environment(env);
    const _emitter = new Emitter(onError);
    const core = {
      _env,
      _emitter,
      _parts,
      _report: onError,
      _timers: new Timers(_env),
      _wire: (direction, json) => _emitter.emit('frame', { direction, at: _env.now(), json }),
      _options: {
        callTimeout: 20000,
        ...given,
        url: new URL(url, globalThis.location?.href).href,
        backoff: { base: 500, cap: 30000, stable: 10000, ...backoff },
        queue: { limit: 1000, ttl: 86400000, ...queue },
      },
    };
    this._core = core;
    this.#emitter = _emitter;
    this.#connection = core._connection = new Connection(core, {
      _changed: (state, before) => _emitter.emit('state', state, before),
      _ready: (hello) => {
        this.#each((channel) => channel._sync());
        this.#calls._ready(hello);
      },
      _lost: () => this.#each((channel) => channel._lost()),
      _frame: (frame) => this.#take(frame),
      _stopped: (bye) => this.#stopped(bye),
    });
    this.#calls = new Calls(core);
  }

  get state() {
    return this.#connection._state;
  }

  get sync() {
    return this.#calls._status;
  }

  get user() {
    return this.#connection._hello?.user ?? null;
  }

  get tenant() {
    return this.#connection._hello?.tenant ?? null;
  }

  get transport() {
    return this.#connection._isReady ? this.#connection._link._kind : null;
  }

  get latency() {
    return this.#connection._latency;
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  connect() {
    this.#unlisten ??= this.#listen();
    return this.#connection._connect();
  }

  close() {
    this.#connection._close();
  }

  ping() {
    return this.#connection._probe();
  }

  channel(name) {
    const channel = this.#channels.get(name) ?? new Channel(this, name);
    this.#channels.set(name, channel);
    return channel;
  }

  async call(method, params, options) {
    if (this.state === 'closed') throw new RealtimeError({ code: 'closed' });
    this._start();
    return this.#calls._add(method, params, options);
  }

  // ---------- for channels ----------

  /** Begins to connect, if nobody did, and to hear what the page and the network do. */
  _start() {
    this.#unlisten ??= this.#listen();
    this.#connection._start();
  }

  /** Does another name of the same channel still want it? */
  _isShared(one) {
    return [...this.#channels.values()].some(
      (other) => other !== one && other.canonical === one.canonical && other._isWanted,
    );
  }

  // ---------- ----------

  #listen() {
    const { window, document } = this._core._env;
    const wake = () => this.#connection._wake();
    const sleep = () => this.#connection._link?._closed({});
    const heard = [
      [window, 'online', wake],
      [window, 'offline', sleep],
      // a page with an open connection is not kept for the back button
      [window, 'pagehide', sleep],
      [window, 'pageshow', ({ persisted }) => persisted && wake()],
      [document, 'visibilitychange', () => document.visibilityState !== 'hidden' && wake()],
    ];
    const each = (how) => heard.forEach(([target, ...rest]) => target?.[how]?.(...rest));
    each('addEventListener');
    return () => each('removeEventListener');
  }

  #each(run) {
    [...this.#channels.values()].forEach(run);
  }

  #take(frame) {
    const { type, channel: name, payload } = frame;
    if (type === 'position') this.#each((channel) => channel._reached(payload.position));
    else if (type === 'status') this.#emitter.emit('database', payload.database === 'up');
    else if (type === 'flow') this.#emitter.emit('flow', payload);
    else if (name && type !== 'error')
      this.#each((channel) => {
        if (channel.canonical !== name) return;
        if (type === 'gap') channel._lost();
        else if (type === 'subscribed') channel._subscribed(frame);
        else if (type === 'unsubscribed')
          channel._refused(new RealtimeError({ ...payload, message: payload.reason ?? payload.message }));
        else channel._event(frame);
      });
  }

  #stopped(bye) {
    if (this.state !== 'closed') return;
    const error = new RealtimeError({ code: 'closed', message: bye.reason, retry: bye.retry });
    this.#unlisten?.();
    this.#unlisten = null;
    this.#calls._close();
    this.#each((channel) => channel._refused(error, 'idle'));
    this._core._timers._clearAll();
    if (bye.code !== 1000) this.#emitter.emit('closed', bye);
  }
}

/** @param {import('../index.d.ts').ClientOptions} options */
export const createRealtimeClient = (options) => new RealtimeClient(options);
