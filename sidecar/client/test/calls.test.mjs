// Calls: answered once, repeated when that does no harm, in their order, bounded, and kept.

import 'fake-indexeddb/auto';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createRealtimeClient } from '../src/index.js';
import { FakeClock, settle } from './fake.mjs';
import { FakeGateway } from './fake_gateway.mjs';

const fakeDatabases = globalThis.indexedDB;
delete globalThis.indexedDB;

function world({ clock = new FakeClock(), gateway = new FakeGateway(clock), user = 'U', env, ...options } = {}) {
  const ran = [];
  gateway.methods['task.update'] ??= (params) => (ran.push(params), { done: params });
  gateway.methods['task.list'] ??= () => ({ tasks: [] });
  const errors = [];
  const navigator = { onLine: true };
  const window = new EventTarget();
  const all = gateway.env({ navigator, window, ...env });
  const client = createRealtimeClient({
    url: 'ws://gateway.test',
    getToken: () => gateway.token(user),
    onError: (error, where) => errors.push([error.code, where]),
    transports: ['websocket'],
    env: all,
    ...options,
  });
  const setOnline = (isOnline) => {
    navigator.onLine = isOnline;
    if (!isOnline) gateway.cut();
    gateway.block(isOnline ? {} : { websocket: 'refuse', poll: 'refuse', sse: 'refuse', rpc: 'refuse' });
    window.dispatchEvent(new Event(isOnline ? 'online' : 'offline'));
  };
  const keys = () => gateway.received.filter(({ type }) => type === 'call').map(({ payload }) => payload.key);
  const outcome = (promise) => {
    const o = {};
    promise.then((value) => Object.assign(o, value, { isDone: true }), (error) => Object.assign(o, { error, isDone: true }));
    return o;
  };
  return { clock, gateway, client, ran, errors, setOnline, keys, outcome, timers: all.timers, navigator };
}

describe('answers', () => {
  test('the result, the id of its event and its key', async () => {
    const w = world();
    w.gateway.methods['a.b'] = (params, { key }) => (w.gateway.commit('project:1', 'a.done', {}, { key }), { x: 1 });
    const o = w.outcome(w.client.call('a.b', { n: 1 }, { key: 'mine' }));
    await w.clock.advance(100);
    assert.deepEqual([o.payload, o.eventId, o.key], [{ x: 1 }, '1', 'mine']);
  });

  test("a refusal is a RealtimeError with all that the server said", async () => {
    const w = world();
    const payload = { code: 'invalid_transition', status: 422, message: 'only to b', retry: 'no', details: { allowed: ['b'] } };
    w.gateway.methods['a.b'] = () => {
      throw payload;
    };
    const o = w.outcome(w.client.call('a.b'));
    await w.clock.advance(100);
    assert.equal(o.error.name, 'RealtimeError');
    assert.ok(o.error instanceof Error);
    const { code, status, message, retry, retryAfter, details } = o.error;
    assert.deepEqual({ code, status, message, retry, details, retryAfter }, { ...payload, retryAfter: 0 });
    assert.deepEqual(w.client.sync, { pending: 0, oldest: null });
  });

  test('a key is made for what changes something, none for what only reads', async () => {
    const w = world();
    w.client.call('task.update', {});
    w.client.call('task.list', {});
    w.client.call('task.update', {}, { queue: false });
    w.client.call('task.list', {}, { queue: true });
    await w.clock.advance(100);
    const [update, list, unqueued, queued] = w.keys();
    assert.match(update, /^k_.{12}/);
    assert.deepEqual([list, unqueued], [undefined, undefined]);
    assert.match(queued, /^k_/);
  });

  test('an answered call leaves no timer behind', async () => {
    const w = world();
    w.client.connect();
    await w.clock.advance(100);
    const before = w.timers.size;
    for (let i = 0; i < 20; i++) w.client.call('task.update', {});
    await w.clock.advance(100);
    assert.equal(w.ran.length, 20);
    assert.equal(w.timers.size, before);
  });

  test('keys of one client and of many are all different', async () => {
    const w = world();
    const other = world();
    for (let i = 0; i < 500; i++) for (const { client } of [w, other]) client.call('task.update', {});
    await w.clock.advance(5000);
    await other.clock.advance(5000);
    assert.equal(new Set([...w.keys(), ...other.keys()]).size, 1000);
  });

  test('what is too large for a frame is refused here, and the connection goes on', async () => {
    const w = world();
    const o = w.outcome(w.client.call('task.update', { text: 'ü'.repeat(40000) }));
    await w.clock.advance(100);
    assert.equal(o.error.code, 'too_large');
    assert.equal(w.client.state, 'connected');
    const fits = w.outcome(w.client.call('task.update', { text: 'u'.repeat(60000) }));
    await w.clock.advance(100);
    assert.ok(fits.payload);
  });
});

