// A client that survives: it follows channels, and when its connection breaks it comes back with
// its position and takes up where it was.
//
// What must stay true: a position belongs to a channel. The answer to `subscribe` sets it, and a
// `position` frame moves those channels whose subscription is answered; one that is still waiting
// for its replay keeps the older one. What arrives again is dropped by (channel, id), as the
// protocol asks of a client, and counted.

import { connect } from '../sidecar/test/ws_client.mjs';

import { until } from './lab.mjs';

const FOREVER = 2 ** 31 - 1;
let fences = 0;

// Resolves when every follower has all that was committed before the call. Each channel they follow
// gets one more event: what has not come on it before that one never will, because events arrive in
// order.
export async function fence(sql, followers, { timeout = 30000 } = {}) {
  const n = `${process.pid}-${++fences}`;
  const channels = new Set(followers.flatMap((follower) => follower.channels));
  for (const tenant of new Set([...channels].map((name) => name.split(':')[1]))) {
    const own = [...channels].filter((name) => name.split(':')[1] === tenant);
    await sql.query(
      `SELECT wrk.emit('lab.fence', '{"n": "${n}"}', '{${own}}', tenant_id => '${tenant}')`,
    );
  }
  const has = (follower) => {
    const reached = follower.events.filter((e) => isFence(e) && e.payload.n === n);
    return reached.length === follower.channels.length;
  };
  await until(`fence ${n} at every client`, () => followers.every(has), { timeout, every: 2 });
}

export const isFence = (event) => event.type === 'lab.fence';

export class Follower {
  events = []; // { channel, id, type, payload, at }: each once, in order of arrival; at = ms since 1970
  duplicates = 0; // arrived again and dropped
  unrecovered = 0; // answers that said recovered: false
  connections = 0; // how often it was connected
  statuses = []; // payloads of `status` frames
  refusal = null; // why the server does not want us: { code, message }
  onEvent = () => {};

  #channels = new Map(); // name we ask for -> { canonical, position, answered }
  #seen = new Set();
  #stopped = false;
  #client = null;

  // token: function that returns one; channels: names to subscribe to, beside those of every
  // connection
  constructor({ name, url, token, channels = [] }) {
    Object.assign(this, { name, url, token });
    for (const channel of channels)
      this.#channels.set(channel, { canonical: null, position: null, answered: false });
  }

  // Connects and subscribes; resolves when every subscription was answered the first time.
  start() {
    return new Promise((resolve, reject) => {
      this.done = this.#follow(resolve, reject);
    });
  }

  async stop() {
    this.#stopped = true;
    await this.#client?.close();
    await this.done;
  }

  // Breaks the connection without a word; it comes back by itself.
  cut() {
    this.#client?.destroy();
  }

  // canonical names of what it follows, known once start() has resolved
  get channels() {
    return [...this.#channels.values()].map(({ canonical }) => canonical);
  }

  async #follow(started, refused) {
    let wait = 20;
    while (!this.#stopped) {
      try {
        await this.#session(started);
      } catch (error) {
        if (this.#isFinal(error)) {
          this.refusal = { code: error.code, message: error.message };
          refused(error);
          return;
        }
      }
      // full jitter, so that many do not come back at once
      if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, Math.random() * wait));
      wait = this.#client ? 20 : Math.min(wait * 2, 500);
      this.#client = null;
    }
  }

  // Refused for what we are, not for the moment: a code of the protocol, or a close code that says
  // stop.
  #isFinal({ code, frame }) {
    return frame ? frame.payload.retry !== 'backoff' : code >= 4500 && code < 5000;
  }

  async #session(started) {
    const client = await connect(this.url, { token: this.token() });
    if (this.#stopped) return client.destroy();
    this.#client = client;
    this.connections++;
    this.#joinDefaults(client.hello.payload);
    // before the first subscription is asked for: nothing may pass unseen
    const following = client.waitFor((frame) => this.#onFrame(client, frame), { timeout: FOREVER });
    following.catch(() => {});
    for (const [name, { answered, position }] of this.#channels) {
      if (!answered) await client.subscribe(name, position === null ? {} : { since: position });
    }
    started(this);
    await following;
  }

  // The channels every connection has from the start begin at the position of `connected`; those we
  // have followed before are asked for again, because what came between the connections is missing.
  #joinDefaults({ channels, position }) {
    for (const state of this.#channels.values()) state.answered = false;
    for (const name of channels) {
      if (!this.#channels.has(name))
        this.#channels.set(name, { canonical: name, position, answered: true });
    }
  }

  // never true: it listens until the connection ends
  #onFrame(client, frame) {
    const at = performance.timeOrigin + client.receivedAt(frame);
    if (frame.type === 'subscribed') this.#onSubscribed(frame, at);
    else if (frame.type === 'position') this.#onPosition(frame.payload.position);
    else if (frame.type === 'status') this.statuses.push(frame.payload);
    else if (frame.id !== undefined && frame.channel !== undefined) this.#onEvent(frame, at);
    return false;
  }

  #onSubscribed(frame, at) {
    const { as, position, recovered, events = [] } = frame.payload;
    const state = this.#channels.get(as) ?? this.#channels.get(frame.channel);
    if (!state) return;
    if (state.position !== null && recovered !== true) this.unrecovered++;
    for (const event of events) this.#onEvent(event, at);
    Object.assign(state, { canonical: frame.channel, position, answered: true });
  }

  #onPosition(position) {
    for (const state of this.#channels.values()) if (state.answered) state.position = position;
  }

  #onEvent({ channel, id, type, payload, sender_id }, at) {
    const key = `${channel} ${id}`;
    if (this.#seen.has(key)) {
      this.duplicates++;
      return;
    }
    this.#seen.add(key);
    const event = { channel, id, type, payload, sender_id, at };
    this.events.push(event);
    this.onEvent(event);
  }
}
