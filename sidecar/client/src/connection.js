import { RealtimeError } from './errors.js';
import { Requests } from './requests.js';
import { SocketLink } from './socket.js';

const PATIENCE = 8000; // until `connected`
const PROBE = 3000; // until a sign of life
const TOKEN_PATIENCE = 15000;
const REFUSALS = 3; // tokens in a row
const SOON = 5000; // another try of a refresh

/**
 * One connection that is there or under way, whatever it goes over. What must stay true:
 *  - #set() is the only place that changes the state;
 *  - one link counts (_link); another may be under way over a better transport, and takes over when it
 *    is connected (Ladder, which is not there where there are only WebSockets);
 *  - from _start() until _close(), or the server's stop, there is a link with a deadline or one that is
 *    connected, or a timer for the next, or a token is asked for with a deadline;
 *  - the delay between attempts is random (full jitter) and grows until a connection was stable.
 */
export class Connection {
  _state = 'idle';
  _hello = null; // what the server said at the beginning; null when nobody is known
  _latency = null;
  _link = null;
  #tries = 0;
  #refusals = 0;
  #readyAt = 0;
  #resume; // { session, key } of the last connection
  #turn = 0; // of the latest attempt; what an earlier one still wants does not count
  #retry; // timers; this one says that the next attempt waits
  #refresh;
  #watch;
  #isRefreshing;
  #waiters = []; // of _connect()
  #core;
  #tell;
  #ladder;

  /** @param tell { _changed, _ready, _frame, _lost, _stopped }: what it calls */
  constructor(core, tell) {
    this.#core = core;
    this.#tell = tell;
    this._requests = new Requests(core._timers);
    this.#ladder = core._parts._Ladder && new core._parts._Ladder(core, this);
  }

  get _isReady() {
    return this._link?._isReady;
  }

