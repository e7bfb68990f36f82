// Who cannot keep a WebSocket is there and is heard, too: presence by poll and by event stream, publish by HTTP.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { World, northwind, people, until } from './e2e.mjs';
import { EventStream, poll, publish } from './http_client.mjs';
import { CANONICAL, RESOURCE, ROOM, Roll, Visitors, watch } from './roll.mjs';

const { clara, oskar, bruno, nils, ada, bea } = people;
const NOWHERE = '00000000-0000-4000-8000-00000000dead';
const GRACE = 1000;
const past = (what, time) => until(what, () => Date.now() > time);

// Somebody who polls a channel, and says the version and the position that the last poll has told.
class Poller {
  users = new Map();

  constructor(world, person, { channel = RESOURCE, gateway = world.gateway, page, ...more } = {}) {
    Object.assign(this, { channel, gateway, page, more, token: world.token(person) });
  }

  async ask(wait = 0, more = {}) {
    const { channel, version, since } = this;
    const subscriptions = [{ channel, since, version, ...this.more, ...more }];
    const answer = await poll(this.gateway.url, this.token, { subscriptions, wait, page: this.page });
    this.frames = answer.json?.frames ?? [];
    for (const { type, payload } of this.frames) {
      if (type === 'position') this.since = payload.position;
      if (payload.version) this.version = payload.version;
      if (type === 'subscribed' && payload.presence !== undefined) this.#set(payload.presence);
      else if (type === 'presence:sync') this.#set(payload.users);
      else if (type.startsWith('presence:'))
        for (const user of payload.users) {
          if (type === 'presence:leave') this.users.delete(user.id);
          else this.users.set(user.id, user);
        }
    }
    return answer;
  }

  #set(list) {
    this.list = list;
    if (list) this.users = new Map(list.map((user) => [user.id, user]));
  }

  names() {
    return [...this.users.values()].map(({ name }) => name).sort();
  }

  // how long it took, too
  async timed(wait) {
    const began = performance.now();
    await this.ask(wait);
    return performance.now() - began;
  }
}

