// Channels: each event once and in order, and what becomes of them when the stream breaks.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createRealtimeClient as createCoreClient } from '../src/core.js';
import { createRealtimeClient } from '../src/index.js';
import { FakeClock } from './fake.mjs';
import { FakeGateway, canonical } from './fake_gateway.mjs';

async function world(options = {}) {
  const clock = new FakeClock();
  const gateway = new FakeGateway(clock);
  const env = gateway.env();
  const errors = [];
  const client = createRealtimeClient({
    url: 'ws://gateway.test',
    getToken: () => gateway.token(),
    onError: (error, where) => errors.push([error.message, where]),
    env,
    ...options,
  });
  client.connect().catch(() => {});
  await clock.advance(50);
  const sent = (type) => gateway.received.filter((frame) => frame.type === type);
  const join = async (name, how) => {
    const answer = client.channel(name).subscribe(how);
    answer.catch(() => {});
    await clock.advance(100);
    return answer;
  };
  return { clock, gateway, client, env, errors, sent, join };
}

const hear = (channel, type = '*') => {
  const ids = [];
  channel.on(type, ({ id }) => ids.push(id));
  return ids;
};

describe('subscriptions', () => {
  test('the same object for the same name, and one subscription for all who want it', async () => {
    const { client, clock, join, sent } = await world();
    const channel = client.channel('project:1');
    assert.equal(client.channel('project:1'), channel);
    const [first, second] = [await join('project:1'), await join('project:1')];
    assert.deepEqual(first, { position: '1.0', recovered: true, can: ['read', 'publish'] });
    assert.deepEqual(second, first);
    assert.equal(sent('subscribe').length, 1);
    assert.deepEqual([channel.state, channel.canonical], ['subscribed', 'tenant:T:project:1']);
    channel.unsubscribe();
    await clock.advance(1000);
    assert.equal(sent('unsubscribe').length, 0);
    channel.unsubscribe();
    await clock.advance(1000);
    assert.equal(sent('unsubscribe').length, 1);
    assert.deepEqual([channel.state, channel.position], ['idle', null]);
    channel.unsubscribe();
    await clock.advance(1000);
    assert.equal(sent('unsubscribe').length, 1);
  });

  test('who leaves and comes back at once has never left', async () => {
    const { client, clock, gateway, join, sent } = await world();
    await join('project:1');
    const ids = hear(client.channel('project:1'));
    client.channel('project:1').unsubscribe();
    gateway.emit('project:1', 'a.b');
    client.channel('project:1').subscribe();
    await clock.advance(1000);
    assert.equal(sent('subscribe').length + sent('unsubscribe').length, 1);
    assert.equal(ids.length, 1);
  });

  test('who leaves before the answer leaves after it', async () => {
    const { client, clock, gateway, sent } = await world();
    gateway.work = (run) => clock.setTimeout(run, 1000);
    client.channel('project:1').subscribe();
    await clock.advance(10);
    client.channel('project:1').unsubscribe();
    await clock.advance(5000);
    assert.equal(client.channel('project:1').state, 'idle');
    assert.deepEqual([sent('subscribe').length, sent('unsubscribe').length], [1, 1]);
    assert.equal([...gateway.conns][0].subs.has('tenant:T:project:1'), false);
  });

  for (const transports of [['websocket'], ['sse'], ['poll']]) {
    test(`${transports}: an answer that comes after its time-out takes nothing with it, whenever it comes`, async () => {
      for (let late = 400; late < 2500; late += 100) {
        const { client, clock, gateway, join } = await world({ transports, callTimeout: 1000 });
        await join('project:1');
        const ids = hear(client.channel('project:1'));
        gateway.cut();
        gateway.commit('project:1', 'a.b');
        gateway.fetchNow();
        gateway.work = (run) => clock.setTimeout(run, late);
        for (let i = 0; i < 10; i++) {
          await clock.advance(late / 3);
          client.channel(`project:${2 + i}`).subscribe().catch(() => {}); // streams and polls begin anew
        }
        gateway.work = (run) => run();
        await clock.advance(60000);
        assert.deepEqual([client.channel('project:1').state, ids], ['subscribed', ['1']], `${late} ms`);
        client.close();
      }
    });
  }

  test('a refusal rejects, with its words; it may be tried again', async () => {
    const { client, gateway, join } = await world();
    const told = [];
    client.channel('project:9').on('unsubscribed', ({ payload }) => told.push(payload.code));
    gateway.refused.set(canonical('project:9'), { code: 'not_found', status: 404, message: 'no such channel', retry: 'no' });
    await assert.rejects(join('project:9'), { name: 'RealtimeError', code: 'not_found', status: 404, message: 'no such channel', retry: 'no' });
    assert.equal(client.channel('project:9').state, 'refused');
    assert.deepEqual(told, ['not_found']);
    gateway.refused.clear();
    assert.equal((await join('project:9')).recovered, true);
  });

  test('what may pass is waited for', async () => {
    const { client, clock, gateway, join } = await world();
    gateway.isDown = true;
    const waiting = client.channel('project:1').subscribe();
    await clock.advance(5000);
    assert.equal(client.channel('project:1').state, 'subscribing');
    gateway.isDown = false;
    await clock.advance(5000);
    assert.equal((await waiting).recovered, true);
    assert.ok(join);
  });

  test('types: a second subscriber who wants more gets more, and so does the first', async () => {
    const { client, gateway, clock, join, sent } = await world();
    const ids = hear(client.channel('project:1'));
    await join('project:1', { types: ['task.*'] });
    gateway.emit('project:1', 'message.created');
    const task = gateway.emit('project:1', 'task.created');
    await clock.advance(50);
    assert.deepEqual(ids, [task]);
    await join('project:1', { types: ['task.updated', 'message.*'] });
    const message = gateway.emit('project:1', 'message.created');
    await clock.advance(50);
    assert.deepEqual(ids, [task, message]);
    await join('project:1', { types: ['task.*'] });
    assert.deepEqual(sent('subscribe').map(({ payload }) => payload.types), [['task.*'], ['task.*', 'task.updated', 'message.*']]);
    await join('project:1');
    assert.equal(sent('subscribe').at(-1).payload.types, undefined);
  });

  test('two names of one channel: both hear, and one leaving takes nothing from the other', async () => {
    const { client, gateway, clock, join } = await world();
    const short = hear(client.channel('me'));
    const long = hear(client.channel('user:U'));
    await join('me');
    await join('user:U');
    gateway.emit('me', 'a.b');
    await clock.advance(50);
    client.channel('me').unsubscribe();
    await clock.advance(1000);
    gateway.emit('me', 'a.b');
    await clock.advance(50);
    assert.deepEqual([short.length, long.length], [1, 2]);
  });

  test('60 channels come back without more than 32 requests in flight', async () => {
    const { client, gateway, clock } = await world();
    let most = 0;
    let now = 0;
    gateway.work = (run) => {
      most = Math.max(most, ++now);
      clock.setTimeout(() => (now--, run()), 20);
    };
    for (let i = 0; i < 60; i++) client.channel(`project:${i}`).subscribe();
    await clock.advance(2000);
    gateway.cut();
    await clock.advance(5000);
    for (let i = 0; i < 60; i++) assert.equal(client.channel(`project:${i}`).state, 'subscribed');
    assert.ok(most > 1 && most <= 32, `${most}`);
  });
});

