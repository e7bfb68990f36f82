import { RealtimeError } from './errors.js';
import { Link } from './link.js';
import { Requests } from './requests.js';

const PATIENCE = { websocket: 3000, sse: 2500, poll: 8000 }; // until `connected`; blocked to polling within 10 s
const LONG_PATIENCE = 10000; // when there is something else to live on
const PROBE = 3000; // until a sign of life
const TOKEN_PATIENCE = 15000;
const REFUSALS = 3; // tokens in a row
const SOON = 5000; // another try of a better transport that did work, or of a refresh
const LATER = 60000; // of one that never did
const LAST = 600000; // the longest between two such

/**
 * One connection that is there or under way, whatever it goes over. What must stay true:
 *  - #set() is the only place that changes the state;
 *  - one link counts (#link); another (#better) may be under way over a better transport, and takes over
 *    when it is connected;
 *  - from start() until close(), or the server's stop, there is a link with a deadline or one that is
 *    connected, or a timer for the next, or a token is asked for with a deadline;
 *  - the delay between attempts is random (full jitter) and grows until a connection was stable.
 */
export class Connection {
  #state = 'idle';
  #link = null;
  #better = null;
  #level = 0; // of options.transports, which one is next
  #worked = new Set(); // those that did on this page
  #misses = 0; // in a row, of one that did work
  #tries = 0;
  #refusals = 0;
  #readyAt = 0;
  #resume; // { session, key } of the last connection
  #turn = 0; // of the latest attempt; what an earlier one still wants does not count
  #retry = null; // timers; this one says that the next attempt waits
  #refresh;
  #watch;
  #upgrade;
  #upgrades = 0;
  #isRefreshing = false;
  #waiters = []; // of connect()
  #options;
  #env;
  #timers;
  #tell;

  hello = null; // what the server said at the beginning; null when nobody is known
  latency = null;

  /** @param tell { wire, state, ready, frame, lost, stopped, report }: what it calls */
  constructor(options, env, timers, tell) {
    this.#options = options;
    this.#env = env;
    this.#timers = timers;
    this.#tell = tell;
    this.requests = new Requests(timers);
    this.owner = {
      wire: tell.wire,
      take: (link, frame) => this.#take(link, frame),
      ended: (link, why) => this.#ended(link, why),
    };
  }

  get state() {
    return this.#state;
  }

