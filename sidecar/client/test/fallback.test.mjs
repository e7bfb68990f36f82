// Presence and what is published where there is no WebSocket: the same, as far as an application can tell.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createRealtimeClient } from '../src/index.js';
import { FakeClock } from './fake.mjs';
import { FakeGateway } from './fake_gateway.mjs';

const ROOM = 'tenant:T:presence:project/1';
const member = (id, status = 'active') => ({ id, name: id, status, connections: 1, lastSeen: 1, meta: {} });

async function world(transport) {
  const clock = new FakeClock();
  const gateway = new FakeGateway(clock);
  const errors = [];
  const client = createRealtimeClient({
    url: 'ws://gateway.test',
    getToken: () => gateway.token(),
    onError: (error, where) => errors.push([error.message, where]),
    env: gateway.env(),
    transports: [transport],
  });
  gateway.lists.set(ROOM, { users: [member('A')], version: 'v1' });
  client.connect().catch(() => {});
  await clock.advance(50);
  const channel = client.channel('project:1');
  const presence = channel.presence();
  const told = [];
  for (const event of ['sync', 'join', 'update', 'leave']) presence.on(event, (users) => told.push(`${event} ${users.map(({ id }) => id)}`));
  // what the last request says of presence:project/1
  const said = () => {
    const polled = gateway.polls.at(-1)?.subscriptions.find(({ channel }) => channel === 'presence:project/1');
    const streamed = gateway.streams.at(-1) ?? [];
    const at = streamed.findIndex(([name, value]) => name === 'channel' && value === 'presence:project/1');
    const next = streamed.slice(at + 1).findIndex(([name]) => name === 'channel' || name === 'page');
    const own = Object.fromEntries(streamed.slice(at + 1, next < 0 ? undefined : at + 1 + next));
    return transport === 'poll' ? polled?.presence : at < 0 || !own.presence ? undefined : { status: own.presence, ...(own.meta && { meta: JSON.parse(own.meta) }) };
  };
  const change = (type, users, version) => {
    gateway.lists.get(ROOM).version = version;
    for (const conn of gateway.conns) if (conn.subs.has(ROOM)) conn.send({ type: `presence:${type}`, channel: ROOM, payload: { users, version } });
  };
  return { clock, gateway, client, channel, presence, told, errors, said, change };
}