describe('events', () => {
  test('a listener that throws stops neither the others nor the stream', async () => {
    const { client, gateway, clock, join, errors } = await world();
    client.channel('project:1').on('a.b', () => {
      throw new Error('mine');
    });
    const ids = hear(client.channel('project:1'), 'a.*');
    await join('project:1');
    gateway.emit('project:1', 'a.b');
    gateway.emit('project:1', 'a.b');
    await clock.advance(50);
    assert.equal(ids.length, 2);
    assert.deepEqual(errors, [['mine', 'a.b'], ['mine', 'a.b']]);
  });

  test('from a position on: what was missed, then what comes', async () => {
    const { client, gateway, clock, join } = await world();
    const sent = [1, 2, 3].map(() => gateway.emit('project:1', 'a.b'));
    const ids = hear(client.channel('project:1'));
    const { recovered } = await join('project:1', { since: '1.1' });
    assert.equal(recovered, true);
    sent.push(gateway.emit('project:1', 'a.b'));
    await clock.advance(50);
    assert.deepEqual(ids, sent.slice(1));
  });

  test('what came behind the last position comes again, and is heard once', async () => {
    for (const transports of [['websocket'], ['sse']]) {
      const { client, gateway, clock, join } = await world({ transports });
      const ids = hear(client.channel('project:1'));
      await join('project:1');
      gateway.mute = () => true;
      const sent = Array.from({ length: 50 }, () => gateway.emit('project:1', 'a.b'));
      await clock.advance(50);
      gateway.cut();
      sent.push(gateway.emit('project:1', 'a.b'));
      await clock.advance(5000);
      assert.deepEqual(ids, sent);
    }
  });

  test('however many came behind it, up to 4,096', async () => {
    const { client, gateway, clock, join } = await world();
    const ids = hear(client.channel('project:1'));
    await join('project:1');
    gateway.replayMost = 10000;
    gateway.mute = () => true;
    for (let i = 0; i < 6000; i++) gateway.commit('project:1', 'a.b');
    gateway.fetchNow();
    await clock.advance(50);
    const [conn] = gateway.conns;
    conn.recent = gateway.log.slice(-4096);
    conn.repeat();
    await clock.advance(50);
    assert.equal(ids.length, 6000);
  });

  test('channels that one is joined to anyway go on from their position, too', async () => {
    const { client, gateway, clock, join } = await world();
    const ids = hear(client.channel('me'));
    await join('me');
    gateway.cut();
    const sent = [gateway.emit('me', 'a.b')];
    gateway.work = (run) => clock.setTimeout(run, 300);
    await clock.advance(520);
    // comes to the new connection before the answer to subscribe does
    sent.push(gateway.emit('me', 'a.b'));
    await clock.advance(5000);
    assert.deepEqual(ids, sent);
  });

  test('a channel that a listener subscribes to, from a position: nothing of it is missed, by any transport', async () => {
    for (const transports of [['websocket'], ['sse'], ['poll']]) {
      const { client, gateway, clock, join } = await world({ transports });
      const ids = hear(client.channel('project:2'));
      client.channel('project:1').on('*', () => client.channel('project:2').subscribe({ since: '1.0' }));
      await join('project:1');
      const sent = [gateway.commit('project:2', 'a.b')];
      gateway.commit('project:1', 'a.b');
      gateway.fetchNow();
      await clock.advance(5000);
      sent.push(gateway.emit('project:2', 'a.b'));
      await clock.advance(5000);
      assert.deepEqual(ids, sent, transports[0]);
    }
  });

  test('a gap: subscribed again from the last position, and nothing is missed', async () => {
    for (const transports of [['websocket'], ['sse'], ['poll']]) {
      const { client, gateway, clock, join } = await world({ transports });
      const ids = hear(client.channel('project:1'));
      await join('project:1');
      const sent = [gateway.emit('project:1', 'a.b')];
      await clock.advance(500);
      gateway.gap('project:1');
      sent.push(gateway.emit('project:1', 'a.b'));
      await clock.advance(2000);
      sent.push(gateway.emit('project:1', 'a.b'));
      await clock.advance(2000);
      assert.deepEqual(ids, sent, transports[0]);
    }
  });

  test('a gap while an answer is awaited: subscribed once more', async () => {
    const { client, gateway, clock, join, sent } = await world();
    await join('project:1');
    gateway.work = (run) => clock.setTimeout(run, 500);
    gateway.gap('project:1');
    await clock.advance(20);
    [...gateway.conns][0].send({ type: 'gap', channel: canonical('project:1'), payload: {} });
    await clock.advance(3000);
    assert.equal(sent('subscribe').length, 3);
    assert.equal(client.channel('project:1').state, 'subscribed');
  });

  test('recovery that is impossible is said: to the channel, to the client, to who subscribes', async () => {
    const { client, gateway, clock, join } = await world();
    const told = [];
    client.on('resync', (name) => told.push(name));
    client.channel('project:1').on('resync', ({ type }) => told.push(type));
    assert.equal((await join('project:1', { since: '0.7' })).recovered, false);
    assert.deepEqual(told, ['resync', 'project:1']);
    gateway.cut();
    gateway.epoch = 2;
    const ids = hear(client.channel('project:1'));
    await clock.advance(5000);
    assert.equal(told.length, 4);
    gateway.emit('project:1', 'a.b');
    await clock.advance(50);
    assert.equal(ids.length, 1);
  });

  test("the server's own unsubscribed: told, refused, and the other channels go on", async () => {
    for (const transports of [['websocket'], ['poll']]) {
      const { client, gateway, clock, join } = await world({ transports });
      const told = [];
      client.channel('project:1').on('unsubscribed', ({ payload }) => told.push(payload.code));
      await join('project:1');
      await join('project:2');
      gateway.revoke('project:1');
      gateway.emit('project:2', 'a.b');
      await clock.advance(2000);
      const ids = hear(client.channel('project:2'));
      gateway.emit('project:2', 'a.b');
      await clock.advance(2000);
      assert.equal(told.length, 1);
      assert.deepEqual([client.channel('project:1').state, ids.length], ['refused', 1]);
    }
  });

  test('what is remembered of a channel is bounded', async () => {
    const { client, gateway, clock, join } = await world();
    let heard = 0;
    client.channel('project:1').on('*', () => heard++);
    await join('project:1');
    gateway.mute = () => true;
    for (let i = 0; i < 9000; i++) gateway.commit('project:1', 'a.b');
    gateway.fetchNow();
    await clock.advance(50);
    assert.equal(heard, 9000);
  });

  test('frames the client does not know are ignored', async () => {
    const { client, gateway, clock, join, errors } = await world();
    await join('project:1');
    const conn = [...gateway.conns][0];
    for (const frame of [{ type: 'new' }, { type: 'new', payload: null }, { type: 'x', channel: 'tenant:T:other:1', payload: {} }, { type: 'error', payload: {} }])
      conn.send(frame);
    await clock.advance(50);
    assert.deepEqual([client.state, errors], ['connected', []]);
  });
});

