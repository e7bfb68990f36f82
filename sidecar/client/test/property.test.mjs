// Whatever the network, the gateway and the tokens do, in any order: every event of a channel is heard once
// and in order, every call with a key has one effect and one answer, calls of one order run in that order,
// no state is one that cannot be left, and no timer outlives the client.
//
// A run is reproduced by its seed: WRK_SEED=n; WRK_RUNS sets how many there are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeClock, dice } from './fake.mjs';
import { FakeGateway, canonical } from './fake_gateway.mjs';

// what is built is tried as well: package.test.mjs
const { createRealtimeClient } = await import(process.env.WRK_CLIENT ?? '../src/index.js');
const SEED = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.WRK_RUNS ?? (process.env.WRK_SEED ? 1 : 150));
const STEPS = 80;
const CHANNELS = ['project:1', 'project:2', 'me'];

class World {
  log = []; // what was done, for the message of a failure
  calls = [];
  effects = new Map(); // number of the call -> how often it ran
  ran = new Map(); // order -> numbers
  heard = new Map(CHANNELS.map((name) => [name, []]));
  from = new Map(); // channel -> place in the log of events from where on it must hear all
  pardoned = new Map(CHANNELS.map((name) => [name, 0])); // before this place in the log it may miss
  errors = [];
  tokenMood = 'good';

  constructor(seed) {
    this.dice = dice(seed);
    const { dice: d } = this;
    this.clock = new FakeClock();
    this.gateway = new FakeGateway(this.clock);
    this.gateway.latency = () => d.below(d.chance(0.1) ? 400 : 40);
    this.gateway.mute = () => d.chance(0.5);
    this.gateway.replayMost = 40;
    this.gateway.methods['task.update'] = (params, who) => this.#run(params, who);
    this.gateway.afterRun = () =>
      d.chance(0.1) ? { error: { code: 'unavailable', status: 503, retry: 'backoff', retryAfter: 50 } } : undefined;
    this.gateway.loseAnswer = () => d.chance(0.2);
    this.window = new EventTarget();
    this.document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    this.navigator = { onLine: true };
    const { window, document, navigator } = this;
    this.env = this.gateway.env({ random: () => d.next(), window, document, navigator });
    this.client = createRealtimeClient({
      url: 'ws://gateway.test/',
      getToken: () => this.#token(),
      transports: d.pick([undefined, undefined, ['websocket'], ['sse'], ['poll'], ['websocket', 'poll']]) ?? ['websocket', 'sse', 'poll'],
      onError: (error, where) => this.#reported(error, where),
      env: this.env,
    });
    for (const name of CHANNELS) this.#listen(name);
  }