describe('unknown outcomes', () => {
  // the call runs, its answer is lost with the connection
  const lose = (w) => {
    let isFirst = true;
    const { run } = w.gateway;
    w.gateway.run = (...all) => {
      const answer = run.apply(w.gateway, all);
      if (isFirst) w.gateway.cut();
      isFirst = false;
      return answer;
    };
  };

  test('with a key: sent again with it, one effect, one answer', async () => {
    const w = world();
    lose(w);
    const o = w.outcome(w.client.call('task.update', { n: 1 }));
    await w.clock.advance(5000);
    assert.deepEqual(o.payload, { done: { n: 1 } });
    assert.equal(w.ran.length, 1);
    const [first, second] = w.keys();
    assert.equal(first, second);
  });

  test('a read is simply read again', async () => {
    const w = world();
    lose(w);
    const o = w.outcome(w.client.call('task.list'));
    await w.clock.advance(5000);
    assert.deepEqual(o.payload, { tasks: [] });
  });

  test('without a key: not sent again; the error says that it was sent', async () => {
    const w = world();
    lose(w);
    const o = w.outcome(w.client.call('task.update', {}, { queue: false }));
    await w.clock.advance(5000);
    assert.equal(o.error.code, 'lost');
    assert.equal(o.error.retry, 'backoff');
    assert.equal(w.ran.length, 1);
  });

  test('unavailable: again with the same key, later and later, for as long as it takes', async () => {
    const w = world();
    w.client.connect();
    await w.clock.advance(100);
    w.gateway.isDown = true;
    const o = w.outcome(w.client.call('task.update', { n: 1 }));
    const unkeyed = w.outcome(w.client.call('task.update', {}, { queue: false }));
    await w.clock.advance(600000);
    assert.equal(o.isDone, undefined);
    assert.equal(unkeyed.error.code, 'unavailable');
    assert.ok(w.keys().length < 60, `${w.keys().length} tries in 10 minutes`);
    w.gateway.isDown = false;
    await w.clock.advance(60000);
    assert.deepEqual(o.payload, { done: { n: 1 } });
    assert.equal(new Set(w.keys().filter(Boolean)).size, 1);
  });

  for (const code of ['rate_limited', 'limit_exceeded'])
    test(`${code} did not run: again after retryAfter, with a key or without`, async () => {
      for (const options of [{ queue: false }, {}]) {
        const w = world();
        let refusals = 2;
        const times = [];
        w.gateway.methods['a.b'] = () => {
          times.push(w.clock.now());
          if (refusals-- > 0) throw { code, status: 429, retry: 'backoff', retryAfter: 3000 };
          return {};
        };
        const o = w.outcome(w.client.call('a.b', {}, options));
        await w.clock.advance(15000);
        assert.ok(o.payload);
        assert.ok(times[1] - times[0] >= 3000 && times[2] - times[1] >= 3000);
      }
    });

  test('limit_exceeded that does not pass by itself is told at once', async () => {
    const w = world();
    w.gateway.methods['a.b'] = () => {
      throw { code: 'limit_exceeded', status: 429, retry: 'no' };
    };
    const o = w.outcome(w.client.call('a.b', {}));
    await w.clock.advance(100);
    assert.equal(o.error.code, 'limit_exceeded');
  });

  test('an answer that does not come on a connection that lives: asked again, then timeout', async () => {
    const w = world();
    w.gateway.work = () => {};
    const o = w.outcome(w.client.call('task.update', {}));
    await w.clock.advance(50000);
    assert.equal(o.isDone, undefined);
    assert.equal(w.client.state, 'connected');
    await w.clock.advance(15000);
    assert.deepEqual([o.error.code, o.error.retry], ['timeout', 'backoff']);
    assert.equal(w.keys().length, 3);
    assert.equal(new Set(w.keys()).size, 1);
  });

  test('an expired token: a new one, and again', async () => {
    const w = world();
    let isFirst = true;
    w.gateway.methods['a.b'] = () => {
      if (isFirst) throw ((isFirst = false), { code: 'token_expired', status: 401, retry: 'refresh' });
      return { ok: 1 };
    };
    const o = w.outcome(w.client.call('a.b'));
    await w.clock.advance(5000);
    assert.deepEqual(o.payload, { ok: 1 });
    assert.ok(w.gateway.received.some(({ type }) => type === 'auth'));
  });

  test('an expired token is waited for as long as it takes, however often the call was unavailable before', async () => {
    const w = world();
    const refusals = [
      ...Array(12).fill({ code: 'unavailable', status: 503, retry: 'backoff' }),
      ...Array(12).fill({ code: 'token_expired', status: 401, retry: 'refresh' }),
    ];
    w.gateway.methods['a.b'] = () => {
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      return { ok: 1 };
    };
    const o = w.outcome(w.client.call('a.b'));
    await w.clock.advance(1200000);
    assert.deepEqual(o.payload, { ok: 1 });
  });

  test('a token that is refused again and again is told, in the end', async () => {
    const w = world();
    w.gateway.methods['a.b'] = () => {
      throw { code: 'unauthorized', status: 401, retry: 'refresh' };
    };
    const o = w.outcome(w.client.call('a.b'));
    await w.clock.advance(1200000);
    assert.equal(o.error.code, 'unauthorized');
    assert.equal(w.keys().length, 10);
  });
});