describe('ephemeral', () => {
  test('at most one in 50 ms of each type, the last one always, none without the right', async () => {
    const { client, gateway, clock, join } = await world();
    const channel = client.channel('project:1');
    channel.publish('cursor', { x: 0 });
    await join('project:1');
    for (let x = 1; x <= 100; x++) {
      channel.publish('cursor', { x });
      channel.publish('typing', { x });
      await clock.advance(5);
    }
    await clock.advance(200);
    const cursors = gateway.published.filter(([, type]) => type === 'cursor').map(([, , { x }]) => x);
    assert.ok(cursors.length <= 12, `${cursors.length}`);
    assert.deepEqual([cursors[0], cursors.at(-1)], [1, 100]);
    channel.can = ['read'];
    channel.publish('cursor', { x: 101 });
    await clock.advance(200);
    assert.equal(gateway.published.filter(([, type]) => type === 'cursor').length, cursors.length);
  });

  test('never queued: what is published while away is gone', async () => {
    const { client, gateway, clock, join } = await world();
    await join('project:1');
    gateway.cut();
    client.channel('project:1').publish('cursor', { x: 1 });
    await clock.advance(5000);
    assert.deepEqual(gateway.published, []);
    client.channel('project:1').publish('cursor', { x: 2 });
    await clock.advance(100);
    assert.equal(gateway.published.length, 1);
  });

  test('a close and a new connection do not silence it', async () => {
    const { client, gateway, clock, join } = await world();
    await join('project:1');
    client.channel('project:1').publish('cursor', { x: 1 });
    client.channel('project:1').publish('cursor', { x: 2 });
    client.close();
    client.connect();
    await clock.advance(500);
    assert.equal(client.channel('project:1').state, 'subscribed');
    const before = gateway.published.length;
    client.channel('project:1').publish('cursor', { x: 3 });
    await clock.advance(100);
    assert.equal(gateway.published.length, before + 1);
  });

  test('others are heard', async () => {
    const { client, gateway, clock, join } = await world();
    const heard = [];
    client.channel('project:1').on('cursor', (event) => heard.push(event));
    await join('project:1');
    gateway.ephemeral('project:1', 'cursor', { x: 1 }, { sender_id: 'V' });
    gateway.ephemeral('project:1', 'cursor', { x: 1 }, { sender_id: 'V' });
    await clock.advance(50);
    assert.equal(heard.length, 2);
    assert.deepEqual([heard[0].payload, heard[0].sender_id, heard[0].ephemeral], [{ x: 1 }, 'V', true]);
  });
});

