import { unique } from './env.js';
import { RealtimeError, closeOf } from './errors.js';
import { Link } from './link.js';

const WAIT = 25000; // of a poll
const SLACK = 10000; // how much later its answer may come
const PAUSE = 250; // between two polls, so that what comes in a row comes together
const BEAT = 200; // between two publishes in a channel
const PATIENCE = 5000; // for leaving

/**
 * The same frames where WebSockets do not get through: what comes is read from an event stream (by fetch,
 * so that the token is in a header) or polled, what goes is POST /rpc and /publish. Towards the client it looks
 * like a WebSocket: subscribe, presence, unsubscribe, auth and ping have their answers.
 *
 * What must stay true: each channel goes on from its own position. A stream has one for all of its
 * channels; where they differ, a poll that does not wait makes them equal. Whatever is asked for begins
 * a new stream or poll, and nothing that an earlier one still brings is heard. Where one is present is said with
 * every stream and poll, and they all have the page's name, so that one is there once.
 */
export class HttpLink extends Link {
  #base;
  // name -> { since, types, canonical, id: of the request that waits for its answer,
  //   me: what one says of oneself there, said: the last of it that was taken, updates: ids, version: of the list }
  #wanted = new Map();
  #words = new Map(); // channel -> Map of kind -> what is to be published
  #left; // promise: what was left is
  #pings = []; // ids
  #round; // AbortController of the stream or poll under way
  #calls = new AbortController();
  #begin; // timer
  #isDone = false;

  constructor(core, ...rest) {
    super(core, ...rest);
    core._page ??= unique(core._env);
    this.#base = core._options.url.replace(/^ws/, 'http').replace(/\/+$/, '');
    this.#again();
  }

  _write({ type, channel, requestId, payload }) {
    if (type === 'call') return void this.#call(requestId, payload);
    if (type === 'publish') return this.#publish(channel, payload);
    const wanted = this.#wanted.get(channel);
    if (type === 'subscribe') this.#wanted.set(channel, { ...payload, id: requestId });
    else if (type === 'presence:join') {
      const { since, types, ...me } = payload;
      this.#wanted.set(channel, { since, types, me, id: requestId });
    } else if (type === 'presence:update' && wanted?.me) {
      Object.assign(wanted.me, payload);
      wanted.updates = [...(wanted.updates ?? []), requestId];
    } else if (type === 'unsubscribe' || type === 'presence:leave') {
      this.#wanted.delete(channel);
      if (wanted?.me) this.#leave(channel);
      this.#answer({ type: 'unsubscribed', requestId });
    } else if (type === 'auth') {
      this._token = payload.token;
      this.#answer({ type: 'result', requestId, payload: {} });
    } else if (type === 'ping') this.#pings.push(requestId);
    else return;
    this.#again();
  }

  _shut() {
    this._retire();
    this.#calls.abort();
  }