describe('the queue', () => {
  test('what only reads has no key and does not count as waiting; what may write has one', async () => {
    const w = world();
    const reads = ['project.get', 'task.list', 'notification.preferences', 'automation_version.available_transitions', 'history.diff', 'history.blame'];
    for (const method of reads) w.client.call(method).catch(() => {});
    assert.equal(w.client.sync.pending, 0);
    for (const method of ['task.update', 'notification.set_preference', 'automation_version.transition', 'room.list_add']) w.client.call(method).catch(() => {});
    assert.equal(w.client.sync.pending, 4);
    await w.clock.advance(100);
    assert.deepEqual(w.keys().map((key) => key !== undefined), [...reads.map(() => false), true, true, true, true]);
  });

  test('offline calls wait, and are made when the network is back; sync says how many and since when', async () => {
    const w = world();
    w.client.connect();
    await w.clock.advance(100);
    const told = [];
    w.client.on('sync', ({ pending }) => told.push(pending));
    w.setOnline(false);
    const at = w.clock.now();
    const all = [1, 2, 3].map((n) => w.outcome(w.client.call('task.update', { n }, { order: 'a' })));
    await w.clock.advance(60000);
    assert.deepEqual(w.client.sync, { pending: 3, oldest: at });
    assert.deepEqual(w.ran, []);
    w.setOnline(true);
    await w.clock.advance(1000);
    assert.ok(all.every(({ payload }) => payload));
    assert.deepEqual(w.ran.map(({ n }) => n), [1, 2, 3]);
    assert.deepEqual(told, [1, 2, 3, 2, 1, 0]);
    assert.deepEqual(w.client.sync, { pending: 0, oldest: null });
  });

  test('of one order one after the other, whatever the server answers first; others do not wait', async () => {
    const w = world();
    let delay = 1000;
    w.gateway.work = (run) => w.clock.setTimeout(run, (delay -= 90));
    for (let n = 0; n < 8; n++) w.client.call('task.update', { n }, { order: n % 2 ? 'odd' : 'even' });
    w.client.call('task.update', { n: 'free' });
    await w.clock.advance(20000);
    const ran = w.ran.map(({ n }) => n);
    assert.deepEqual(ran.filter((n) => n % 2 === 0), [0, 2, 4, 6]);
    assert.deepEqual(ran.filter((n) => n % 2 === 1), [1, 3, 5, 7]);
    assert.ok(ran.indexOf('free') < 3);
  });

  test('one that is refused does not hold up the next of its order', async () => {
    const w = world();
    w.gateway.methods['a.bad'] = () => {
      throw { code: 'conflict', status: 409, retry: 'refetch' };
    };
    const bad = w.outcome(w.client.call('a.bad', {}, { order: 'a' }));
    const good = w.outcome(w.client.call('task.update', {}, { order: 'a' }));
    await w.clock.advance(1000);
    assert.equal(bad.error.code, 'conflict');
    assert.ok(good.payload);
  });

  test('bounded: what is too much is refused at once', async () => {
    const w = world({ queue: { limit: 3 } });
    w.gateway.block({ websocket: 'refuse' });
    for (let n = 0; n < 3; n++) w.client.call('task.update', { n }).catch(() => {});
    const more = w.outcome(w.client.call('task.update', {}));
    await settle();
    assert.deepEqual([more.error.code, more.error.retry], ['queue_full', 'backoff']);
    assert.equal(w.client.sync.pending, 3);
  });

  test('nothing waits for ever: expired after its time, timeout where one was given, read or not queued', async () => {
    const w = world({ queue: { ttl: 60000 } });
    w.gateway.block({ websocket: 'refuse' });
    const queued = w.outcome(w.client.call('task.update', {}));
    const given = w.outcome(w.client.call('task.update', {}, { timeout: 5000 }));
    const read = w.outcome(w.client.call('task.list', {}));
    const unqueued = w.outcome(w.client.call('task.update', {}, { queue: false }));
    await w.clock.advance(5000);
    assert.deepEqual([given.error.code, given.error.details.sent], ['timeout', false]);
    await w.clock.advance(15000);
    assert.deepEqual([read.error.code, unqueued.error.code, queued.isDone], ['timeout', 'timeout', undefined]);
    await w.clock.advance(40000);
    assert.equal(queued.error.code, 'expired');
    assert.equal(w.client.sync.pending, 0);
  });

  test('what is aborted is not sent any more', async () => {
    const w = world();
    const control = new AbortController();
    w.gateway.block({ websocket: 'refuse' });
    const o = w.outcome(w.client.call('task.update', {}, { signal: control.signal }));
    control.abort();
    const late = w.outcome(w.client.call('task.update', {}, { signal: control.signal }));
    await settle();
    assert.deepEqual([o.error.code, late.error.code], ['aborted', 'aborted']);
    w.gateway.block({});
    await w.clock.advance(60000);
    assert.deepEqual(w.ran, []);
  });

  test('what is aborted under way makes room for others, and its answer is nobody\'s', async () => {
    const w = world();
    w.gateway.work = (run) => w.clock.setTimeout(run, 10000);
    const control = new AbortController();
    const aborted = Array.from({ length: 24 }, () => w.outcome(w.client.call('task.update', {}, { signal: control.signal })));
    const next = w.outcome(w.client.call('task.update', { n: 1 }));
    await w.clock.advance(100);
    assert.equal(w.keys().length, 24);
    control.abort();
    await w.clock.advance(11000);
    assert.ok(aborted.every(({ error }) => error.code === 'aborted' && error.details.sent));
    assert.ok(next.payload);
  });

  test('close() rejects what waits', async () => {
    const w = world();
    w.gateway.block({ websocket: 'refuse' });
    const o = w.outcome(w.client.call('task.update', {}));
    await w.clock.advance(100);
    w.client.close();
    await settle();
    assert.equal(o.error.code, 'closed');
    assert.equal(w.timers.size, 0);
  });

  test('unauthorized: calls wait for who logs in again, and are not made by somebody else', async () => {
    for (const user of ['U', 'V']) {
      const w = world();
      w.client.connect();
      await w.clock.advance(100);
      const { getToken } = w.client._core._options;
      w.client._core._options.getToken = () => null;
      w.gateway.cut();
      const o = w.outcome(w.client.call('task.update', {}));
      await w.clock.advance(5000);
      assert.equal(w.client.state, 'unauthorized');
      assert.equal(o.isDone, undefined);
      w.client._core._options.getToken = user === 'U' ? getToken : () => w.gateway.token('V');
      w.client.connect();
      await w.clock.advance(5000);
      if (user === 'U') assert.ok(o.payload);
      else assert.deepEqual([o.error.code, w.ran.length], ['closed', 0]);
    }
  });
});