describe('limits', () => {
  const tooMany = { code: 'limit_exceeded', status: 429, message: 'too many at once', retry: 'backoff', retryAfter: 4000 };

  test('a subscribe that is one too many for now is made again after retryAfter, and resolves', async () => {
    const w = await world();
    const tries = () => w.sent('subscribe').length;
    w.gateway.limit = ({ type }) => (type === 'subscribe' && tries() < 2 ? tooMany : null);
    const answer = w.client.channel('project:1').subscribe();
    await w.clock.advance(3900);
    assert.deepEqual([tries(), w.client.channel('project:1').state], [1, 'subscribing']);
    await w.clock.advance(700);
    assert.equal((await answer).recovered, true);
    assert.equal(tries(), 2);
  });

  test('one that does not pass by itself is refused, until something is given up', async () => {
    const w = await world();
    w.gateway.limit = ({ type }) => (type === 'subscribe' ? { ...tooMany, retry: 'no', retryAfter: undefined } : null);
    await assert.rejects(w.join('project:1'), { code: 'limit_exceeded' });
    w.gateway.limit = () => null;
    assert.equal((await w.join('project:1')).recovered, true);
  });

  test('a client of the core alone says that it has no presence', () => {
    const client = createCoreClient({ url: 'ws://gateway.test', getToken: () => null });
    assert.throws(() => client.channel('project:1').presence(), { name: 'RealtimeError', code: 'no_presence' });
  });

  test('what is said of oneself one time too many is said again, the last of it', async () => {
    const w = await world();
    const presence = w.client.channel('project:1').presence();
    const said = () => w.sent('presence:update').map(({ payload }) => payload.status);
    presence.join();
    await w.clock.advance(100);
    w.gateway.limit = ({ type }) => (type === 'presence:update' ? tooMany : null);
    presence.update({ status: 'idle' });
    await w.clock.advance(100);
    presence.update({ status: 'away' });
    await w.clock.advance(3800);
    assert.deepEqual(said(), ['idle', 'away']);
    w.gateway.limit = () => null;
    await w.clock.advance(10000);
    assert.deepEqual(said(), ['idle', 'away', 'away']);
  });
});

