// One connection that is there or under way: states, backoff, tokens, probes, fall-backs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createRealtimeClient } from '../src/index.js';
import { FakeClock } from './fake.mjs';
import { FakeGateway } from './fake_gateway.mjs';

// A client on a fake gateway; random: what env.random() gives, 1 = the longest delay
function world({ random = 0.5, env, ...options } = {}) {
  const clock = new FakeClock();
  const gateway = new FakeGateway(clock);
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const navigator = { onLine: true };
  const all = gateway.env({ random: () => random, window, document, navigator, ...env });
  const asked = [];
  const client = createRealtimeClient({
    url: 'wss://gateway.test/live',
    getToken: ({ reason }) => (asked.push(reason), gateway.token()),
    onError: (error) => {
      throw error;
    },
    env: all,
    ...options,
  });
  const states = [];
  client.on('state', (state) => states.push([state, clock.now()]));
  const start = clock.now();
  const path = () => states.map(([state]) => state).join(' ');
  return { clock, gateway, client, states, start, path, asked, window, document, navigator, timers: all.timers };
}

const connected = async (w) => {
  const done = w.client.connect();
  await w.clock.advance(50);
  await done;
  w.states.length = 0;
  return w;
};

describe('states', () => {
  test('nothing is opened before it is asked for', async () => {
    const w = world();
    w.client.channel('project:42').on('*', () => {});
    await w.clock.advance(60000);
    assert.deepEqual([w.client.state, w.asked.length, w.timers.size], ['idle', 0, 0]);
  });

  test('the first subscribe or call connects, once for all', async () => {
    const w = world();
    w.client.channel('project:1').subscribe();
    w.client.channel('project:2').subscribe();
    w.client.call('task.list').catch(() => {});
    w.client.connect();
    await w.clock.advance(100);
    assert.equal(w.path(), 'connecting connected');
    assert.equal(w.gateway.received.filter(({ type }) => type === 'connect').length, 1);
    assert.deepEqual(w.asked, ['connect']);
  });

  test('who is connected, as whom, over what, and how far it is', async () => {
    const w = await connected(world());
    assert.deepEqual(w.client.user, { id: 'U', roles: ['client'] });
    assert.deepEqual([w.client.tenant, w.client.transport], ['T', 'websocket']);
    assert.equal(w.client.latency, 2);
    const rtt = w.client.ping();
    await w.clock.advance(10);
    assert.equal(await rtt, 2);
  });

  test('close() ends everything, and connect() begins anew', async () => {
    const w = await connected(world());
    w.client.close();
    assert.equal(w.path(), 'closed');
    assert.equal(w.timers.size, 0);
    assert.equal(w.gateway.conns.size, 0);
    assert.equal(w.client.user, null);
    await assert.rejects(w.client.call('task.update'), { code: 'closed' });
    await assert.rejects(w.client.channel('a:1').subscribe(), { code: 'closed' });
    await assert.rejects(w.client.ping(), { code: 'offline' });
    const again = w.client.connect();
    await w.clock.advance(50);
    await again;
    assert.equal(w.path(), 'closed connecting connected');
  });

  test('close() while a token is awaited: nothing is opened later', async () => {
    let give;
    const w = world({ getToken: () => new Promise((resolve) => (give = resolve)) });
    const failed = assert.rejects(w.client.connect(), { code: 'closed' });
    await w.clock.advance(10);
    w.client.close();
    give('token');
    await w.clock.advance(60000);
    await failed;
    assert.deepEqual([w.gateway.conns.size, w.timers.size], [0, 0]);
  });

  test('from 4500 on the server said stop; below, and without a code, it is tried again', async () => {
    for (const code of [4500, 4501, 4503, 4505, 4529, 1002, 1009]) {
      const w = await connected(world());
      const closed = [];
      w.client.on('closed', (bye) => closed.push(bye));
      [...w.gateway.conns][0].close(code, 'why');
      await w.clock.advance(300000);
      assert.equal(w.path(), 'closed', String(code));
      assert.deepEqual(closed, [{ code, reason: 'why', retry: 'no' }]);
    }
    for (const code of [1000, 1001, 1006, 1011, 1012, 4400, 4401, 4408, 4409, 4429, 4430]) {
      const w = await connected(world());
      [...w.gateway.conns][0].close(code, 'why');
      await w.clock.advance(10000);
      assert.equal(w.path(), 'reconnecting connected', String(code));
    }
  });

  test('a listener that throws is reported, and the connection goes on', async () => {
    const reports = [];
    const w = world({ onError: (error, where) => reports.push([error.message, where]) });
    w.client.on('state', () => {
      throw new Error('mine');
    });
    await connected(w);
    assert.equal(w.client.state, 'connected');
    assert.deepEqual(reports, [['mine', 'state'], ['mine', 'state']]);
  });

  test('a listener of states may close the client', async () => {
    const w = world();
    w.client.on('state', (state) => state === 'connected' && w.client.close());
    const failed = assert.rejects(w.client.connect(), { code: 'closed' });
    await w.clock.advance(1000);
    await failed;
    assert.deepEqual([w.client.state, w.timers.size], ['closed', 0]);
  });
});

