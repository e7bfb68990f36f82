import { RealtimeError, closeOf } from './errors.js';
import { Link } from './link.js';

const WAIT = 25000; // of a poll
const PRESENCE_WAIT = 5000; // of one without presence, before that is asked again
const SLACK = 10000; // how much later its answer may come
const PAUSE = 250; // between two polls, so that what comes in a row comes together

const isPresence = (channel) => channel.startsWith('presence:');

/**
 * The same frames where WebSockets do not get through: what comes is read from an event stream (by fetch,
 * so that the token is in a header) or polled, what goes is POST /rpc. Towards the client it looks like a
 * WebSocket: subscribe, unsubscribe, auth and ping have their answers. Ephemeral events cannot be sent.
 *
 * What must stay true: each channel goes on from its own position. A stream has one for all of its
 * channels; where they differ, a poll that does not wait makes them equal. Whatever is asked for begins
 * a new stream or poll, and nothing that an earlier one still brings is heard.
 */
export class HttpLink extends Link {
  #base;
  #wanted = new Map(); // name -> { since, types, canonical, id: of the request that waits for its answer }
  #pings = []; // ids
  #round; // AbortController of the stream or poll under way
  #calls = new AbortController();
  #begin; // timer
  #isDone = false;

  constructor(core, ...rest) {
    super(core, ...rest);
    this.#base = core._options.url.replace(/^ws/, 'http').replace(/\/+$/, '');
    this.#again();
  }

  _write({ type, channel, requestId, payload }) {
    if (type === 'call') return void this.#call(requestId, payload);
    if (type === 'subscribe' || type === 'presence:join')
      this.#wanted.set(channel, { since: payload.since, types: payload.types, id: requestId });
    else if (type === 'unsubscribe') {
      this.#wanted.delete(channel);
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
      for (let wait = 0; !signal.aborted; wait = this.#waitAfter(wait)) {
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

  // A poll that asks who is there is answered at once: that is asked now and then, and waited without.
  #waitAfter(wait) {
    if (![...this.#wanted.keys()].some(isPresence)) return WAIT;
    return wait ? 0 : PRESENCE_WAIT;
  }

  async #stream(signal, since) {
    const query = new URLSearchParams();
    for (const channel of this.#wanted.keys()) query.append('channel', channel);
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
    const asked = [...this.#wanted].filter(([channel]) => wait === 0 || !isPresence(channel));
    const subscriptions = asked.map(([channel, { since, types }]) => ({ channel, since, types }));
    const late = this._core._timers._set(wait + SLACK, () => signal.aborted || this._closed({}));
    try {
      const body = JSON.stringify({ subscriptions, wait });
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
        frame = { ...frame, requestId: wanted.id };
        Object.assign(wanted, { since: payload.position, canonical: channel, id: undefined });
      } else if (isIt && (type === 'error' || type === 'unsubscribed')) {
        this.#wanted.delete(name);
        if (wanted.id) frame = { ...frame, type: 'error', requestId: wanted.id };
        else frame = { type: 'unsubscribed', channel: wanted.canonical, payload };
      }
    }
    this._frame(frame);
  }

  // A whole stream or poll was refused: because of its channels, or else the connection ends.
  #refused(error) {
    this._isHeard = error instanceof RealtimeError;
    const all = [...this.#wanted];
    const fresh = all.filter(([, { id }]) => id);
    if (![400, 403, 404].includes(error.status) || all.length === 0) return this._closed(closeOf(error));
    for (const [channel] of fresh.length ? fresh : all) this.#take({ type: 'error', channel, payload: error });
    this.#again();
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
