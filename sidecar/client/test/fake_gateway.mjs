// A gateway in memory, for the client's tests: wrk.v1 over sockets, streams, polls and calls, on a fake clock.
//
// It keeps one log of events; a position is how much of it was seen. Frames of a connection arrive in order, after
// a delay of `latency()` each. Faults are for the test to make: cut(), block(), refuse(), gap(), revoke().
// What it must be true to: PROTOCOL.md.

import { setMaxListeners } from 'node:events';

const TENANT = 'T';

export const canonical = (name, user = 'U') =>
  name === 'me' ? `tenant:${TENANT}:user:${user}` : name.startsWith('tenant:') ? name : `tenant:${TENANT}:${name}`;

const matches = (types, type) =>
  !types || types.some((t) => t === type || (t.endsWith('*') && type.startsWith(t.slice(0, -1))));

const refusal = (code, status, retry = 'no', more = {}) => ({ code, status, message: code, retry, ...more });

// One client's connection, whatever it goes over; `out` takes the frames.
class Conn {
  recent = []; // events since the last position
  subs = new Map(); // canonical -> { types, held: null or what waits for the answer, broken }
  isKnown = false;
  isOpen = true;
  #last = 0;

  constructor(gateway, out) {
    Object.assign(this, { gateway, out });
    gateway.conns.add(this);
  }