describe('without a WebSocket', { timeout: 240000 }, () => {
  const options = { presence_grace: GRACE, reconnect_max: 200 };
  const world = new World('fallback', { options });
  const visitors = new Visitors(world);
  const streams = [];

  before(() => world.open());
  after(() => world.close());
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await visitors.leaveAll();
  });

  const here = (person) => visitors.at(world.gateway, person);
  const stream = async (person, { channel = RESOURCE, ...query } = {}) => {
    const opened = await EventStream.open(world.gateway.url, {
      token: world.token(person),
      query: new URLSearchParams([['channel', channel], ...Object.entries(query)]),
    });
    streams.push(opened);
    return opened;
  };
  const polling = () => until('the poll to wait', async () => (await world.gateway.metric('polls_waiting')) === 1);
  const active = { presence: { status: 'active' } };
  const heard = (client, type) => client.waitFor((f) => f.type === type && f.ephemeral);
  const say = (person, body) => publish(world.gateway.url, world.token(person), body);

  // ---------- presence by poll ----------

  test('who polls with presence is there for who has a WebSocket, and sees them', async () => {
    const watcher = await watch(await here(ada));
    const meta = { n: 1.10, colour: 'teal' };
    for (const channel of [RESOURCE, ROOM]) {
      const poller = new Poller(world, clara, { channel, presence: { status: 'idle', meta } });
      await poller.ask();
      await watcher.has(clara);
      const { name, status, connections } = watcher.of(clara);
      assert.deepEqual([name, status, connections], ['Clara', 'idle', 1]);
      assert.deepEqual(watcher.of(clara).meta, meta);
      if (channel === RESOURCE) assert.deepEqual(poller.names(), ['Clara'], 'and in the list that it gets');
      await watcher.has();
    }
    const visitor = await here(oskar);
    await visitor.requireAnswer({ type: 'presence:join', channel: ROOM, payload: { status: 'away' } });
    await watcher.has(oskar);
    const poller = new Poller(world, clara, active);
    await until('both in the list', async () => (await poller.ask(200), poller.names().join() === 'Clara,Oskar'));
    assert.equal(poller.users.get(oskar.id).status, 'away');
  });

  test('what a poll says of itself arrives as it was written', async () => {
    const body = `{"subscriptions":[{"channel":"${ROOM}","presence":{"meta":{"n":1.10,"s":"\\u00fc"}}}],"wait":0}`;
    assert.equal((await poll(world.gateway.url, world.token(clara), body)).status, 200);
    await until('it to be written as it is', async () => {
      const written = await world.sql.query(`SELECT meta FROM wrk.presence WHERE channel = '${CANONICAL}'`);
      return written === '{"n":1.10,"s":"\\u00fc"}';
    });
  });

  test('between two polls nobody leaves or comes, and nothing is written', async () => {
    const watcher = await watch(await here(ada));
    const poller = new Poller(world, clara, { presence: { status: 'active', meta: { a: 1 } } });
    await poller.ask();
    await watcher.has(clara);
    await until('it to be written', async () => (await world.sql.query(`SELECT count(*) FROM wrk.presence WHERE channel = '${CANONICAL}'`)) === '1');
    await until('nothing more to write', async () => {
      const rows = await world.gateway.metric('presence_rows_total');
      await past('a pause of the writer', Date.now() + 300);
      return rows === (await world.gateway.metric('presence_rows_total'));
    });
    const before = await world.gateway.metric('presence_writes_total');
    const seen = watcher.of(clara).lastSeen;
    watcher.news();
    for (let i = 0; i < 20; i++) await poller.ask(60);
    await past('every grace to be over', Date.now() + GRACE / 2);
    assert.deepEqual(watcher.news(), []);
    assert.equal(watcher.of(clara).lastSeen, seen);
    assert.equal(await world.gateway.metric('presence_writes_total'), before);
  });

  test('who polls no more is gone when the grace is over, not before', async () => {
    const watcher = await watch(await here(ada));
    await new Poller(world, clara, active).ask();
    const gone = Date.now();
    await watcher.has(clara);
    await watcher.has();
    const took = Date.now() - gone;
    assert.ok(took >= GRACE - 100 && took < GRACE + 1000, `${took} ms`);
  });

  test('a poll that is given up while it waits leaves like a connection that broke', async () => {
    const watcher = await watch(await here(ada));
    const poller = new Poller(world, clara, active);
    await poller.ask();
    const control = new AbortController();
    const waiting = fetch(`${world.gateway.url.replace(/^ws/, 'http')}/poll`, {
      method: 'POST',
      headers: { authorization: `Bearer ${poller.token}` },
      body: JSON.stringify({ subscriptions: [{ channel: RESOURCE, ...active, version: poller.version }], wait: 20000 }),
      signal: control.signal,
    }).catch(() => {});
    await polling();
    watcher.read();
    await watcher.has(clara);
    control.abort();
    await waiting;
    await until('the gateway to notice', async () => (await world.gateway.metric('polls_waiting')) === 0);
    await poller.ask();
    await past('the grace to be over', Date.now() + GRACE / 2);
    assert.deepEqual(watcher.news(), ['join Clara']);
    assert.equal(watcher.of(clara).connections, 1);
  });

  test('a poll at another gateway goes on where the last one was', async () => {
    const other = await world.lab.gateway(options).start();
    await until('both to be attached', async () => (await world.sql.query('SELECT count(*) FROM wrk.gateway_node WHERE lost_at IS NULL')) === '2');
    const watcher = await watch(await here(ada));
    const poller = new Poller(world, clara, active);
    await poller.ask();
    await watcher.has(clara);
    watcher.news();
    for (let i = 0; i < 6; i++) {
      poller.gateway = i % 2 ? world.gateway : other;
      await poller.ask(200);
    }
    assert.deepEqual(watcher.news().filter((n) => !n.startsWith('update')), []);
    await other.stop('SIGTERM');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE lost_at IS NOT NULL");
  });

  test('nor does it matter which worker answers', async () => {
    const pair = await world.lab.gateway({ ...options, workers: 2 }).start();
    const watcher = await watch(await here(ada));
    const poller = new Poller(world, clara, { ...active, gateway: pair });
    await poller.ask();
    await watcher.has(clara);
    watcher.news();
    for (let i = 0; i < 12; i++) await poller.ask(100);
    assert.deepEqual(watcher.news().filter((n) => !n.startsWith('update')), []);
    await pair.stop('SIGTERM');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE lost_at IS NOT NULL");
  });

  test('presence: null leaves at once', async () => {
    const watcher = await watch(await here(ada));
    for (const channel of [RESOURCE, ROOM]) {
      const poller = new Poller(world, clara, { channel, ...active });
      await poller.ask();
      await watcher.has(clara);
      const asked = Date.now();
      await poller.ask(0, { presence: null });
      await watcher.has();
      assert.ok(Date.now() - asked < GRACE - 200);
    }
  });

  test('two pages of one user that poll are two connections, and neither takes the other for itself', async () => {
    const watcher = await watch(await here(ada));
    const pages = ['active', 'away'].map((status) => new Poller(world, clara, { page: status, presence: { status, meta: { status } } }));
    for (const page of pages) await page.ask();
    await until('two', () => watcher.of(clara)?.connections === 2);
    watcher.news();
    for (let i = 0; i < 5; i++) for (const page of [...pages].reverse()) await page.ask();
    await past('what there is to tell to be told', Date.now() + 200);
    assert.deepEqual(watcher.news(), []);
    await until('one', () => watcher.of(clara) === undefined);
  });

  test('losing access ends it at once, while a poll waits and between two', async () => {
    const slow = await world.lab.gateway({ ...options, presence_grace: 60000 }).start();
    const member = `project_id = '${northwind.project}' AND user_id = '${bruno.id}'`;
    const watcher = await watch(await visitors.at(slow, ada));
    for (const waits of [true, false]) {
      const poller = new Poller(world, bruno, { gateway: slow, ...active });
      await poller.ask();
      await watcher.has(bruno);
      const waiting = waits ? poller.ask(20000) : null;
      if (waits) await until('the poll to wait', async () => (await slow.metric('polls_waiting')) === 1);
      await world.sql.query(`DELETE FROM copilot.project_members WHERE ${member}`);
      await watcher.has();
      await waiting;
      if (waits) assert.ok(poller.frames.some(({ type, payload }) => type === 'unsubscribed' && payload.code === 'not_found'));
      assert.equal((await poller.ask()).status, 404);
      await watcher.has();
      await world.sql.query(`INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
        VALUES ('${northwind.id}', '${northwind.project}', '${bruno.id}', 'builder')`);
    }
    await slow.stop('SIGKILL');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE grace > '50 seconds'");
  });

  test('logging out ends it at once, though no poll is there to be ended', async () => {
    const slow = await world.lab.gateway({ ...options, presence_grace: 60000 }).start();
    const watcher = await watch(await visitors.at(slow, ada));
    const poller = new Poller(world, bruno, { gateway: slow, ...active });
    poller.token = world.token(bruno, { sid: 'logged-out' });
    await poller.ask();
    await watcher.has(bruno);
    await world.sql.query(`SELECT wrk.session_revoke('logged-out', tenant_id => '${northwind.id}')`);
    await watcher.has();
    await slow.stop('SIGKILL');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE grace > '50 seconds'");
  });

  test('attack: the presence of another tenant and of nothing are refused alike, by poll and by stream', async () => {
    for (const spy of [bea, nils]) {
      const answers = [];
      for (const id of [northwind.project, NOWHERE])
        for (const channel of [`project:${id}`, `presence:project/${id}`]) {
          const more = { subscriptions: [{ channel, ...active }], wait: 0 };
          const polled = await poll(world.gateway.url, world.token(spy), more);
          const streamed = await stream(spy, { channel, presence: 'active' }).catch((error) => error);
          assert.deepEqual([polled.status, streamed.status], [404, 404]);
          for (const { json } of [polled, streamed]) answers.push(JSON.stringify(json).replaceAll(id, 'X').replace('presence:project/X', 'project:X').replace('project:X', 'X'));
        }
      assert.equal(new Set(answers.map((answer) => answer.replace('presence:project/', ''))).size, 1, answers.join('\n'));
    }
    assert.equal(await world.sql.query(`SELECT count(*) FROM wrk.presence WHERE channel = '${CANONICAL}'`), '0');
  });

  test('presence that is none, or too much, fails the poll', async () => {
    const tries = [
      [{ presence: true }, 400],
      [{ presence: [] }, 400],
      [{ presence: { status: 'busy' } }, 400],
      [{ presence: { meta: 'x' } }, 400],
      [{ presence: { meta: { x: 'y'.repeat(2048) } } }, 413],
      [{ version: 7 }, 400],
      [{ channel: 'me', presence: {} }, 400],
    ];
    for (const [more, status] of tries) assert.equal((await new Poller(world, clara).ask(0, more)).status, status, JSON.stringify(more));
    const query = [
      { presence: 'busy' },
      { presence: 'active', meta: '[]' },
      { presence: 'active', meta: '{}},"channel":"me"' },
      { meta: '{}' },
    ];
    for (const more of query) assert.equal((await stream(clara, more).catch((error) => error)).status, 400, JSON.stringify(more));
    const early = EventStream.open(world.gateway.url, { token: world.token(clara), query: `presence=active&channel=${RESOURCE}` });
    assert.equal((await early.catch((error) => error)).status, 400);
  });

  // ---------- the list ----------

  test('a list that is unchanged is not told again, and the poll waits', async () => {
    for (const channel of [RESOURCE, ROOM])
      for (const more of [active, {}]) {
        if (channel === RESOURCE && more !== active) continue;
        const poller = new Poller(world, clara, { channel, ...more });
        await poller.ask();
        assert.ok(Array.isArray(poller.list));
        assert.match(poller.version, /^[0-9a-f]{16}$/);
        const { version } = poller;
        const took = await poller.timed(400);
        assert.ok(took >= 390, `${took} ms`);
        assert.equal(poller.list, null, 'said to be the same');
        assert.equal(poller.version, version);
        poller.version = 'anything';
        assert.ok((await poller.timed(5000)) < 2000, 'another version has the list');
        assert.ok(Array.isArray(poller.list));
      }
  });

  test('a list that has changed between two polls is the answer to the next, at once', async () => {
    const poller = new Poller(world, clara, active);
    await poller.ask();
    await (await here(oskar)).requireAnswer({ type: 'presence:join', channel: ROOM, payload: {} });
    assert.ok((await poller.timed(10000)) < 2000);
    assert.deepEqual(poller.names(), ['Clara', 'Oskar']);
    assert.ok((await poller.timed(300)) >= 290);
  });

  test('a change while a poll waits is its answer, and has the version that comes of it', async () => {
    const poller = new Poller(world, clara, active);
    await poller.ask();
    const waiting = poller.timed(20000);
    await polling();
    const visitor = await here(oskar);
    await visitor.requireAnswer({ type: 'presence:join', channel: ROOM, payload: {} });
    assert.ok((await waiting) < 10000);
    const [join] = poller.frames.filter(({ type }) => type === 'presence:join');
    assert.deepEqual(join.payload.users.map(({ name }) => name), ['Oskar']);
    assert.ok((await poller.timed(300)) >= 290, 'the next one waits');
    assert.equal(poller.list, null);
    const leaving = poller.timed(20000);
    await polling();
    await visitor.request({ type: 'presence:leave', channel: ROOM });
    assert.ok((await leaving) < 10000);
    assert.deepEqual(poller.names(), ['Clara']);
    assert.ok((await poller.timed(300)) >= 290);
  });

  // ---------- presence by event stream ----------

  test('a stream with presence is there, hears who comes, and leaves like a connection that broke', async () => {
    const watcher = await watch(await here(ada));
    const meta = { a: [1, 'ü'] };
    const first = await stream(clara, { presence: 'idle', meta: JSON.stringify(meta) });
    await watcher.has(clara);
    assert.deepEqual([watcher.of(clara).status, watcher.of(clara).meta], ['idle', meta]);
    const { payload } = first.frames.find((f) => f.type === 'subscribed' && f.payload.as === RESOURCE);
    const roll = new Roll(first, CANONICAL, payload.presence);
    await roll.has(clara);
    await (await here(oskar)).requireAnswer({ type: 'presence:join', channel: ROOM, payload: {} });
    await roll.has(clara, oskar);
    await watcher.has(clara, oskar);
    watcher.news();
    for (let i = 0; i < 3; i++) {
      streams.splice(0).forEach((one) => one.close());
      await stream(clara, { presence: 'idle', meta: JSON.stringify(meta) });
    }
    await past('the grace to be over', Date.now() + 2 * GRACE);
    assert.deepEqual(watcher.news().filter((n) => !n.startsWith('update')), []);
    assert.equal(watcher.of(clara).connections, 1);
    streams.splice(0).forEach((one) => one.close());
    await watcher.has(oskar);
  });

  test('a stream that loses access is not there any more, at once, and goes on with the rest', async () => {
    const member = `project_id = '${northwind.project}' AND user_id = '${bruno.id}'`;
    const watcher = await watch(await here(ada));
    const one = await stream(bruno, { presence: 'active' });
    await watcher.has(bruno);
    const began = Date.now();
    await world.sql.query(`DELETE FROM copilot.project_members WHERE ${member}`);
    await watcher.has();
    assert.ok(Date.now() - began < GRACE, 'not after the grace');
    for (const name of [CANONICAL, CANONICAL.replace('presence:project/', 'project:')])
      assert.equal((await one.waitFor((f) => f.type === 'unsubscribed' && f.channel === name)).payload.code, 'not_found');
    assert.ok(one.isOpen);
    await world.sql.query(`INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ('${northwind.id}', '${northwind.project}', '${bruno.id}', 'builder')`);
  });

  test('a key without a user is there by no transport', async () => {
    const token = await world.sql.query(`SELECT wrk.api_key_create('${northwind.id}', NULL, '{ops}')`);
    const polled = await poll(world.gateway.url, token, { subscriptions: [{ channel: RESOURCE, ...active }], wait: 0 });
    const query = new URLSearchParams([['channel', RESOURCE], ['presence', 'active']]);
    const streamed = await EventStream.open(world.gateway.url, { token, query }).catch((error) => error);
    for (const { status, json } of [polled, streamed]) assert.deepEqual([status, json.code], [403, 'forbidden']);
    assert.equal(await world.sql.query('SELECT count(*) FROM wrk.presence'), '0');
  });

  test('a page that says something new is not there twice, though its last stream has not ended', async () => {
    const watcher = await watch(await here(ada));
    await stream(clara, { presence: 'active', page: 'p1' });
    await watcher.has(clara);
    await stream(clara, { presence: 'away', page: 'p1' });
    await until('away', () => watcher.of(clara).status === 'away');
    assert.equal(watcher.of(clara).connections, 1);
    await stream(clara, { presence: 'active', page: 'p2' });
    await until('another page', () => watcher.of(clara).connections === 2);
  });

  // ---------- publish ----------

  test('what is published by HTTP reaches the others, in the name of who sent it', async () => {
    const client = await here(oskar);
    await client.subscribe(RESOURCE);
    const answer = await publish(world.gateway.url, world.token(clara), `{"channel":"${RESOURCE}","type":"cursor","data":{"x":1.10,"sender_id":"me"}}`);
    assert.deepEqual([answer.status, answer.json], [200, {}]);
    const { payload, sender_id, id, channel } = await heard(client, 'cursor');
    assert.deepEqual([payload, sender_id, id, channel], [{ x: 1.1, sender_id: 'me' }, clara.id, undefined, `tenant:${northwind.id}:${RESOURCE}`]);
    assert.equal(await world.sql.query(`SELECT count(*) FROM wrk.presence WHERE user_id = '${clara.id}'`), '0', 'and is nobody who is there');
  });

  test('who typed by HTTP types until they stop, or are not heard of', async () => {
    const other = await world.lab.gateway({ ...options, typing_timeout: 1000 }).start();
    const client = await visitors.at(other, oskar);
    await client.subscribe(RESOURCE);
    const told = () => client.all((f) => f.type.startsWith('typing_')).map(({ type }) => type).join();
    const type = (what) => publish(other.url, world.token(clara), { channel: RESOURCE, type: what, data: {} });
    await type('typing_start');
    await heard(client, 'typing_start');
    await past('a request to be over for long', Date.now() + 500);
    assert.equal(told(), 'typing_start');
    await heard(client, 'typing_stop');
    await type('typing_start');
    await type('typing_stop');
    await until('the end', () => told() === 'typing_start,typing_stop,typing_start,typing_stop' || told() === 'typing_start,typing_stop,typing_stop');
    await other.stop('SIGKILL');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE lost_at IS NOT NULL");
  });

  test('the last of many is what the others have, and nobody gets more than 20 a second', async () => {
    const client = await here(oskar);
    await client.subscribe(RESOURCE);
    const began = Date.now();
    for (let x = 1; x <= 40; x++) assert.equal((await say(clara, { channel: RESOURCE, type: 'cursor', data: { x } })).status, 200);
    await until('the last', () => client.all((f) => f.type === 'cursor').at(-1)?.payload.x === 40);
    const frames = client.all((f) => f.type === 'cursor').length;
    assert.ok(frames <= 2 + (Date.now() - began) / 50, `${frames} frames`);
  });

  test('a page does not hear itself, the other pages of its user do', async () => {
    const [own, twin] = [await stream(clara, { page: 'p1' }), await stream(clara, { page: 'p2' })];
    const poller = new Poller(world, clara, { page: 'p1' });
    await poller.ask();
    const waiting = poller.timed(1500);
    await polling();
    await say(clara, { channel: RESOURCE, type: 'cursor', data: { x: 1 }, page: 'p1' });
    await heard(twin, 'cursor');
    await say(clara, { channel: RESOURCE, type: 'cursor', data: { x: 2 }, page: 'p3' });
    await heard(own, 'cursor');
    await waiting;
    assert.deepEqual(own.all((f) => f.type === 'cursor').map(({ payload }) => payload.x), [2]);
  });

  test('what may not be published is refused as over a WebSocket', async () => {
    const client = await here(clara);
    await client.subscribe(RESOURCE);
    const tries = [
      [{ channel: RESOURCE, type: 'cursor', data: { x: 'y'.repeat(6200) } }, 413],
      [{ channel: RESOURCE, type: 'task.updated', data: {} }, 400],
      [{ channel: RESOURCE, type: 'position', data: {} }, 400],
      [{ channel: RESOURCE, type: 7 }, 400],
      [{ channel: RESOURCE }, 400],
    ];
    for (const [body, status] of tries) {
      const { json, ...answer } = await say(clara, body);
      assert.equal(answer.status, status);
      const { channel, ...payload } = body;
      const ws = await client.request({ type: 'publish', channel, payload });
      assert.deepEqual(json, ws.payload);
    }
    for (const body of [{}, { channel: 7 }, '[]', 'x', '', { channel: RESOURCE, type: 'cursor', page: 'p'.repeat(65) }])
      assert.equal((await say(clara, body)).status, 400, JSON.stringify(body));
    const unknown = await publish(world.gateway.url, 'nonsense', { channel: RESOURCE, type: 'cursor' });
    assert.deepEqual([unknown.status, unknown.json.code], [401, 'unauthorized']);
  });

  test('attack: into another tenant’s channel, into none, and without the right: nothing is said', async () => {
    const client = await here(oskar);
    await client.subscribe(RESOURCE);
    const answers = [];
    for (const person of [bea, nils])
      for (const id of [northwind.project, NOWHERE]) {
        const { status, text } = await say(person, { channel: `project:${id}`, type: 'cursor', data: {} });
        assert.equal(status, 404);
        answers.push(text.replaceAll(id, 'X'));
      }
    assert.equal(new Set(answers).size, 1, answers.join('\n'));
    const readOnly = await say(clara, { channel: `tenant:${northwind.id}`, type: 'cursor', data: {} });
    assert.deepEqual([readOnly.status, readOnly.json.code], [403, 'forbidden']);
    await say(clara, { channel: RESOURCE, type: 'cursor', data: { last: true } });
    await heard(client, 'cursor');
    assert.deepEqual(client.all((f) => f.type === 'cursor').map(({ payload }) => payload), [{ last: true }]);
  });

  test('publishing by HTTP counts against the limit of publishing, and of nothing dearer', async () => {
    const tight = await world.lab.gateway({ ...options, user_publishes_second: 2, user_calls_second: 1 }).start();
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await publish(tight.url, world.token(clara), { channel: RESOURCE, type: 'cursor', data: {} }));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 1 && answers[0].status === 200, answers.map(({ status }) => status).join());
    for (const { json, headers } of refused) {
      assert.deepEqual([json.code, json.details.limit], ['rate_limited', 'user_publishes_second']);
      assert.ok(Number(headers['retry-after']) >= 1);
    }
    await tight.stop('SIGKILL');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE lost_at IS NOT NULL");
  });
});