  _retire() {
    this.#isDone = true;
    this._core._timers._clear(this.#begin);
    this.#round?.abort();
  }

  // A new stream or poll, in a moment, with all that is asked for until then.
  #again() {
    if (this.#isDone) return;
    this.#round?.abort();
    this._core._timers._clear(this.#begin);
    this.#begin = this._core._timers._set(0, () => this.#run());
  }

  // As the server would answer: not before send() has returned.
  #answer(frame) {
    this._core._timers._set(0, () => this._frame(frame));
  }

  async #run() {
    const { signal } = (this.#round = new AbortController());
    try {
      await this.#left;
      for (let wait = 0; !signal.aborted; wait = WAIT) {
        const since = new Set([...this.#wanted.values()].map((wanted) => wanted.since));
        if (this._kind === 'sse' && since.size < 2) {
          await this.#stream(signal, [...since][0]);
          if (!signal.aborted) this._closed({});
        } else await this.#poll(signal, wait);
      }
    } catch (error) {
      if (!signal.aborted) this.#refused(error);
    }
  }

  async #stream(signal, since) {
    const query = new URLSearchParams({ page: this._core._page });
    for (const [channel, { me }] of this.#wanted) {
      query.append('channel', channel);
      if (!me) continue;
      query.append('presence', me.status);
      if ('meta' in me) query.append('meta', JSON.stringify(me.meta ?? {}));
    }
    const filters = new Set([...this.#wanted.values()].map(({ types }) => types?.join() ?? ''));
    const [types] = filters;
    if (filters.size === 1 && types) query.set('types', types);
    if (since) query.set('since', since);
    const reader = (await this.#fetch(`/sse?${query}`, { signal })).body.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this._alive();
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const data = /^data: ?(.*)$/m.exec(block);
        if (data && !signal.aborted) this.#take(JSON.parse(data[1]));
      }
    }
  }

  async #poll(signal, wait) {
    const ask = ([channel, { since, types, me, version }]) => ({ channel, since, types, presence: me, version });
    const subscriptions = [...this.#wanted].map(ask);
    const late = this._core._timers._set(wait + SLACK, () => signal.aborted || this._closed({}));
    try {
      const body = JSON.stringify({ subscriptions, wait, page: this._core._page });
      const answer = await this.#fetch('/poll', { method: 'POST', body, signal });
      for (const frame of (await answer.json()).frames) if (!signal.aborted) this.#take(frame);
    } finally {
      this._core._timers._clear(late);
    }
    this._alive();
    if (!signal.aborted && this._kind === 'poll')
      await new Promise((resume) => this._core._timers._set(PAUSE, resume));
  }

  // Rejects with a RealtimeError when the gateway refuses, with anything else when it did not answer.
  async #fetch(path, { headers, ...options }) {
    const answer = await this._core._env.fetch(this.#base + path, {
      cache: 'no-store',
      headers: { authorization: `Bearer ${this._token}`, ...headers },
      ...options,
    });
    if (answer.ok) return answer;
    throw new RealtimeError(await answer.json());
  }

  // Puts in what tells a client's requests apart, and the canonical name where a refusal has none.
  #take(frame) {
    const { type, channel, payload } = frame;
    for (const id of this.#pings.splice(0)) this._frame({ type: 'pong', requestId: id });
    for (const [name, wanted] of this.#wanted) {
      const isIt = name === channel || wanted.canonical === channel || name === payload?.as;
      if (type === 'position') wanted.since = payload.position;
      else if (type === 'subscribed' && isIt && (name === payload.as || !this.#wanted.has(payload.as))) {
        for (const requestId of wanted.updates ?? []) this.#answer({ type: 'result', requestId, payload: {} });
        // what it brings is news also when nobody waits for it any more: the next stream goes on behind it
        const { _requests } = this._core._connection;
        frame = { ...frame, requestId: _requests._has(wanted.id) ? wanted.id : undefined };
        Object.assign(wanted, { since: payload.position, canonical: channel, id: undefined, updates: undefined });
        wanted.said = wanted.me && { ...wanted.me };
      } else if (isIt && payload?.version) wanted.version = payload.version;
      else if (isIt && (type === 'error' || type === 'unsubscribed')) {
        this.#wanted.delete(name);
        if (wanted.id) frame = { ...frame, type: 'error', requestId: wanted.id };
        else frame = { type: 'unsubscribed', channel: wanted.canonical, payload };
      }
    }
    // a list that is the one we have
    if (type !== 'presence:sync' || payload.users) this._frame(frame);
  }

  // A whole stream or poll was refused: because of its channels, or else the connection ends.
  #refused(error) {
    this._isHeard = error instanceof RealtimeError;
    const all = [...this.#wanted];
    const updated = all.filter(([, { updates, id }]) => updates && !id);
    if ([400, 413].includes(error.status) && updated.length) {
      for (const [, wanted] of updated) this.#takeBack(wanted, error);
      return this.#again();
    }
    const fresh = all.filter(([, { id }]) => id);
    if (![400, 403, 404, 413].includes(error.status) || all.length === 0) return this._closed(closeOf(error));
    for (const [channel] of fresh.length ? fresh : all) this.#take({ type: 'error', channel, payload: error });
    this.#again();
  }

  // What one said of oneself was not taken.
  #takeBack(wanted, payload) {
    for (const requestId of wanted.updates) this.#answer({ type: 'error', requestId, payload });
    Object.assign(wanted, { me: { ...wanted.said }, updates: undefined });
  }

  // Not there any more: said at once, because a stream or poll that ends may come back. What is asked for next waits.
  #leave(channel) {
    const control = new AbortController();
    const late = this._core._timers._set(PATIENCE, () => control.abort());
    const body = JSON.stringify({ subscriptions: [{ channel, presence: null }], wait: 0, page: this._core._page });
    this.#left = Promise.allSettled([this.#left, this.#fetch('/poll', { method: 'POST', body, signal: control.signal })]).then(() =>
      this._core._timers._clear(late),
    );
  }

  // One at a time in a channel, of each kind the last; starting and stopping are one kind.
  async #publish(channel, payload) {
    const isBusy = this.#words.has(channel);
    const words = this.#words.get(channel) ?? new Map();
    const kind = payload.type.replace(/_(start|stop)$/, '');
    words.delete(kind);
    words.set(kind, payload);
    this.#words.set(channel, words);
    if (isBusy) return;
    for (const [next, { type, data }] of words) {
      words.delete(next);
      if (this.#isDone) break;
      const body = JSON.stringify({ channel, type, data, page: this._core._page });
      const said = this.#fetch('/publish', { method: 'POST', body, signal: this.#calls.signal });
      const { retryAfter = 0 } = await said.catch((error) => error);
      await new Promise((resume) => this._core._timers._set(BEAT + retryAfter, resume));
    }
    this.#words.delete(channel);
  }

  async #call(requestId, { method, params, key }) {
    const frame = { type: 'result', requestId };
    try {
      const headers = { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) };
      const body = JSON.stringify(params);
      const answer = await this.#fetch(`/rpc/${method}`, { method: 'POST', headers, body, signal: this.#calls.signal });
      frame.id = answer.headers.get('wrk-event-id') ?? undefined;
      frame.payload = await answer.json();
    } catch (error) {
      const isRefusal = error instanceof RealtimeError;
      frame.type = 'error';
      frame.payload = isRefusal ? error : { code: 'unavailable', status: 503, retry: 'backoff' };
    }
    this._frame(frame);
  }
}