  // in order, each a little later
  later(run) {
    const { clock, latency } = this.gateway;
    this.#last = Math.max(this.#last, clock.now() + latency());
    clock.setTimeout(() => this.isOpen && run(), this.#last - clock.now());
  }

  send(frame) {
    if (frame.type === 'position') this.recent = [];
    else if (frame.id && frame.channel) this.recent.push(frame);
    this.later(() => this.out(JSON.parse(JSON.stringify(frame))));
  }

  // says again what it said since the last position
  repeat() {
    for (const frame of this.recent.splice(0)) if (this.subs.get(frame.channel)?.held === null) this.send(frame);
  }

  reply(requestId, type, payload, more = {}) {
    this.send({ type, ...(requestId === undefined ? {} : { requestId }), ...more, payload });
  }

  // Judges a token; false when it was refused.
  open(token, requestId) {
    const { gateway } = this;
    const who = gateway.judge(token);
    if (gateway.isDown) return this.reply(requestId, 'error', refusal('unavailable', 503, 'backoff', { retryAfter: 200 }));
    if (!who) {
      this.reply(requestId, 'error', refusal('token_expired', 401, 'refresh'));
      this.close(4401, 'token_expired', 'refresh');
      return false;
    }
    Object.assign(this, { isKnown: true, who, token });
    this.key = `key${++gateway.sessions}`;
    const channels = [canonical(`user:${who.user}`), `tenant:${TENANT}`];
    for (const name of channels) this.subs.set(name, { types: null, held: null });
    this.reply(requestId, 'connected', {
      session: `s${gateway.sessions}`,
      key: this.key,
      user: { id: who.user, roles: ['client'] },
      tenant: TENANT,
      expiresAt: who.expiresAt,
      resumed: false,
      channels,
      heartbeat: 25000,
      limits: { frame: 65536 },
      position: gateway.position(gateway.fetched),
    });
    return true;
  }

  take(frame) {
    if (!this.isOpen) return;
    const { type, requestId, channel, payload = {} } = frame;
    const { gateway } = this;
    gateway.received.push(frame);
    const limited = gateway.limit(frame);
    if (limited) return this.reply(requestId, 'error', limited, channel ? { channel } : {});
    if (type === 'connect') this.open(payload.token, requestId);
    else if (type === 'ping') this.reply(requestId, 'pong', {});
    else if (type === 'pong' || type === 'presence:heartbeat') return;
    else if (!this.isKnown) this.reply(requestId, 'error', refusal('unauthorized', 401, 'refresh'));
    else if (type === 'auth') this.refresh(requestId, payload.token);
    else if (type === 'presence:update') return this.reply(requestId, 'result', {});
    else if (type === 'subscribe' || type === 'presence:join')
      gateway.work(() => this.subscribe(requestId, channel, payload));
    else if (type === 'unsubscribe' || type === 'presence:leave') {
      this.subs.delete(canonical(channel, this.who.user));
      this.reply(requestId, 'unsubscribed', {}, { channel: canonical(channel, this.who.user) });
    } else if (type === 'call')
      gateway.work(() => {
        const { error, result, id } = gateway.run(payload, this.who);
        if (error) this.reply(requestId, 'error', error);
        else this.reply(requestId, 'result', result, id ? { id } : {});
      });
    else if (type === 'publish') gateway.published.push([canonical(channel), payload.type, payload.data]);
  }

  refresh(requestId, token) {
    const who = this.gateway.judge(token);
    if (!who) return this.reply(requestId, 'error', refusal('token_expired', 401, 'refresh'));
    if (who.user !== this.who.user) return this.reply(requestId, 'error', refusal('forbidden', 403));
    Object.assign(this, { who, token });
    this.reply(requestId, 'result', { expiresAt: who.expiresAt });
  }

  subscribe(requestId, as, { since, types, version }) {
    const { gateway } = this;
    const name = canonical(as, this.who.user);
    const error = gateway.refused.get(name) ?? (gateway.isDown && refusal('unavailable', 503, 'backoff', { retryAfter: 100 }));
    if (error) {
      if (![400, 429].includes(error.status)) this.subs.delete(name);
      return this.reply(requestId, 'error', error, { channel: as });
    }
    // everything committed until now is in the answer; what comes later waits for it
    const upto = gateway.log.length;
    const sub = { types, held: [], upto };
    this.subs.set(name, sub);
    gateway.work(() => {
      if (this.subs.get(name) !== sub) return this.reply(requestId, 'error', refusal('conflict', 409), { channel: as });
      const from = since === undefined ? upto : gateway.read(since);
      const recovered = from !== null && upto - from <= gateway.replayMost;
      const events = recovered ? gateway.log.slice(from, upto).filter((e) => e.channel === name && matches(types, e.type)) : [];
      const payload = { as, position: gateway.position(upto), recovered, can: ['read', 'publish'], events };
      // what came before is behind the position of the answer, and not said again
      this.recent = this.recent.filter(({ channel }) => channel !== name);
      this.reply(requestId, 'subscribed', payload, { channel: name });
      const list = gateway.lists.get(name);
      if (list) this.send({ type: 'presence:sync', channel: name, payload: { users: list.version === version ? null : list.users, version: list.version } });
      const { held } = sub;
      sub.held = null;
      for (const event of held) this.send(event);
      this.settle();
    });
  }

  // A batch of the log that was fetched.
  deliver(events, first) {
    if (!this.isKnown) return;
    events.forEach((event, i) => {
      const sub = this.subs.get(event.channel);
      if (!sub || sub.broken || first + i < sub.upto || !matches(sub.types, event.type)) return;
      if (sub.held) sub.held.push(event);
      else this.send(event);
    });
    this.settle();
  }

  // A position holds for all channels, or is not given.
  settle() {
    for (const sub of this.subs.values()) if (sub.held || sub.broken || sub.upto > this.gateway.fetched) return;
    if (!this.gateway.mute()) this.send({ type: 'position', payload: { position: this.gateway.position(this.gateway.fetched) } });
  }

  gap(name, reason = 'slow_consumer') {
    const sub = this.subs.get(name);
    if (!sub || sub.held || sub.broken) return;
    sub.broken = true;
    this.send({ type: 'gap', channel: name, payload: { reason } });
  }

  revoke(name) {
    if (this.subs.delete(name))
      this.send({ type: 'unsubscribed', channel: name, payload: { code: 'forbidden', reason: 'rights' } });
  }

  close(code, reason = '', retry = 'no', more = {}) {
    this.send({ type: 'bye', payload: { code, reason, retry, ...more } });
    this.later(() => this.end(code, reason));
  }

  end(code, reason) {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.gateway.conns.delete(this);
    this.onEnd?.(code, reason);
  }
}

export class FakeGateway {
  conns = new Set();
  log = [];
  fetched = 0; // of the log, by the feed
  refused = new Map(); // canonical -> error payload
  received = []; // frames
  published = [];
  polls = []; // bodies
  streams = []; // queries
  lists = new Map(); // canonical -> { users, version }, of presence channels
  keys = new Map(); // key -> { count, result, id }
  methods = {};
  blocked = {}; // websocket, sse, poll, rpc: 'refuse' | 'hang'
  isDown = false; // the database
  sessions = 0;
  epoch = 1;
  replayMost = 1000;
  mute = () => false; // keep a position back?
  limit = () => null; // error payload for a frame that is one too many
  latency = () => 1;
  #nextId = 1;
  #tokens = new Map();