describe('backoff', () => {
  // times of the attempts, from the loss on
  async function attempts(w, ms) {
    const from = w.clock.now();
    const at = [];
    const real = w.gateway.WebSocket;
    w.client._core._env.WebSocket = function (...all) {
      at.push(w.clock.now() - from);
      return new real(...all);
    };
    w.gateway.block({ websocket: 'refuse' });
    w.gateway.cut();
    await w.clock.advance(ms);
    return at;
  }

  test('grows to its cap, at random over its whole length', async () => {
    const w = await connected(world({ random: 1, transports: ['websocket'] }));
    const at = await attempts(w, 130000);
    const gaps = at.map((time, i) => time - (at[i - 1] ?? 0));
    assert.deepEqual(gaps.slice(0, 8).map((gap) => Math.round(gap / 100) * 100), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    const lucky = await connected(world({ random: 0, transports: ['websocket'] }));
    assert.ok((await attempts(lucky, 100)).length >= 10, 'a delay may be 0');
  });

  test('begins anew only after a stable connection', async () => {
    const w = await connected(world({ random: 1, transports: ['websocket'] }));
    const lose = async () => {
      const from = w.clock.now();
      w.gateway.cut();
      while (w.client.state !== 'connected') await w.clock.advance(10);
      return Math.round((w.clock.now() - from) / 100) * 100;
    };
    assert.deepEqual([await lose(), await lose(), await lose()], [500, 1000, 2000]);
    await w.clock.advance(10000);
    assert.equal(await lose(), 500);
  });

  test('a restart says how long; without that, a second or two', async () => {
    for (const [more, least, most] of [[{ retryAfter: 7000 }, 7000, 7600], [{}, 1000, 2600]]) {
      const w = await connected(world());
      const from = w.clock.now();
      [...w.gateway.conns][0].close(1012, 'restart', 'backoff', more);
      while (w.client.state !== 'connected' || w.states.length < 2) await w.clock.advance(20);
      const took = w.clock.now() - from;
      assert.ok(took >= least && took <= most, `${took} ms`);
    }
  });
});

// what the gateway answers to one too many, for so long
const tooMany = (code, ms) => ({ code, status: 429, message: code, retry: 'backoff', retryAfter: ms });

describe('limits', () => {
  test('a connect that is one too many comes back when it is told to, not before', async () => {
    for (const code of ['rate_limited', 'limit_exceeded']) {
      const w = world({ random: 0 });
      const tries = () => w.gateway.received.filter(({ type }) => type === 'connect').length;
      w.gateway.limit = ({ type }) => (type === 'connect' && tries() < 2 ? tooMany(code, 7000) : null);
      w.client.connect();
      await w.clock.advance(6900);
      assert.deepEqual([tries(), w.client.state], [1, 'reconnecting']);
      await w.clock.advance(200);
      assert.deepEqual([tries(), w.client.state], [2, 'connected']);
    }
  });

  test('so does a token that is to be renewed, and the connection lives on', async () => {
    const w = world({ getToken: ({ reason }) => (w.asked.push(reason), w.gateway.token('U', 300000)) });
    const tries = () => w.gateway.received.filter(({ type }) => type === 'auth').length;
    await connected(w);
    w.gateway.limit = ({ type }) => (type === 'auth' && tries() < 2 ? tooMany('rate_limited', 20000) : null);
    await w.clock.advance(240100);
    assert.equal(tries(), 1);
    await w.clock.advance(19500);
    assert.equal(tries(), 1);
    await w.clock.advance(6000);
    assert.deepEqual([tries(), w.states, w.client.state], [2, [], 'connected']);
  });
});

describe('tokens', () => {
  test('a fresh one for every attempt', async () => {
    const w = await connected(world());
    w.gateway.cut();
    await w.clock.advance(5000);
    const tokens = w.gateway.received.filter(({ type }) => type === 'connect').map(({ payload }) => payload.token);
    assert.equal(new Set(tokens).size, 2);
  });

  test('renewed at 80 % of their life, over every transport, and nobody notices', async () => {
    for (const transports of [['websocket'], ['sse'], ['poll']]) {
      const w = world({ transports });
      w.client._core._options.getToken = ({ reason }) => (w.asked.push(reason), w.gateway.token('U', 100000));
      await connected(w);
      await w.clock.advance(79000);
      assert.deepEqual(w.asked, ['connect']);
      await w.clock.advance(2000);
      assert.deepEqual(w.asked, ['connect', 'refresh']);
      for (let i = 0; i < 40; i++) {
        await w.clock.advance(10000);
        w.gateway.expire();
      }
      assert.equal(w.path(), '', transports[0]);
    }
  });

  test('the server may ask for one earlier', async () => {
    const w = await connected(world());
    [...w.gateway.conns][0].send({ type: 'token_expiring', payload: {} });
    await w.clock.advance(100);
    assert.deepEqual(w.asked, ['connect', 'refresh']);
  });

  test('a clock that is wrong does not ask again and again', async () => {
    const w = world();
    w.client._core._options.getToken = ({ reason }) => (w.asked.push(reason), w.gateway.token('U', 1000));
    await connected(w);
    const before = w.asked.length;
    await w.clock.advance(60000);
    assert.ok(w.asked.length - before <= 13, `${w.asked.length} tokens`);
  });

  test('nobody is logged in: unauthorized, and nothing more is tried', async () => {
    const w = world({ getToken: () => null });
    await assert.rejects(Promise.all([w.client.connect(), w.clock.advance(100)]), { code: 'unauthorized' });
    await w.clock.advance(300000);
    assert.equal(w.path(), 'connecting unauthorized');
    assert.equal(w.timers.size, 0);
  });

  test('three in a row that are refused: unauthorized; a good one in between counts', async () => {
    for (const transports of [['websocket'], ['sse'], ['poll']]) {
      const moods = ['bad', 'bad', 'good', 'bad', 'bad', 'bad', 'good'];
      const reasons = [];
      const w = world({ transports, getToken: ({ reason }) => (reasons.push(reason), moods.shift() === 'good' ? w.gateway.token() : 'bad') });
      w.client.connect().catch(() => {});
      await w.clock.advance(10000);
      assert.match(w.client.state, /connected|polling/);
      w.gateway.cut();
      await w.clock.advance(60000);
      assert.equal(w.client.state, 'unauthorized', transports[0]);
      assert.equal(moods.length, 1);
      assert.deepEqual(reasons, ['connect', 'refused', 'refused', 'connect', 'refused', 'refused']);
      const again = w.client.connect();
      await w.clock.advance(1000);
      await again;
    }
  });

  test('a getToken that throws or never answers is tried again', async () => {
    for (const first of [() => Promise.reject(new Error('no')), () => new Promise(() => {})]) {
      const errors = [];
      let calls = 0;
      const w = world({ getToken: () => (calls++ ? w.gateway.token() : first()), onError: (error) => errors.push(error.message) });
      w.client.connect();
      await w.clock.advance(20000);
      assert.equal(w.client.state, 'connected');
    }
  });

  test('a renewal that hangs when the client is closed does not stop the next ones', async () => {
    const w = await connected(world());
    const { getToken } = w.client._core._options;
    w.client._core._options.getToken = () => new Promise(() => {});
    [...w.gateway.conns][0].send({ type: 'token_expiring', payload: {} });
    await w.clock.advance(100);
    w.client.close();
    w.client._core._options.getToken = getToken;
    await connected(w);
    w.asked.length = 0;
    [...w.gateway.conns][0].send({ type: 'token_expiring', payload: {} });
    await w.clock.advance(100);
    assert.deepEqual(w.asked, ['refresh']);
  });

  test('one for somebody else: the connection begins anew as them', async () => {
    const w = await connected(world());
    w.client._core._options.getToken = () => w.gateway.token('V');
    [...w.gateway.conns][0].send({ type: 'token_expiring', payload: {} });
    await w.clock.advance(5000);
    assert.equal(w.client.user.id, 'V');
  });

  test('no inspector sees a token', async () => {
    const w = world();
    const seen = [];
    w.client.on('frame', (frame) => seen.push(JSON.stringify(frame)));
    await connected(w);
    w.client._core._connection._refresh();
    await w.clock.advance(100);
    assert.ok(seen.some((text) => text.includes('"auth"')) && seen.some((text) => text.includes('"connect"')));
    assert.ok(!seen.some((text) => /token\d/.test(text)));
  });
});

describe('probes', () => {
  const deafen = (w) => [...w.gateway.conns].forEach((conn) => ((conn.isDeaf = true), (conn.send = () => {})));
  const events = { online: 'window', pageshow: 'window', visibilitychange: 'document' };

  for (const [name, target] of Object.entries(events))
    test(`at ${name} a dead connection is found within 3 s and replaced; one that lives is kept`, async () => {
      const w = await connected(world());
      const wake = () => w[target].dispatchEvent(Object.assign(new Event(name), { persisted: true }));
      wake();
      await w.clock.advance(10000);
      assert.equal(w.path(), '');
      deafen(w);
      wake();
      await w.clock.advance(2900);
      assert.equal(w.path(), '');
      await w.clock.advance(1000);
      assert.equal(w.path(), 'reconnecting connected');
    });

  test('a page that comes back does not wait for the rest of a delay', async () => {
    const w = await connected(world({ random: 1, transports: ['websocket'] }));
    w.gateway.block({ websocket: 'refuse' });
    w.gateway.cut();
    await w.clock.advance(100000);
    w.gateway.block({});
    w.document.dispatchEvent(new Event('visibilitychange'));
    await w.clock.advance(50);
    assert.equal(w.client.state, 'connected');
  });

  test('a page in the back-forward cache has no connection, and is back at once', async () => {
    const w = await connected(world());
    w.window.dispatchEvent(new Event('pagehide'));
    assert.equal(w.gateway.conns.size, 0);
    w.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    await w.clock.advance(50);
    assert.equal(w.client.state, 'connected');
  });

  test('no network: offline, nothing is tried for long; at its return at once', async () => {
    const w = await connected(world());
    w.navigator.onLine = false;
    w.window.dispatchEvent(new Event('offline'));
    assert.equal(w.path(), 'offline');
    await w.clock.advance(29000);
    assert.equal(w.asked.length, 1);
    w.navigator.onLine = true;
    w.window.dispatchEvent(new Event('online'));
    await w.clock.advance(50);
    assert.equal(w.client.state, 'connected');
  });

  test('a browser that is wrong about the network does not lock the client out', async () => {
    const w = world({ env: { navigator: { onLine: false } } });
    w.client.connect();
    await w.clock.advance(1000);
    assert.equal(w.path(), 'offline connected');
    w.gateway.cut();
    await w.clock.advance(40000);
    assert.equal(w.client.state, 'connected');
  });

  test("the server's ping is answered; its long silence is looked into", async () => {
    const w = await connected(world());
    [...w.gateway.conns][0].send({ type: 'ping' });
    await w.clock.advance(100);
    assert.ok(w.gateway.received.some(({ type }) => type === 'pong'));
    deafen(w);
    await w.clock.advance(80000);
    assert.equal(w.path(), 'reconnecting connected');
  });

  test('a server that is slow to answer but speaks is not given up', async () => {
    const w = await connected(world());
    const [conn] = w.gateway.conns;
    const { take } = conn;
    conn.take = (frame) => frame.type === 'ping' || take.call(conn, frame);
    w.document.dispatchEvent(new Event('visibilitychange'));
    for (let i = 0; i < 10; i++) {
      await w.clock.advance(1000);
      w.gateway.ephemeral('me', 'cursor', {});
    }
    assert.equal(w.path(), '');
  });

  test('who comes back names the connection that it had', async () => {
    const w = await connected(world());
    w.gateway.cut();
    await w.clock.advance(5000);
    const [first, second] = w.gateway.received.filter(({ type }) => type === 'connect');
    assert.equal(first.payload.resume, undefined);
    assert.deepEqual(second.payload.resume, { session: 's1', key: 'key1' });
  });
});

describe('fall-backs', () => {
  for (const how of ['refuse', 'hang', 'throw']) {
    test(`sockets that ${how}: an event stream; streams as well: polling within 10 s`, async () => {
      const streaming = world();
      streaming.gateway.block({ websocket: how });
      streaming.client.connect();
      await streaming.clock.advance(4000);
      assert.deepEqual([streaming.client.state, streaming.client.transport], ['connected', 'sse']);
      const polling = world();
      polling.gateway.block({ websocket: how, sse: how === 'throw' ? 'refuse' : how });
      polling.client.connect();
      await polling.clock.advance(10000);
      assert.equal(polling.client.state, 'polling');
      assert.equal(polling.path(), 'connecting polling');
    });
  }

  test('sockets that worked are not given up for one failure, but when they are blocked within 10 s', async () => {
    const w = await connected(world());
    w.gateway.block({ websocket: 'refuse', sse: 'refuse' });
    w.gateway.cut();
    await w.clock.advance(10000);
    assert.equal(w.client.state, 'polling');
  });

  test('one failed attempt of sockets that worked is followed by another', async () => {
    const w = await connected(world());
    const over = [];
    w.client.on('state', () => over.push(w.client.transport));
    w.gateway.block({ websocket: 'refuse' });
    w.gateway.cut();
    while (w.asked.length < 2) await w.clock.advance(1);
    await w.clock.advance(1);
    w.gateway.block({});
    await w.clock.advance(5000);
    assert.deepEqual(over.filter(Boolean), ['websocket']);
  });

  test('each time that sockets fail, the way back is tried as soon as the first time', async () => {
    const w = world();
    for (let i = 0; i < 4; i++) {
      w.gateway.block({ websocket: 'refuse' });
      w.gateway.cut();
      w.client.connect().catch(() => {});
      while (w.client.transport !== 'sse') await w.clock.advance(100);
      w.gateway.block({});
      const from = w.clock.now();
      while (w.client.transport !== 'websocket') await w.clock.advance(100);
      assert.ok(w.clock.now() - from <= (i ? 5200 : 60200), `${w.clock.now() - from} ms`);
    }
  });

  test('back to sockets when they work again, without a break for anybody', async () => {
    const w = world();
    w.gateway.block({ websocket: 'refuse', sse: 'refuse' });
    const ids = [];
    w.client.channel('project:1').on('*', ({ id }) => ids.push(id));
    w.client.channel('project:1').subscribe();
    await w.clock.advance(10000);
    assert.equal(w.client.state, 'polling');
    w.gateway.block({});
    const sent = [];
    for (let i = 0; i < 600; i++) {
      sent.push(w.gateway.emit('project:1', 'a.b'));
      await w.clock.advance(1000);
    }
    assert.deepEqual([w.client.state, w.client.transport], ['connected', 'websocket']);
    assert.equal(w.path(), 'connecting polling connected');
    assert.deepEqual(ids, sent);
    assert.equal(w.gateway.conns.size, 1);
  });

  test('after that only the new connection is looked after', async () => {
    const w = world();
    w.gateway.block({ websocket: 'refuse' });
    w.client.connect();
    await w.clock.advance(1000);
    assert.equal(w.client.transport, 'sse');
    w.gateway.block({});
    while (w.client.transport !== 'websocket') await w.clock.advance(1000);
    w.gateway.received.length = 0;
    for (let i = 0; i < 600; i++) {
      [...w.gateway.conns][0].send({ type: 'ping' });
      await w.clock.advance(1000);
    }
    assert.equal(w.gateway.received.filter(({ type }) => type === 'ping').length, 0);
  });

  test('close() on the way up: nothing is opened later', async () => {
    for (const late of [59900, 60100]) {
      const w = world();
      w.gateway.block({ websocket: 'refuse' });
      w.client.connect();
      await w.clock.advance(1000);
      let give;
      const asked = w.asked.length;
      w.client._core._options.getToken = () => new Promise((resolve) => (give = resolve));
      w.gateway.block({});
      await w.clock.advance(late);
      w.client.close();
      give?.(w.gateway.token());
      await w.clock.advance(120000);
      assert.equal(w.asked.length, asked);
      assert.deepEqual([w.gateway.conns.size, w.timers.size, w.client.state], [0, 0, 'closed']);
    }
  });

  test('a call under way while the transport changes is answered once', async () => {
    const w = world();
    let runs = 0;
    w.gateway.methods['slow.do'] = () => ({ runs: ++runs });
    w.gateway.block({ websocket: 'refuse' });
    w.client.connect();
    await w.clock.advance(10000);
    assert.equal(w.client.transport, 'sse');
    w.gateway.block({});
    w.gateway.work = (run) => w.clock.setTimeout(run, 15000);
    const calls = [];
    for (let i = 0; i < 12; i++) {
      calls.push(w.client.call('slow.do', {}, { queue: false, timeout: 60000 }));
      await w.clock.advance(6000);
    }
    await w.clock.advance(60000);
    assert.equal(w.client.transport, 'websocket');
    assert.equal((await Promise.all(calls)).length, 12);
    assert.equal(runs, 12);
  });

  test('a server that is down is not taken for a blocked socket for long', async () => {
    const w = await connected(world());
    w.gateway.block({ websocket: 'refuse', sse: 'refuse', poll: 'refuse' });
    w.gateway.cut();
    await w.clock.advance(60000);
    w.gateway.block({});
    await w.clock.advance(60000);
    assert.equal(w.client.transport, 'websocket');
  });
});