  get isReady() {
    return Boolean(this.#link?.isReady);
  }

  get transport() {
    return this.isReady ? this.#link.kind : null;
  }

  get isStopped() {
    return this.#state === 'closed' || this.#state === 'unauthorized';
  }

  /** Begins, if nobody did before. */
  start() {
    if (this.#state === 'idle') this.#attempt();
  }

  /** Begins, also anew; resolves when connected. */
  connect() {
    if (this.isReady) return Promise.resolve();
    const connected = new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    if (this.isStopped) this.#tries = this.#refusals = this.#level = 0;
    if (this.isStopped || this.#state === 'idle' || this.#retry) this.#attempt();
    return connected;
  }

  close() {
    if (this.#state !== 'closed') this.#stop('closed', { code: 1000, reason: 'closed', retry: 'no' });
  }

  /** Sends what needs no answer, to nobody when not connected. */
  post(frame) {
    if (this.isReady) this.#link.send(frame);
  }

  /** Is anybody there? Resolves with the round trip; a link that shows no sign of life is given up. */
  probe() {
    const link = this.#link;
    const began = this.#env.now();
    return new Promise((resolve, reject) => {
      if (!this.isReady) return reject(new RealtimeError({ code: 'offline', retry: 'backoff' }));
      this.requests.send(
        { type: 'ping' },
        {
          timeout: PROBE,
          done: () => resolve((this.latency = this.#env.now() - began)),
          fail: (error) => {
            if (error.code === 'timeout' && link.seenAt <= began) link.closed({ reason: 'no answer' });
            reject(error);
          },
        },
      );
    });
  }

  /** The page is back, or the network: what is there is looked at, what waits is done now. */
  wake() {
    if (this.isReady) this.probe().catch(() => {});
    else if (this.#retry) this.#attempt();
  }

  /** The page or the network goes. */
  sleep() {
    this.#link?.closed({});
  }

  /** Gets a new token for the connection that is there. */
  async refresh(reason = 'refresh') {
    const link = this.#link;
    if (!this.isReady || this.#isRefreshing) return;
    this.#timers.clear(this.#refresh);
    this.#isRefreshing = true;
    const token = await this.#token(reason);
    this.#isRefreshing = false;
    if (link !== this.#link) return;
    if (token === null) return this.#unauthorized();
    if (token === undefined) return this.#refreshIn(SOON, reason);
    this.requests.send(
      { type: 'auth', payload: { token } },
      {
        timeout: PROBE,
        done: ({ payload }) => {
          this.#refusals = 0;
          this.#expires(payload.expiresAt);
        },
        fail: ({ code, status }) => {
          if (code === 'lost') return;
          if (status === 403) link.closed({ reason: 'another user' });
          else if (status === 401 && ++this.#refusals >= REFUSALS) this.#unauthorized();
          else this.#refreshIn(SOON, status === 401 ? 'refused' : reason);
        },
      },
    );
  }

  // ---------- attempts ----------

  #set(state) {
    const before = this.#state;
    this.#state = state;
    if (state !== before) this.#tell.state(state, before);
  }

  #isOffline() {
    return this.#env.navigator?.onLine === false;
  }

  async #attempt(reason = 'connect') {
    this.#timers.clear(this.#retry);
    this.#retry = null;
    const turn = ++this.#turn;
    const isFirst = this.isStopped || this.#state === 'idle' || this.#state === 'connecting';
    this.#set(this.#isOffline() ? 'offline' : isFirst ? 'connecting' : 'reconnecting');
    const token = await this.#token(reason);
    if (turn !== this.#turn) return;
    if (token === null) this.#unauthorized();
    else if (token === undefined) this.#again();
    else this.#link = this.#open(token, this.#level, PATIENCE[this.#options.transports[this.#level]], this.#resume);
  }

  // null: nobody is logged in; undefined: it could not be had.
  #token(reason) {
    return new Promise((resolve) => {
      const timer = this.#timers.set(TOKEN_PATIENCE, resolve);
      new Promise((done) => done(this.#options.getToken({ reason })))
        .then((token) => resolve(token || null))
        .catch((error) => {
          this.#tell.report(error, 'getToken');
          resolve();
        })
        .finally(() => this.#timers.clear(timer));
    });
  }

  #open(token, level, patience, resume) {
    const { url, transports } = this.#options;
    return new Link({ kind: transports[level], level, token, url, resume, patience }, this.#env, this.#timers, this.owner);
  }

  #again({ reason, retryAfter = 0 } = {}) {
    const { base, cap } = this.#options.backoff;
    const delay = retryAfter + this.#env.random() * Math.min(cap, base * 2 ** this.#tries++);
    // who says that there is no network may be wrong
    const isOffline = this.#isOffline();
    this.#timers.clear(this.#retry);
    this.#retry = this.#timers.set(isOffline ? Math.max(delay, cap) : delay, () => this.#attempt(reason));
    this.#set(isOffline ? 'offline' : 'reconnecting');
  }

  #unauthorized() {
    this.#stop('unauthorized', { code: 4401, reason: 'unauthorized', retry: 'refresh' });
  }

  #stop(state, bye) {
    const link = this.#link;
    this.#turn++;
    for (const timer of [this.#retry, this.#refresh, this.#watch, this.#upgrade]) this.#timers.clear(timer);
    this.#retry = null;
    this.#link = this.hello = this.#resume = null;
    this.requests.attach(null);
    link?.end(1000);
    this.#better?.end(1000);
    this.#better = null;
    this.#tell.lost();
    this.requests.lost(link);
    for (const { reject } of this.#waiters.splice(0))
      reject(new RealtimeError({ code: state, message: bye.reason, retry: bye.retry }));
    this.#set(state);
    this.#tell.stopped(bye);
  }

  // ---------- what a link says ----------

  #take(link, frame) {
    const { type, payload } = frame;
    if (type === 'connected') this.#connected(link, payload);
    else if (link === this.#better || this.requests.settle(frame)) return;
    else if (type === 'token_expiring') this.refresh();
    else this.#tell.frame(frame);
  }

  // Event streams and polls say it again and again.
  #connected(link, hello) {
    const isNew = !link.isReady;
    link.isReady = true;
    if (link !== this.#link) this.#replace(link);
    this.hello = hello;
    this.#resume = hello.key && { session: hello.session, key: hello.key };
    this.#expires(hello.expiresAt);
    if (!isNew) return;
    this.#level = link.level;
    this.#worked.add(link.kind);
    this.#misses = this.#refusals = 0;
    this.#readyAt = this.#env.now();
    this.requests.attach(link);
    this.#look(link);
    this.#plan();
    this.#set(link.kind === 'poll' ? 'polling' : 'connected');
    if (link !== this.#link) return;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    this.#tell.ready(hello);
    this.probe().catch(() => {});
  }

  // The better one takes over.
  #replace(link) {
    const before = this.#link;
    this.requests.attach(null);
    this.#better = null;
    this.#link = link;
    this.#upgrades = 0;
    before.retire();
    this.requests.lost(before, true);
    this.#tell.lost();
  }

  #ended(link, why) {
    if (link === this.#better) {
      this.#better = null;
      this.#plan();
    }
    if (link !== this.#link) return;
    this.#link = null;
    this.requests.attach(null);
    for (const timer of [this.#refresh, this.#watch, this.#upgrade]) this.#timers.clear(timer);
    this.#better?.end();
    this.#better = null;
    this.#tell.lost();
    this.requests.lost(link);
    if (this.#link || this.isStopped) return; // somebody who heard of it was quicker
    this.#goOn(link, why);
  }

  #goOn(link, { code, reason = '', retry = 'no', retryAfter }) {
    if (link.isReady && this.#env.now() - this.#readyAt >= this.#options.backoff.stable) this.#tries = 0;
    if (code >= 4500 || code === 1002 || code === 1009) return this.#stop('closed', { code, reason, retry });
    if (code === 4401 && ++this.#refusals >= REFUSALS) return this.#unauthorized();
    if (code === 4409) this.#resume = undefined;
    if (code === 1012) retryAfter ??= 1000 + 1000 * this.#env.random();
    if (link.isHeard || !this.#fallBack(link)) this.#again({ reason: code === 4401 ? 'refused' : undefined, retryAfter });
    else this.#attempt();
  }

  // The next transport, at once, when this one does not work; false when it is to be tried again later.
  #fallBack(link) {
    const count = this.#options.transports.length;
    if (this.#isOffline() || (this.#worked.has(link.kind) && ++this.#misses < 2)) return false;
    this.#level = (link.level + 1) % count;
    return this.#level > 0;
  }

  // ---------- while connected ----------

  #expires(at) {
    const life = at - this.#env.now();
    if (life > 0) this.#refreshIn(Math.max(life * 0.8, SOON));
  }

  #refreshIn(ms, reason) {
    this.#timers.clear(this.#refresh);
    this.#refresh = this.#timers.set(ms, () => this.refresh(reason));
  }

  // The server asks after silence of ours; after long silence of its own, we do.
  #look(link) {
    const { heartbeat = 25000 } = this.hello;
    this.#timers.clear(this.#watch);
    this.#watch = this.#timers.set(heartbeat, () => {
      if (this.#env.now() - link.seenAt >= 2 * heartbeat) this.probe().catch(() => {});
      this.#look(link);
    });
  }

  // One of the better transports is tried from time to time.
  #plan() {
    const link = this.#link;
    const { transports } = this.#options;
    this.#timers.clear(this.#upgrade);
    if (!link?.isReady || link.level === 0) return;
    const level = this.#upgrades % link.level;
    const delay = (this.#worked.has(transports[level]) ? SOON : LATER) * 2 ** this.#upgrades++;
    this.#upgrade = this.#timers.set(Math.min(delay, LAST), async () => {
      const token = await this.#token('connect');
      if (link !== this.#link) return;
      if (token) this.#better = this.#open(token, level, LONG_PATIENCE);
      else this.#plan();
    });
  }
}