  constructor(clock) {
    this.clock = clock;
    this.WebSocket = socketClass(this);
  }

  // what goes into createRealtimeClient({ env })
  env(more = {}) {
    const { clock } = this;
    // the client's own timers, apart from the gateway's
    const timers = new Set();
    return {
      timers,
      now: clock.now,
      setTimeout: (run, ms) => {
        const id = clock.setTimeout(() => (timers.delete(id), run()), ms);
        timers.add(id);
        return id;
      },
      clearTimeout: (id) => (timers.delete(id), clock.clearTimeout(id)),
      random: Math.random,
      WebSocket: this.WebSocket,
      fetch: (url, options) => this.fetch(url, options),
      window: null,
      document: null,
      navigator: null,
      indexedDB: null,
      ...more,
    };
  }

  token(user = 'U', life = 3600000) {
    const token = `token${this.#tokens.size}`;
    this.#tokens.set(token, { user, expiresAt: this.clock.now() + life });
    return token;
  }

  judge(token) {
    const who = this.#tokens.get(token);
    return who && who.expiresAt > this.clock.now() ? who : null;
  }

  position(n) {
    return `${this.epoch}.${n}`;
  }

  // null: of another epoch
  read(position) {
    const [epoch, n] = position.split('.').map(Number);
    return epoch === this.epoch ? n : null;
  }

  // the database takes a moment
  work(run) {
    this.clock.setTimeout(run, this.latency());
  }

  // ---------- what happens in the database ----------

  // A commit; it is delivered by fetch().
  commit(name, type, payload = {}, more = {}) {
    const id = String(this.#nextId++);
    this.log.push({ type, channel: canonical(name), id, payload, timestamp: this.clock.now(), ...more });
    return id;
  }

  // The feed brings what was committed.
  fetchNow() {
    const first = this.fetched;
    const events = this.log.slice(first);
    this.fetched = this.log.length;
    for (const conn of [...this.conns]) conn.deliver(events, first);
  }

  emit(name, type, payload, more) {
    const id = this.commit(name, type, payload, more);
    this.fetchNow();
    return id;
  }

  // For everybody in the channel now.
  ephemeral(name, type, payload, more = {}) {
    for (const conn of this.conns)
      if (conn.subs.get(canonical(name))) conn.send({ type, channel: canonical(name), payload, ephemeral: true, ...more });
  }

  // Runs a call: { result, id } or { error }.
  run({ method, params, key }, who) {
    if (this.isDown) return { error: refusal('unavailable', 503, 'backoff', { retryAfter: 100 }) };
    const before = key && this.keys.get(key);
    if (before) return { ...before, count: undefined };
    let answer;
    try {
      const made = this.methods[method];
      if (!made) throw refusal('not_found', 404);
      answer = { result: made(params, { key, ...who }) ?? {} };
    } catch (error) {
      if (error instanceof Error) throw error;
      return { error };
    }
    answer.id = this.log.at(-1)?.key === key && key ? this.log.at(-1).id : undefined;
    if (key) this.keys.set(key, answer);
    return this.afterRun?.() ?? answer;
  }

  // ---------- faults ----------

  block(how) {
    this.blocked = how;
  }

  // All connections break, without a word.
  cut(code = 1006) {
    for (const conn of [...this.conns]) conn.end(code, '');
  }

  // Token lives are looked at, as the gateway does every second.
  expire() {
    for (const conn of [...this.conns])
      if (conn.who && conn.who.expiresAt <= this.clock.now()) conn.close(4401, 'token_expired', 'refresh');
  }

  gap(name) {
    for (const conn of this.conns) conn.gap(canonical(name));
  }

  revoke(name) {
    this.refused.set(canonical(name), refusal('not_found', 404));
    for (const conn of this.conns) conn.revoke(canonical(name));
  }

  // ---------- HTTP ----------

  fetch(address, { method = 'GET', headers = {}, body, signal } = {}) {
    const url = new URL(address);
    const [kind] = /(?<=\/)(sse|poll|rpc|publish)/.exec(url.pathname);
    return new Promise((resolve, reject) => {
      const abort = () => reject(new DOMException('aborted', 'AbortError'));
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort);
      if (signal) setMaxListeners(0, signal);
      if (this.blocked[kind] === 'hang') return;
      this.clock.setTimeout(() => {
        if (signal?.aborted) return;
        if (this.blocked[kind]) return reject(new TypeError('fetch failed'));
        const token = headers.authorization?.replace('Bearer ', '');
        const given = { url, headers, token, signal, params: body ? JSON.parse(body) : {}, method, answer, reject };
        this[`serve_${kind}`](given);
      }, this.latency());
      const answer = (status, json, more = {}) =>
        this.clock.setTimeout(() => resolve(response(status, json, more)), this.latency());
    });
  }