for (const transport of ['sse', 'poll'])
  describe(`by ${transport}`, () => {
    test('who joins says so with every request, and what is new at once', async () => {
      const { clock, gateway, presence, said, client, errors } = await world(transport);
      presence.join({ meta: { a: 1 } });
      await clock.advance(300);
      assert.deepEqual(said(), { status: 'active', meta: { a: 1 } });
      presence.update({ status: 'idle' });
      await clock.advance(300);
      assert.deepEqual(said(), { status: 'idle', meta: { a: 1 } });
      client.channel('project:2').subscribe();
      await clock.advance(300);
      assert.deepEqual(said(), { status: 'idle', meta: { a: 1 } });
      gateway.cut();
      await clock.advance(20000);
      assert.deepEqual(said(), { status: 'idle', meta: { a: 1 } });
      assert.deepEqual(errors, []);
    });

    test('who leaves says that, too, and what is asked for next comes behind it', async () => {
      const { clock, gateway, presence, said } = await world(transport);
      presence.join();
      await clock.advance(300);
      gateway.polls.length = 0;
      presence.leave();
      await clock.advance(500);
      const leaving = gateway.polls.filter(({ subscriptions }) => subscriptions.some(({ presence: me }) => me === null));
      assert.equal(leaving.length, 1);
      assert.deepEqual(leaving[0].subscriptions, [{ channel: 'presence:project/1', presence: null }]);
      assert.equal(leaving[0].wait, 0);
      assert.equal(said(), undefined);
      presence.join();
      await clock.advance(300);
      assert.deepEqual(said(), { status: 'active' });
    });

    test('who watches, joins and leaves goes on watching', async () => {
      const { clock, presence, said, client } = await world(transport);
      presence.watch();
      await clock.advance(300);
      presence.join();
      await clock.advance(300);
      assert.deepEqual(said(), { status: 'active' });
      presence.leave();
      await clock.advance(300);
      assert.equal(said(), undefined);
      assert.equal(client.channel('presence:project/1').state, 'subscribed');
      assert.deepEqual([...presence.members.keys()], ['A']);
    });

    test('the list and its changes, each once', async () => {
      const { clock, presence, told, change } = await world(transport);
      presence.watch();
      await clock.advance(300);
      change('join', [member('B')], 'v2');
      await clock.advance(1000);
      change('leave', [member('A')], 'v3');
      await clock.advance(1000);
      assert.deepEqual([...presence.members.keys()], ['B']);
      assert.deepEqual(told, ['sync A', 'join B', 'leave A']);
    });

    test('what of oneself is not taken is taken back, and nothing else is lost', async () => {
      const { clock, gateway, client, presence, said } = await world(transport);
      client.channel('project:2').subscribe();
      presence.join({ meta: { a: 1 } });
      await clock.advance(300);
      gateway.limit = ({ type, payload }) => (type === 'presence' && payload.meta.big ? { code: 'too_large', status: 413, message: 'meta is too large', retry: 'no' } : null);
      if (transport === 'sse') {
        // the fake reads no presence from queries: the answer is the same
        const serve = gateway.serve_sse.bind(gateway);
        gateway.serve_sse = (request) => (request.url.search.includes('big') ? request.answer(413, { code: 'too_large', status: 413, retry: 'no' }) : serve(request));
      }
      presence.update({ meta: { big: true } });
      await clock.advance(1000);
      assert.deepEqual(said(), { status: 'active', meta: { a: 1 } });
      assert.deepEqual([client.channel('project:2').state, client.channel('presence:project/1').state], ['subscribed', 'subscribed']);
    });

    test('what is published is sent, of each kind the last, a few times a second, by the page that hears', async () => {
      const { clock, gateway, channel } = await world(transport);
      channel.subscribe();
      await clock.advance(300);
      for (let x = 1; x <= 100; x++) {
        channel.publish('cursor', { x });
        await clock.advance(10);
      }
      await clock.advance(1000);
      const published = gateway.published.map(([, type, { x }]) => `${type} ${x}`);
      assert.ok(published.length >= 3 && published.length <= 7, published.join());
      assert.equal(published.at(-1), 'cursor 100');
      gateway.published.length = 0;
      channel.publish('cursor', { x: 1 });
      channel.publish('typing_start', {});
      channel.publish('typing_stop', {});
      await clock.advance(1000);
      assert.deepEqual(gateway.published.map(([, type]) => type), ['cursor', 'typing_stop']);
      const { page } = transport === 'poll' ? gateway.polls.at(-1) : Object.fromEntries(gateway.streams.at(-1));
      assert.ok(page && page.length <= 64);
      assert.ok(gateway.published.every((one) => one[3] === page));
    });

    test('what is refused for now is said later, what is refused is forgotten', async () => {
      const { clock, gateway, channel, client, errors } = await world(transport);
      channel.subscribe();
      await clock.advance(300);
      let asked = 0;
      gateway.limit = ({ type }) => (type === 'publish' && asked++ < 1 ? { code: 'rate_limited', status: 429, retry: 'backoff', retryAfter: 3000 } : null);
      channel.publish('cursor', { x: 1 });
      await clock.advance(100);
      channel.publish('cursor', { x: 2 });
      await clock.advance(2500);
      assert.deepEqual(gateway.published, []);
      await clock.advance(2000);
      assert.deepEqual(gateway.published.map(([, , { x }]) => x), [2]);
      client.close();
      await clock.advance(10000);
      assert.deepEqual(errors, []);
    });
  });

test('a list that is the one we have is not asked for again and again: the poll waits', async () => {
  const { clock, gateway, presence, told, change } = await world('poll');
  presence.watch();
  await clock.advance(500);
  gateway.polls.length = 0;
  await clock.advance(60000);
  assert.ok(gateway.polls.length <= 3, `${gateway.polls.length} polls in a minute`);
  const [subscription] = gateway.polls.at(-1).subscriptions;
  assert.deepEqual([subscription.channel, subscription.version], ['presence:project/1', 'v1']);
  change('join', [member('B')], 'v2');
  await clock.advance(1000);
  assert.equal(gateway.polls.at(-1).subscriptions[0].version, 'v2');
  assert.deepEqual(told, ['sync A', 'join B']);
  assert.deepEqual([...presence.members.keys()], ['A', 'B']);
});