describe('presence', () => {
  const users = (...ids) => ({ users: ids.map((id) => ({ id, name: id, status: 'active', connections: 1, lastSeen: 1, meta: {} })) });
  const tell = ({ gateway }, type, payload) =>
    [...gateway.conns][0].send({ type: `presence:${type}`, channel: 'tenant:T:presence:project/1', payload });

  test('the list and its changes', async () => {
    const w = await world();
    const presence = w.client.channel('project:1').presence();
    assert.equal(w.client.channel('project:1').presence(), presence);
    const told = [];
    for (const event of ['sync', 'join', 'update', 'leave']) presence.on(event, (list) => told.push([event, list.length]));
    const stop = presence.watch();
    await w.clock.advance(100);
    tell(w, 'sync', users('A', 'B'));
    tell(w, 'join', users('C'));
    tell(w, 'update', users('A'));
    tell(w, 'leave', users('B'));
    await w.clock.advance(50);
    assert.deepEqual([...presence.members.keys()], ['A', 'C']);
    assert.deepEqual(told, [['sync', 2], ['join', 1], ['update', 1], ['leave', 1]]);
    tell(w, 'sync', users('D'));
    await w.clock.advance(50);
    assert.deepEqual([...presence.members.keys()], ['D']);
    stop();
    stop();
    await w.clock.advance(500);
    assert.equal(w.client.channel('presence:project/1').state, 'idle');
  });

  test('who joined is there again after every new connection, with what was said last', async () => {
    const w = await world();
    const presence = w.client.channel('tenant:T:project:1').presence();
    presence.update({ status: 'idle' });
    presence.join({ meta: { a: 1 } });
    await w.clock.advance(100);
    presence.update({ status: 'away' });
    await w.clock.advance(100);
    w.gateway.cut();
    await w.clock.advance(5000);
    const said = w.gateway.received.filter(({ type }) => type.startsWith('presence:')).map(({ type, channel, payload }) => [type, channel, payload]);
    assert.deepEqual(said, [
      ['presence:join', 'presence:project/1', { status: 'active', meta: { a: 1 } }],
      ['presence:update', 'presence:project/1', { status: 'away', meta: { a: 1 } }],
      ['presence:join', 'presence:project/1', { since: said[2][2].since, status: 'away', meta: { a: 1 } }],
    ]);
    presence.leave();
    presence.leave();
    await w.clock.advance(1000);
    assert.equal(w.client.channel('presence:project/1').state, 'idle');
    w.gateway.cut();
    await w.clock.advance(5000);
    assert.equal(w.sent('presence:join').length, 2);
  });

  test('who watches, joins and leaves goes on watching', async () => {
    const w = await world();
    const presence = w.client.channel('project:1').presence();
    presence.watch();
    await w.clock.advance(100);
    presence.join();
    await w.clock.advance(100);
    presence.leave();
    await w.clock.advance(100);
    const said = w.gateway.received.filter(({ channel }) => channel).map(({ type }) => type);
    assert.deepEqual(said, ['subscribe', 'presence:join', 'presence:leave', 'subscribe']);
    assert.equal(w.client.channel('presence:project/1').state, 'subscribed');
  });

  test('a refusal is reported', async () => {
    const w = await world();
    w.gateway.refused.set(canonical('presence:project/1'), { code: 'not_found', status: 404, retry: 'no' });
    w.client.channel('project:1').presence().watch()();
    w.client.channel('project:1').presence().watch();
    await w.clock.advance(100);
    assert.deepEqual(w.errors, [['not_found', 'presence:project/1'], ['not_found', 'presence:project/1']]);
  });
});