  serve_rpc({ url, headers, token, params, answer, reject }) {
    const who = this.judge(token);
    if (!who) return answer(401, refusal('token_expired', 401, 'refresh'));
    this.work(() => {
      const method = url.pathname.split('/').at(-1);
      const { error, result, id } = this.run({ method, params, key: headers['idempotency-key'] }, who);
      if (this.loseAnswer?.()) return reject(new TypeError('fetch failed'));
      if (error) answer(error.status, error);
      else answer(200, result, { 'wrk-event-id': id });
    });
  }

  serve_publish({ token, params, answer }) {
    if (!this.judge(token)) return answer(401, refusal('token_expired', 401, 'refresh'));
    const { channel, type, data, page } = params;
    const limited = this.limit({ type: 'publish', channel, payload: { type, data } });
    if (limited) return answer(limited.status, limited);
    this.published.push([canonical(channel), type, data, page]);
    answer(200, {});
  }

  // connects and joins; calls back with the connection, or answers the refusal
  #join({ token, answer }, wanted, out, then) {
    if (this.isDown) return answer(503, refusal('unavailable', 503, 'backoff', { retryAfter: 200 }));
    if (!this.judge(token)) return answer(401, refusal('token_expired', 401, 'refresh'));
    for (const { channel, presence } of wanted) {
      const bad = presence && this.limit({ type: 'presence', channel, payload: presence });
      if (bad) return answer(bad.status, bad);
    }
    const errors = wanted.map(({ channel }) => this.refused.get(canonical(channel))).filter(Boolean);
    if (wanted.length > 0 && errors.length === wanted.length) return answer(errors[0].status, errors[0]);
    const conn = new Conn(this, out);
    conn.open(token);
    for (const { channel, since, types, version } of wanted) conn.subscribe(undefined, channel, { since, types, version });
    then(conn);
  }

