// What the client's tests stand on: a clock that moves when told, and a client without a connection.
// A whole server is in fake_gateway.mjs.

import { Emitter } from '../src/emitter.js';
import { RealtimeError } from '../src/errors.js';

export { dice } from '../../test/dice.mjs';

// Lets everything run that waits for nothing but its turn.
export const settle = async (rounds = 3) => {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve));
};

// Time stands still until advance(); timers run in their order.
export class FakeClock {
  #timers = new Map();
  #last = 0;

  constructor(start = 1_700_000_000_000) {
    this.time = start;
    this.now = () => this.time;
    this.setTimeout = (run, ms = 0) => {
      const id = ++this.#last;
      this.#timers.set(id, { at: this.time + Math.max(0, ms), id, run });
      return id;
    };
    this.clearTimeout = (id) => void this.#timers.delete(id);
  }

  // how many timers wait
  get pending() {
    return this.#timers.size;
  }

  // Moves on by so many milliseconds, stopping at every timer, and lets promises settle after each.
  async advance(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers.values()].filter((timer) => timer.at <= end);
      if (due.length === 0) break;
      const next = due.reduce((a, b) => (b.at < a.at || (b.at === a.at && b.id < a.id) ? b : a));
      this.#timers.delete(next.id);
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle(1);
    }
    this.time = end;
    await settle();
  }
}

// A channel of FakeClient: everything is granted at once.
class FakeChannel {
  #emitter = new Emitter((error) => {
    throw error;
  });
  #presence;
  refs = 0;
  published = []; // [type, data]
  state = 'idle';
  position = null;
  can = ['read', 'publish'];

  constructor(client, name) {
    Object.assign(this, { client, name, canonical: `tenant:T:${name}` });
  }

  on(type, fn) {
    return this.#emitter.on(type, fn);
  }

  async subscribe({ since } = {}) {
    this.refs++;
    this.state = 'subscribed';
    this.position ??= since ?? '1.0';
    return { position: this.position, recovered: true, can: this.can };
  }

  unsubscribe() {
    if (--this.refs === 0) this.state = 'idle';
  }

  publish(type, data) {
    this.published.push([type, data]);
  }

  presence() {
    return (this.#presence ??= new FakePresence());
  }

  // An event arrives: emit('task.updated', { id: '1' }, { key, sender_id, id, ephemeral }).
  emit(type, payload = {}, more = {}) {
    const id = more.ephemeral ? {} : { id: String(++this.client.eventId) };
    const event = { type, channel: this.canonical, payload, timestamp: this.client.clock.now(), ...id, ...more };
    this.#emitter.emitMatching(type, event);
    return event;
  }

  // One of the channel's own: signal('resync').
  signal(type, payload = {}) {
    this.#emitter.emit(type, { type, channel: this.canonical, payload });
  }
}

class FakePresence {
  #emitter = new Emitter();
  members = new Map();
  sent = []; // ['join', { status, meta }] and so on
  watchers = 0;

  on(event, fn) {
    return this.#emitter.on(event, fn);
  }
  join(me = {}) {
    this.sent.push(['join', me]);
  }
  update(me) {
    this.sent.push(['update', me]);
  }
  leave() {
    this.sent.push(['leave']);
  }
  watch() {
    this.watchers++;
    return () => this.watchers--;
  }
  // tell('join', [{ id, name, status, ... }])
  tell(event, users) {
    if (event === 'sync') this.members.clear();
    for (const user of users) event === 'leave' ? this.members.delete(user.id) : this.members.set(user.id, user);
    this.#emitter.emit(event, users);
  }
}

// Stands for a RealtimeClient where no connection matters. Calls are answered by functions in `methods`
// (params, call) or, where there is none, wait in `calls` for answer() or refuse().
export class FakeClient {
  #emitter = new Emitter((error) => {
    throw error;
  });
  #channels = new Map();
  calls = []; // { method, params, options, key, answer(payload, eventId), refuse(error) }, also answered ones
  methods = {};
  eventId = 1000;
  state = 'connected';
  sync = { pending: 0, oldest: null };
  user = { id: 'U', roles: ['client'] };
  tenant = 'T';
  transport = 'websocket';
  latency = 1;

  constructor({ clock = new FakeClock(), ...more } = {}) {
    Object.assign(this, { clock }, more);
    this.env = { now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout };
  }

  on(event, fn) {
    return this.#emitter.on(event, fn);
  }

  emit(event, ...values) {
    this.#emitter.emit(event, ...values);
  }

  setState(state) {
    const before = this.state;
    this.state = state;
    this.emit('state', state, before);
  }

  async connect() {
    this.setState('connected');
  }

  close() {
    this.setState('closed');
  }

  async ping() {
    return 1;
  }

  channel(name) {
    if (!this.#channels.has(name)) this.#channels.set(name, new FakeChannel(this, name));
    return this.#channels.get(name);
  }

  call(method, params = {}, options = {}) {
    const key = options.key ?? `k${this.calls.length + 1}`;
    const call = { method, params, options, key };
    const promise = new Promise((resolve, reject) => {
      call.answer = (payload = {}, eventId = null) => resolve({ payload, eventId, key });
      call.refuse = (error) => reject(error instanceof Error ? error : new RealtimeError(error));
    });
    this.calls.push(call);
    const answer = this.methods[method];
    if (answer)
      Promise.resolve()
        .then(() => answer(params, call))
        .then((payload) => call.answer(payload), call.refuse);
    return promise;
  }
}