describe('kept calls', () => {
  // Web Locks of one browser: requests wait for their turn, or are answered null
  function locks() {
    const held = new Map();
    const grant = async (name, run) => {
      const end = Promise.resolve(run({ name }));
      held.set(name, end);
      await end.finally(() => held.delete(name));
    };
    return {
      held,
      async request(name, options, run = options) {
        if (options.ifAvailable && held.has(name)) return run(null);
        while (held.has(name)) await held.get(name);
        return grant(name, run);
      },
    };
  }
  let count = 0;
  const name = () => `queue-${++count}`;
  const page = (shared, more) =>
    world({ ...shared, queue: { persist: shared.name, ...more?.queue }, env: { indexedDB: fakeDatabases, navigator: { onLine: true, locks: shared.locks } }, ...more?.options });
  const rest = async (w, ms = 1000) => {
    for (let i = 0; i < 20; i++) {
      await w.clock.advance(ms / 20);
      await new Promise((resolve) => setTimeout(resolve, 2)); // fake-indexeddb has timers of its own
    }
  };
  const browser = () => {
    const clock = new FakeClock();
    return { clock, gateway: new FakeGateway(clock), name: name(), locks: locks() };
  };

  test('a page that is gone: the next one makes its calls, in their order, before its own', async () => {
    const shared = browser();
    const first = page(shared);
    shared.gateway.block({ websocket: 'refuse' });
    for (const n of [1, 2, 3]) first.client.call('task.update', { n }, { order: 'a' }).catch(() => {});
    await rest(first);
    first.client.close(); // lets its lock go, as a page that is closed does
    const second = page(shared);
    const own = second.outcome(second.client.call('task.update', { n: 4 }, { order: 'a' }));
    await rest(second);
    assert.equal(second.client.sync.pending, 4);
    shared.gateway.block({});
    await rest(second, 60000);
    assert.deepEqual(first.ran.map(({ n }) => n), [1, 2, 3, 4]);
    assert.ok(own.payload);
    second.client.close();
    const third = page(shared);
    third.client.connect();
    await rest(third);
    assert.equal(third.client.sync.pending, 0);
    assert.equal(first.ran.length, 4);
  });

  test('two tabs: each makes its own calls, and what one leaves the other makes once', async () => {
    const shared = browser();
    const [one, two] = [page(shared), page(shared)];
    await rest(one);
    shared.gateway.block({ websocket: 'refuse' });
    for (const n of [1, 2]) one.client.call('task.update', { n }, { order: 'a' }).catch(() => {});
    for (const n of [3, 4]) two.client.call('task.update', { n }, { order: 'a' }).catch(() => {});
    await rest(one);
    assert.deepEqual([one.client.sync.pending, two.client.sync.pending], [2, 2]);
    one.client.close();
    shared.gateway.block({});
    await rest(two, 60000);
    const ran = one.ran.map(({ n }) => n);
    assert.deepEqual([...ran].sort(), [1, 2, 3, 4]);
    assert.ok(ran.indexOf(1) < ran.indexOf(2) && ran.indexOf(3) < ran.indexOf(4));
    assert.equal(two.client.sync.pending, 0);
  });

  test("another user's calls are left alone", async () => {
    const shared = browser();
    const first = page(shared);
    first.client.connect();
    await rest(first);
    shared.gateway.block({ websocket: 'refuse' });
    shared.gateway.cut();
    first.client.call('task.update', { n: 1 }).catch(() => {});
    await rest(first);
    first.client.close();
    shared.gateway.block({});
    const second = page(shared, { options: { user: 'V' } });
    second.client.connect();
    await rest(second);
    assert.deepEqual(first.ran, []);
    second.client.close();
    const third = page(shared);
    third.client.connect();
    await rest(third);
    assert.deepEqual(first.ran, [{ n: 1 }]);
  });

  test('too old to be made: dropped, and said', async () => {
    const shared = browser();
    const first = page(shared, { queue: { ttl: 60000 } });
    shared.gateway.block({ websocket: 'refuse' });
    first.client.call('task.update', { n: 1 }).catch(() => {});
    await rest(first);
    first.client.close();
    await shared.clock.advance(120000);
    shared.gateway.block({});
    const second = page(shared, { queue: { ttl: 60000 } });
    second.client.connect();
    await rest(second);
    assert.deepEqual([first.ran, second.errors], [[], [['expired', 'task.update']]]);
  });

  test('a client that is closed while it takes them up leaves them to the next', async () => {
    const shared = browser();
    const first = page(shared);
    shared.gateway.block({ websocket: 'refuse' });
    first.client.call('task.update', { n: 1 }).catch(() => {});
    await rest(first);
    first.client.close();
    const second = page(shared);
    second.client.call('task.list').catch(() => {});
    second.client.call('task.update', { n: 2 }).catch(() => {});
    second.client.close();
    await rest(second);
    assert.deepEqual([second.client.sync.pending, second.timers.size], [0, 0]);
    shared.gateway.block({});
    const third = page(shared);
    third.client.connect();
    await rest(third, 3000);
    assert.ok(first.ran.some(({ n }) => n === 1));
    assert.equal(third.client.sync.pending, 0);
  });

  test('without IndexedDB, and with one that fails, calls are made all the same', async () => {
    const broken = { open: () => ({ set onerror(tell) { queueMicrotask(tell); } }) };
    const mute = { open: () => ({}) };
    const throws = { open: () => { throw new Error('private'); } };
    for (const indexedDB of [undefined, null, broken, mute, throws]) {
      const w = world({ queue: { persist: 'q' }, env: { indexedDB, navigator: { onLine: true } } });
      const o = w.outcome(w.client.call('task.update', { n: 1 }));
      await w.clock.advance(10000);
      assert.ok(o.payload, String(indexedDB?.open));
      w.client.close();
      assert.equal(w.timers.size, 0);
    }
  });
});