  serve_poll(request) {
    const { subscriptions, wait } = request.params;
    this.polls.push(request.params);
    const frames = [];
    const isNews = ({ type, id, channel, payload }) =>
      (id && channel) || payload?.users || ['error', 'gap', 'unsubscribed'].includes(type) || (type === 'subscribed' && (payload.events.length > 0 || !payload.recovered));
    let waiting = subscriptions.length + 1; // answers, and `connected`
    let isNew = wait === 0;
    let isOver = false;
    let conn;
    const finish = (isLost) => {
      if (isOver) return;
      isOver = true;
      if (isLost) return request.reject(new TypeError('fetch failed'));
      conn.end();
      // what was not said yet belongs before the position
      request.answer(200, { frames: frames.filter((f, i) => f.type !== 'position' || i === frames.length - 1) });
    };
    const take = (frame) => {
      frames.push(frame);
      if (['connected', 'subscribed', 'error'].includes(frame.type)) waiting--;
      isNew ||= isNews(frame);
      if (frame.type === 'bye') finish();
      else if (waiting <= 0 && isNew) this.clock.setTimeout(finish, 0);
    };
    this.#join(request, subscriptions, take, (made) => {
      conn = made;
      conn.onEnd = (code) => finish(code !== undefined && !isOver);
      request.signal?.addEventListener('abort', () => ((isOver = true), conn.end()));
      this.clock.setTimeout(() => ((isNew = true), waiting > 0 || finish()), wait);
    });
  }

  serve_sse(request) {
    const { searchParams } = request.url;
    const since = searchParams.get('since') ?? undefined;
    const types = searchParams.get('types')?.split(',');
    this.streams.push([...searchParams]);
    const wanted = searchParams.getAll('channel').map((channel) => ({ channel, since, types }));
    const stream = new FakeStream();
    this.#join(request, wanted, (frame) => stream.write(frame), (conn) => {
      conn.onEnd = () => stream.end();
      request.signal?.addEventListener('abort', () => (conn.end(), stream.end()));
      request.answer(200, null, { body: stream });
    });
  }
}

function response(status, json, { body, ...headers }) {
  return {
    ok: status < 300,
    status,
    headers: { get: (name) => headers[name] ?? null },
    json: async () => JSON.parse(JSON.stringify(json)),
    body,
  };
}

// the body of an event stream: text in pieces that end anywhere
class FakeStream {
  #chunks = [new TextEncoder().encode('retry: 1000\n\n')];
  #waiting = null;
  #isOver = false;

  write(frame) {
    const bytes = new TextEncoder().encode(`${frame.type === 'position' ? `id: ${frame.payload.position}\n` : ''}data: ${JSON.stringify(frame)}\n\n:\n\n`);
    const middle = bytes.length >> 1;
    this.#chunks.push(bytes.subarray(0, middle), bytes.subarray(middle));
    this.#pump();
  }

  end() {
    this.#isOver = true;
    this.#pump();
  }

  getReader() {
    return { read: () => new Promise((resolve) => ((this.#waiting = resolve), this.#pump())) };
  }

  #pump() {
    if (!this.#waiting || (this.#chunks.length === 0 && !this.#isOver)) return;
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve(this.#chunks.length > 0 ? { value: this.#chunks.shift(), done: false } : { done: true });
  }
}

function socketClass(gateway) {
  return class FakeWebSocket {
    readyState = 0;
    bufferedAmount = 0;
    #conn;

    constructor(url, protocols) {
      if (protocols[0] !== 'wrk.v1') throw new Error('no sub-protocol');
      const how = gateway.blocked.websocket;
      if (how === 'throw') throw new Error('insecure');
      if (how === 'hang') return;
      gateway.clock.setTimeout(() => {
        if (this.readyState !== 0) return;
        if (how) return this.#close(1006, '');
        this.readyState = 1;
        this.#conn = new Conn(gateway, (frame) => this.onmessage?.({ data: JSON.stringify(frame) }));
        this.#conn.onEnd = (code, reason) => this.#close(code, reason);
        this.onopen?.();
      }, gateway.latency());
    }

    send(text) {
      const frame = JSON.parse(text);
      const conn = this.#conn;
      conn.arrive ??= 0;
      conn.arrive = Math.max(conn.arrive, gateway.clock.now() + gateway.latency());
      gateway.clock.setTimeout(() => conn.isDeaf || conn.take(frame), conn.arrive - gateway.clock.now());
    }

    close(code = 1005) {
      this.readyState = 3;
      if (this.#conn) this.#conn.onEnd = null;
      this.#conn?.end(code);
    }

    #close(code, reason) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.({ code, reason });
    }
  };
}