  #reported(error, where) {
    if (where !== 'getToken') this.errors.push(`${where}: ${error.stack}`);
  }

  #token() {
    const { dice: d, gateway } = this;
    if (this.tokenMood === 'throws') throw new Error('no network');
    if (this.tokenMood === 'hangs') return new Promise(() => {});
    if (this.tokenMood === 'refused') return 'not a token';
    return gateway.token('U', d.pick([20000, 60000, 3600000]));
  }

  #run({ n, order }, { key }) {
    this.effects.set(n, (this.effects.get(n) ?? 0) + 1);
    this.ran.set(order, [...(this.ran.get(order) ?? []), n]);
    this.gateway.commit(CHANNELS[n % CHANNELS.length], 'task.updated', { n }, { key });
    return { n };
  }

  #listen(name) {
    const channel = this.client.channel(name);
    channel.on('*', ({ id, channel: from }) => {
      assert.equal(from, canonical(name));
      if (id) this.heard.get(name).push(id);
    });
    channel.on('resync', ({ payload }) => {
      const place = Number(payload.position.split('.')[1]);
      this.pardoned.set(name, Math.max(this.pardoned.get(name), place));
    });
  }

  subscribe(name) {
    if (this.from.has(name)) return;
    this.from.set(name, Infinity);
    this.client
      .channel(name)
      .subscribe()
      .then(({ position }) => this.from.set(name, Number(position.split('.')[1])))
      .catch((error) => error.code === 'closed' || this.errors.push(error.stack));
  }

  call() {
    const { dice: d } = this;
    const n = this.calls.length;
    const order = d.pick(['a', 'b', undefined]);
    const options = { order, ...(d.chance(0.15) && { queue: false }) };
    const call = { n, options, outcome: null };
    this.calls.push(call);
    this.client.call('task.update', { n, order }, options).then(
      ({ payload }) => (call.outcome = { payload }),
      (error) => (call.outcome = { error }),
    );
  }

  setOnline(isOnline) {
    this.navigator.onLine = isOnline;
    if (!isOnline) {
      this.gateway.block({ websocket: 'refuse', sse: 'refuse', poll: 'refuse', rpc: 'refuse' });
      this.gateway.cut();
    } else this.gateway.block({});
    this.window.dispatchEvent(new Event(isOnline ? 'online' : 'offline'));
  }

  // one of the things that happen
  step() {
    const { dice: d, gateway, client } = this;
    const some = () => CHANNELS[d.below(CHANNELS.length)];
    const wakes = ['visibilitychange', 'online', 'pageshow', 'pagehide'];
    const all = {
      commit: () => {
        for (let i = d.below(6); i >= 0; i--) gateway.commit(some(), 'task.created', { i });
        if (d.chance(0.7)) gateway.fetchNow();
      },
      fetch: () => gateway.fetchNow(),
      again: () => [...gateway.conns].forEach((c) => c.repeat()),
      call: () => this.call(),
      subscribe: () => this.subscribe(some()),
      cut: () => gateway.cut(),
      restart: () => [...gateway.conns].forEach((c) => c.close(1012, 'restart', 'backoff', { retryAfter: d.below(500) })),
      slow: () => [...gateway.conns].forEach((c) => c.close(4430, 'slow')),
      deaf: () => [...gateway.conns].forEach((c) => ((c.isDeaf = true), (c.send = () => {}))),
      gap: () => gateway.gap(some()),
      down: () => (gateway.isDown = d.chance(0.3)),
      block: () => {
        const how = () => d.pick([undefined, undefined, 'refuse', 'hang']);
        gateway.block({ websocket: how(), sse: how(), poll: d.pick([undefined, 'refuse']), rpc: d.pick([undefined, 'refuse']) });
      },
      unblock: () => gateway.block({}),
      offline: () => this.setOnline(false),
      online: () => this.setOnline(true),
      expire: () => gateway.expire(),
      mood: () => (this.tokenMood = d.pick(['good', 'good', 'good', 'throws', 'hangs', 'refused'])),
      wake: () => {
        const name = d.pick(wakes);
        const target = name === 'visibilitychange' ? this.document : this.window;
        target.dispatchEvent(Object.assign(new Event(name), { persisted: true }));
      },
      connect: () => client.connect().catch(() => {}),
    };
    const weights = ['commit', 'commit', 'commit', 'commit', 'call', 'call', 'subscribe', ...Object.keys(all)];
    const name = d.pick(weights);
    this.log.push(`${this.clock.now() % 1e7} ${client.state}/${client.transport} ${name}`);
    all[name]();
  }

  async heal() {
    const { gateway, client, clock } = this;
    this.tokenMood = 'good';
    gateway.isDown = false;
    this.setOnline(true);
    for (const name of CHANNELS) this.subscribe(name);
    if (client.state === 'unauthorized' || client.state === 'closed') client.connect().catch(() => {});
    for (const conn of gateway.conns) if (conn.isDeaf) conn.end(1006);
    for (let i = 0; i < 12; i++) {
      gateway.expire();
      gateway.fetchNow();
      await clock.advance(10000);
      if (client.state === 'unauthorized') client.connect().catch(() => {});
    }
  }

  check() {
    const { gateway, client } = this;
    assert.deepEqual(this.errors, []);
    assert.match(client.state, /^(connected|polling)$/);
    for (const name of CHANNELS) {
      const heard = this.heard.get(name);
      const channel = client.channel(name);
      assert.equal(channel.state, 'subscribed', name);
      assert.equal(new Set(heard).size, heard.length, `${name}: twice`);
      const log = gateway.log.map((event, place) => ({ ...event, place })).filter((e) => e.channel === canonical(name));
      const must = log.filter((e) => e.place >= this.from.get(name) && e.place >= this.pardoned.get(name)).map((e) => e.id);
      const may = log.filter((e) => heard.includes(e.id)).map((e) => e.id);
      assert.deepEqual(heard, may, `${name}: not in order`);
      const got = new Set(heard);
      assert.deepEqual(must.filter((id) => !got.has(id)), [], `${name}: missed`);
    }
    for (const { n, outcome, options } of this.calls) {
      const times = this.effects.get(n) ?? 0;
      assert.ok(outcome, `call ${n} was not answered`);
      assert.ok(times <= 1, `call ${n} ran ${times} times`);
      if (outcome.payload) assert.deepEqual([times, outcome.payload.n], [1, n]);
      else assert.ok(options.queue === false || outcome.error.code === 'timeout', `call ${n}: ${outcome.error.stack}`);
    }
    for (const order of ['a', 'b']) {
      const ran = this.ran.get(order) ?? [];
      const first = ran.filter((n) => this.calls[n].options.queue !== false);
      assert.deepEqual(first, [...first].sort((a, b) => a - b), `order ${order}`);
    }
    assert.deepEqual(client.sync, { pending: 0, oldest: null });
    assert.ok(this.env.timers.size <= 12, `${this.env.timers.size} timers of a quiet client`);
  }
}

const seen = new Set(); // states that were there

async function run(seed) {
  const world = new World(seed);
  if (process.env.WRK_TRACE) world.client.on('frame', (f) => world.log.push(`${f.at % 1e7}   ${f.direction} ${JSON.stringify(f.json).slice(0, 160)}`));
  world.client.on('state', (state) => seen.add(`${state} ${world.client.transport}`));
  try {
    for (let i = 0; i < STEPS; i++) {
      world.step();
      await world.clock.advance(world.dice.pick([0, 5, 50, 300, 3000, 20000]));
    }
    await world.heal();
    world.check();
    world.client.close();
    await world.clock.advance(0);
    assert.equal(world.env.timers.size, 0, 'timers that outlive the client');
    assert.equal(world.client.state, 'closed');
  } catch (error) {
    error.message += `\nWRK_SEED=${seed}\n${world.log.slice(process.env.WRK_TRACE ? -120 : -40).join('\n')}`;
    throw error;
  }
}

test(`what happens to the network happens to no event and no call (${RUNS} runs from seed ${SEED})`, async () => {
  for (let i = 0; i < RUNS; i++) await run(SEED + i);
  console.log([...seen]);
});