  get #isStopped() {
    return this._state === 'closed' || this._state === 'unauthorized';
  }

  /** Begins, if nobody did before. */
  _start() {
    if (this._state === 'idle') this.#attempt();
  }

  /** Begins, also anew; resolves when connected. */
  _connect() {
    if (this._isReady) return Promise.resolve();
    const connected = new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    if (this.#isStopped) {
      this.#tries = this.#refusals = 0;
      this.#ladder?._reset();
    }
    if (this.#isStopped || this._state === 'idle') this.#attempt();
    else this._wake();
    return connected;
  }

  _close() {
    this.#stop('closed');
  }

  /** Is anybody there? Resolves with the round trip; a link that shows no sign of life is given up. */
  _probe(timeout = PATIENCE) {
    const link = this._link;
    const { now } = this.#core._env;
    const began = now();
    return new Promise((resolve, reject) => {
      if (!this._isReady) return reject(new RealtimeError({ code: 'offline', retry: 'backoff' }));
      this._requests._send(
        { type: 'ping' },
        timeout,
        () => resolve((this._latency = now() - began)),
        (error) => {
          if (error.code === 'timeout' && link._seenAt <= began) link._closed({ reason: 'no answer' });
          reject(error);
        },
      );
    });
  }

  /** The page is back, or the network: what is there is looked at, what waits is done now. */
  _wake() {
    if (this._isReady) this._probe(PROBE).catch(() => {});
    else if (this.#retry) this.#attempt();
  }

  /** Gets a new token for the connection that is there. */
  async _refresh(reason = 'refresh') {
    const link = this._link;
    if (!this._isReady || this.#isRefreshing) return;
    this.#isRefreshing = true;
    const token = await this._token(reason);
    this.#isRefreshing = false;
    if (link !== this._link) return;
    if (token === null) this.#stop('unauthorized');
    else if (token === undefined) this.#refreshIn(SOON, reason);
    else
      this._requests._send(
        { type: 'auth', payload: { token } },
        PROBE,
        ({ payload }) => this.#expires(payload.expiresAt),
        ({ code, status, retryAfter }) => {
          if (status === 403) link._closed({ reason: 'another user' });
          else if (status === 401 && ++this.#refusals >= REFUSALS) this.#stop('unauthorized');
          else if (code !== 'lost') this.#refreshIn(SOON + retryAfter, status === 401 ? 'refused' : reason);
        },
      );
  }

  // ---------- attempts ----------

  #set(state) {
    const before = this._state;
    this._state = state;
    if (state !== before) this.#tell._changed(state, before);
  }

  get #isOffline() {
    return this.#core._env.navigator?.onLine === false;
  }

  async #attempt(reason = 'connect') {
    const turn = ++this.#turn;
    const isFirst = this.#isStopped || this._state === 'idle' || this._state === 'connecting';
    this.#core._timers._clear(this.#retry);
    this.#retry = null;
    this.#set(this.#isOffline ? 'offline' : isFirst ? 'connecting' : 'reconnecting');
    const token = await this._token(reason);
    if (turn !== this.#turn) return;
    if (token === null) this.#stop('unauthorized');
    else if (token) this._link = this.#open(token);
    else this.#again();
  }

  #open(_token) {
    const about = { _kind: 'websocket', _token, _resume: this.#resume, _patience: PATIENCE };
    return this.#ladder?._open(_token, this.#resume) ?? new SocketLink(this.#core, this, about);
  }

  // null: nobody is logged in; undefined: it could not be had.
  _token(reason) {
    const { _timers, _options, _report } = this.#core;
    return new Promise((resolve) => {
      const timer = _timers._set(TOKEN_PATIENCE, resolve);
      new Promise((done) => done(_options.getToken({ reason })))
        .then((token) => resolve(token || null))
        .catch((error) => {
          _report(error, 'getToken');
          resolve();
        })
        .finally(() => _timers._clear(timer));
    });
  }

  #again({ reason, retryAfter = 0 } = {}) {
    const { _env, _timers, _options } = this.#core;
    const { base, cap } = _options.backoff;
    const delay = retryAfter + _env.random() * Math.min(cap, base * 2 ** this.#tries++);
    // who says that there is no network may be wrong
    const isOffline = this.#isOffline;
    _timers._clear(this.#retry);
    this.#retry = _timers._set(isOffline ? Math.max(delay, cap) : delay, () => this.#attempt(reason));
    this.#set(isOffline ? 'offline' : 'reconnecting');
  }

  #stop(state, bye = { code: 1000, reason: state, retry: 'no' }) {
    this.#turn++;
    this.#core._timers._clear(this.#retry);
    this.#retry = this._hello = this.#resume = null;
    this.#drop(1000);
    for (const { reject } of this.#waiters.splice(0))
      reject(new RealtimeError({ code: state, message: bye.reason, retry: bye.retry }));
    if (state === this._state) return;
    this.#set(state);
    this.#tell._stopped(bye);
  }

  // There is no link any more.
  #drop(code) {
    const link = this._link;
    for (const timer of [this.#refresh, this.#watch]) this.#core._timers._clear(timer);
    this._link = null;
    this.#isRefreshing = false;
    this._requests._attach(null);
    link?._end(code);
    this.#ladder?._stop();
    this.#tell._lost();
    this._requests._lost(link);
  }

  // ---------- what a link says ----------

  _take(link, frame) {
    const { type, payload } = frame;
    if (type === 'connected') this.#connected(link, payload);
    else if (link === this.#ladder?._better || this._requests._settle(frame)) return;
    else if (type === 'token_expiring') this._refresh();
    else this.#tell._frame(frame);
  }

  // Event streams and polls say it again and again.
  #connected(link, hello) {
    const isNew = !link._isReady;
    link._isReady = true;
    link._limit = hello.limits?.frame ?? link._limit;
    if (link !== this._link) this.#replace(link);
    if (isNew || hello.expiresAt !== this._hello.expiresAt) this.#expires(hello.expiresAt);
    this._hello = hello;
    this.#resume = hello.key && { session: hello.session, key: hello.key };
    if (!isNew) return;
    this.#refusals = 0;
    this.#readyAt = this.#core._env.now();
    this._requests._attach(link);
    this.#look(link);
    this.#ladder?._works(link);
    this.#set(link._kind === 'poll' ? 'polling' : 'connected');
    if (link !== this._link) return;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    this.#tell._ready(hello);
    this._probe().catch(() => {});
  }

  // The better one takes over.
  #replace(link) {
    const before = this._link;
    this._requests._attach(null);
    this._link = link;
    before._isRetired = true;
    before._retire();
    this._requests._lost(before, true);
    this.#tell._lost();
  }

  _ended(link, { code, reason = '', retry = 'no', retryAfter }) {
    const { _env, _options } = this.#core;
    if (link === this.#ladder?._better) this.#ladder._gaveUp();
    if (link !== this._link) return;
    if (link._isReady && _env.now() - this.#readyAt >= _options.backoff.stable) this.#tries = 0;
    if (code >= 4500 || code === 1002 || code === 1009) return this.#stop('closed', { code, reason, retry });
    if (code === 4401 && ++this.#refusals >= REFUSALS) return this.#stop('unauthorized');
    if (code === 1012) retryAfter ??= 1000 + 1000 * _env.random();
    this.#drop();
    if (!link._isHeard && !this.#isOffline && this.#ladder?._goesDown(link)) this.#attempt();
    else this.#again({ reason: code === 4401 ? 'refused' : undefined, retryAfter });
  }

  // ---------- while connected ----------

  #expires(at) {
    const life = at - this.#core._env.now();
    if (life > 0) this.#refreshIn(Math.max(life * 0.8, SOON));
  }

  #refreshIn(ms, reason) {
    this.#core._timers._clear(this.#refresh);
    this.#refresh = this.#core._timers._set(ms, () => this._refresh(reason));
  }

  // The server asks after silence of ours; after long silence of its own, we do.
  #look(link) {
    const { _timers, _env } = this.#core;
    const { heartbeat = 25000 } = this._hello;
    _timers._clear(this.#watch);
    this.#watch = _timers._set(heartbeat, () => {
      if (_env.now() - link._seenAt >= 2 * heartbeat) this._wake();
      this.#look(link);
    });
  }
}
