// Who is there: two gateways, real people, tabs that close and come back, and what is lost and what is not.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { World, northwind, people, until } from './e2e.mjs';
import { CANONICAL, RESOURCE, ROOM, Roll, Visitors, enter, watch } from './roll.mjs';

const { clara, oskar, bruno, quinn, ada, bea } = people;
const past = (what, time) => until(what, () => Date.now() > time);

describe('presence', { timeout: 240000 }, () => {
  const GRACE = 600;
  const options = { presence_grace: GRACE, reconnect_max: 200 };
  const world = new World('presence', { options });
  const visitors = new Visitors(world);
  let other;

  before(async () => {
    await world.open();
    other = await world.lab.gateway(options).start();
    await until('both to be attached', async () => (await nodes()) === '2');
  });
  after(() => world.close());

  const nodes = () => world.sql.query('SELECT count(*) FROM wrk.gateway_node WHERE lost_at IS NULL');
  const rows = () =>
    world.sql.query(
      `SELECT string_agg(concat_ws(' ', name, connections), ', ' ORDER BY name, node) FROM wrk.presence WHERE channel = '${CANONICAL}'`,
    );
  const here = (person, more) => visitors.at(world.gateway, person, more);
  const there = (person, more) => visitors.at(other, person, more);
  afterEach(() => visitors.leaveAll());

  test('who joins gets the list, then each kind of change as its own frame', async () => {
    const watcher = await watch(await here(ada));
    assert.deepEqual(watcher.names(), []);
    const one = await here(clara);
    const joined = await enter(one, { status: 'idle', meta: { colour: '#f00' } });
    await joined.has(clara);
    await watcher.has(clara);
    const { id, name, status, connections, meta, lastSeen } = watcher.of(clara);
    assert.deepEqual({ id, name, status, connections, meta }, {
      id: clara.id, name: 'Clara', status: 'idle', connections: 1, meta: { colour: '#f00' },
    });
    assert.ok(Math.abs(Date.now() - lastSeen) < 60000);
    await one.requireAnswer({ type: 'presence:update', channel: ROOM, payload: { status: 'away' } });
    await until('the update', () => watcher.of(clara).status === 'away');
    assert.deepEqual(watcher.of(clara).meta, { colour: '#f00' }, 'what is not said stays');
    await one.requireAnswer({ type: 'presence:update', channel: CANONICAL, payload: { meta: null } });
    await until('the update', () => Object.keys(watcher.of(clara).meta).length === 0);
    const left = await one.request({ type: 'presence:leave', channel: ROOM });
    assert.equal(left.type, 'unsubscribed');
    await watcher.has();
    assert.deepEqual(watcher.news(), ['join Clara', 'update Clara', 'update Clara', 'leave Clara']);
  });

  test('a subscription to a resource can bring its presence along, and takes it away', async () => {
    const watcher = await watch(await here(ada));
    const one = await here(clara);
    const { payload, channel } = await one.subscribe(RESOURCE, { presence: { status: 'active', meta: { x: 0.1 } } });
    assert.equal(channel, `tenant:${northwind.id}:${RESOURCE}`);
    const roll = new Roll(one, CANONICAL, payload.presence);
    await roll.has(clara);
    await watcher.has(clara);
    const two = await here(oskar);
    await two.subscribe(RESOURCE, { presence: {}, since: two.hello.payload.position });
    await roll.has(clara, oskar);
    await two.unsubscribe(RESOURCE);
    await roll.has(clara);
    await one.unsubscribe(RESOURCE);
    await watcher.has();
    assert.deepEqual((await one.subscribe(RESOURCE)).payload.presence, undefined, 'who did not ask is not told');
    assert.deepEqual(watcher.news(), ['join Clara', 'join Oskar', 'leave Oskar', 'leave Clara']);
  });

  test('tabs at two gateways are one member, and the best status counts', async () => {
    const watchers = [await watch(await here(ada)), await watch(await there(bruno))];
    const tabs = [await here(clara), await here(clara), await there(clara)];
    await enter(tabs[0], { status: 'away', meta: { tab: 1 } });
    await enter(tabs[1], { status: 'idle', meta: { tab: 2 } });
    const second = Date.now();
    await past('what is said now to be later by any gateway\'s clock', second + 5);
    await enter(tabs[2], { status: 'away', meta: { tab: 3 } });
    for (const watcher of watchers) {
      await until('three tabs', () => watcher.of(clara)?.connections === 3);
      assert.equal(watcher.of(clara).status, 'idle');
      assert.deepEqual(watcher.of(clara).meta, { tab: 3 }, 'and the latest meta');
    }
    tabs[0].send({ type: 'presence:update', channel: ROOM, payload: { meta: { tab: 4 } } });
    for (const watcher of watchers)
      await until('the last word', () => watcher.of(clara).meta.tab === 4);
    for (const tab of tabs) await tab.unsubscribe(ROOM);
    for (const watcher of watchers) {
      await watcher.has();
      const news = watcher.news();
      assert.equal(news.filter((n) => n === 'join Clara').length, 1);
      assert.equal(news.filter((n) => n === 'leave Clara').length, 1);
    }
  });

  test('the first to watch at a gateway gets those who are at the other', async () => {
    await enter(await there(clara));
    await until('the row', async () => (await rows()) === 'Clara 1');
    const roll = await watch(await here(ada));
    const sync = roll.client.frames.find((f) => f.type === 'presence:sync');
    assert.deepEqual(sync.payload.users.map(({ name }) => name), ['Clara'], 'in the list, not as news');
    assert.deepEqual(roll.news(), []);
  });

  test('who comes back within the grace has neither left nor come, at any gateway', async () => {
    const watchers = [await watch(await here(ada)), await watch(await there(bruno)), await watch(await here(oskar), 'presence:tenant')];
    await until('everybody', () => watchers[2].names().length === 3);
    let one = await here(clara);
    await enter(one, { status: 'idle', meta: { a: 1 } });
    for (const watcher of watchers) await until('Clara', () => watcher.of(clara));
    watchers.forEach((watcher) => watcher.news());
    for (const gateway of [world.gateway, world.gateway, other]) {
      one.destroy();
      one = await visitors.at(gateway, clara);
      await enter(one, { status: 'idle', meta: { a: 1 } });
    }
    await past('every grace to be over', Date.now() + 2 * GRACE);
    for (const watcher of watchers) {
      const news = watcher.news().filter((n) => !n.startsWith('update'));
      assert.deepEqual(news, []);
      assert.equal(watcher.of(clara).connections, 1);
    }
  });

  test('who comes back to the same gateway is not even written', async () => {
    let one = await here(clara);
    await enter(one, { status: 'idle', meta: { a: 1 } });
    await until('the row', async () => (await rows()) === 'Clara 1');
    const before = await world.gateway.metric('presence_rows_total');
    for (let i = 0; i < 5; i++) {
      one.destroy();
      one = await here(clara);
      await enter(one, { status: 'idle', meta: { a: 1 } });
      for (let j = 0; j < 5; j++) {
        await one.requireAnswer({ type: 'presence:heartbeat' });
        await one.requireAnswer({ type: 'presence:update', channel: ROOM, payload: { status: 'idle', meta: { a: 1 } } });
      }
    }
    await past('every grace to be over', Date.now() + 2 * GRACE);
    assert.equal(await world.gateway.metric('presence_rows_total'), before);
  });

  test('who does not come back has left when the grace is over, and was last seen then', async () => {
    const watchers = [await watch(await here(ada)), await watch(await there(bruno))];
    const one = await here(clara);
    await enter(one);
    for (const watcher of watchers) await watcher.has(clara);
    one.destroy();
    const gone = Date.now();
    for (const watcher of watchers) await watcher.has();
    assert.ok(Date.now() - gone >= GRACE - 50, 'not before');
    await until('nobody online but those two', async () => {
      const { payload } = await watchers[0].client.call('presence.online');
      return payload.users.map(({ name }) => name).sort().join() === 'Ada,Bruno';
    });
    const { payload } = await watchers[0].client.call('presence.online', { users: [clara.id, ada.id, bea.id] });
    const [online, offline] = payload.users;
    assert.deepEqual([online.name, online.status, payload.users.length], ['Ada', 'active', 2]);
    assert.deepEqual([offline.id, offline.status, offline.connections], [clara.id, 'offline', 0]);
    assert.ok(Math.abs(offline.lastSeen - gone) < 5000);
  });

  test('who says good-bye has left at once', async () => {
    const slow = await world.lab.gateway({ ...options, presence_grace: 60000 }).start();
    const watcher = await watch(await visitors.at(slow, ada));
    const one = await visitors.at(slow, clara);
    await enter(one);
    await watcher.has(clara);
    await one.requireAnswer({ type: 'disconnect' });
    await watcher.has();
    await slow.stop('SIGKILL');
    // its grace is long: not for the other tests to wait for
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE grace > '50 seconds'");
    await until('it to be forgotten', async () => (await nodes()) === '2');
  });

  test('after kill -9 of a gateway its members are gone within the grace and a second', async () => {
    const watcher = await watch(await here(ada));
    const tenant = await watch(await here(oskar), 'presence:tenant');
    for (const person of [clara, bruno]) await enter(await there(person));
    await enter(await here(bruno));
    await watcher.has(clara, bruno);
    await until('both tabs', () => watcher.of(bruno).connections === 2);
    watcher.news();
    await other.stop('SIGKILL');
    const killed = Date.now();
    await watcher.has(bruno);
    const took = Date.now() - killed;
    assert.ok(took >= GRACE - 50 && took <= GRACE + 1000, `${took} ms`);
    assert.deepEqual(watcher.news(), ['leave Clara', 'update Bruno']);
    await until('the tenant to know', () => tenant.of(clara) === undefined);
    other = await other.start();
    await until('both to be attached', async () => (await nodes()) === '2');
    await enter(await there(clara));
    await watcher.has(bruno, clara);
  });

  test('who was at a gateway that died and comes to another in time has neither left nor come', async () => {
    const watcher = await watch(await here(ada));
    await enter(await there(clara));
    await watcher.has(clara);
    watcher.news();
    await other.stop('SIGKILL');
    await enter(await here(clara));
    await past('the grace to be over', Date.now() + 2 * GRACE);
    assert.deepEqual(watcher.news().filter((n) => !n.startsWith('update')), []);
    await watcher.has(clara);
    other = await other.start();
  });

  test('a listener that is terminated loses nobody', async () => {
    await until('both to be attached', async () => (await nodes()) === '2');
    const watchers = [await watch(await here(ada)), await watch(await there(oskar))];
    await enter(await here(clara));
    await enter(await there(bruno));
    for (const watcher of watchers) {
      await watcher.has(clara, bruno);
      watcher.news();
    }
    for (let i = 0; i < 3; i++) {
      const count = await world.sql.query(
        'SELECT count(pg_terminate_backend(pid)) FROM wrk.gateway_node',
      );
      assert.equal(count, '2');
      await until('both to be attached again', async () => {
        const alive = await world.sql.query(
          'SELECT count(*) FROM wrk.gateway_node n WHERE wrk.gateway_lives(n.pid, n.backend_start)',
        );
        return alive === '2';
      });
    }
    await past('the grace to be over', Date.now() + 2 * GRACE);
    for (const watcher of watchers) {
      assert.deepEqual(watcher.news(), []);
      await watcher.has(clara, bruno);
    }
  });

  test('a server that crashes, its tables emptied, loses nobody', async () => {
    const watchers = [await watch(await here(ada)), await watch(await there(oskar))];
    await enter(await here(clara), { meta: { a: 1 } });
    await enter(await there(bruno));
    for (const watcher of watchers) {
      await watcher.has(clara, bruno);
      watcher.news();
    }
    await world.lab.stopServer('immediate');
    await world.lab.startServer();
    world.sql = world.lab.session();
    await until('everything to be written again', async () => (await rows()) === 'Bruno 1, Clara 1');
    await past('the grace to be over', Date.now() + 2 * GRACE);
    for (const watcher of watchers) {
      assert.deepEqual(watcher.news(), []);
      await watcher.has(clara, bruno);
    }
    await enter(await there(quinn));
    for (const watcher of watchers) await watcher.has(clara, bruno, quinn);
  });
});
