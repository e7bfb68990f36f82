// Who is there: two gateways, real people, tabs that close and come back, and what is lost and what is not.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, connect, northwind, people, until } from './e2e.mjs';

const { clara, oskar, bruno, quinn, nils, ada, bea } = people;
const RESOURCE = `project:${northwind.project}`;
const ROOM = `presence:project/${northwind.project}`;
const CANONICAL = `tenant:${northwind.id}:${ROOM}`;
const TENANT = `tenant:${northwind.id}:presence:tenant`;
const NOWHERE = '00000000-0000-4000-8000-00000000dead';

// What a client knows of a channel from its frames alone; throws when a change does not fit what it knows.
class Roll {
  users = new Map();
  log = [];

  constructor(client, channel, list) {
    this.client = client;
    this.channel = channel;
    this.from = client.frames.length;
    if (list) this.#set(list);
  }

  #set(list) {
    this.users = new Map(list.map((user) => [user.id, user]));
  }

  #apply({ type, payload: { users } }) {
    if (type === 'presence:sync') return this.#set(users);
    for (const user of users) {
      this.log.push(`${type.slice(9)} ${user.name ?? user.id}`);
      assert.equal(this.users.has(user.id), type !== 'presence:join', `${type} ${user.name}`);
      if (type === 'presence:leave') this.users.delete(user.id);
      else this.users.set(user.id, user);
    }
  }

  // takes what has come since
  read() {
    for (; this.from < this.client.frames.length; this.from++) {
      const frame = this.client.frames[this.from];
      if (frame.channel === this.channel && frame.type.startsWith('presence:')) this.#apply(frame);
    }
    return this;
  }

  names() {
    this.read();
    return [...this.users.values()].map(({ name }) => name).sort();
  }

  of(person) {
    return this.read().users.get(person.id);
  }

  // waits until exactly these are there
  has(...persons) {
    const wanted = persons.map(({ name }) => name).sort();
    return until(`${wanted.join(', ')} and nobody else to be there`, () => {
      const names = this.names();
      return names.length === wanted.length && names.every((name, i) => name === wanted[i]);
    });
  }

  // what was told since, and forgets it
  news() {
    this.read();
    return this.log.splice(0);
  }
}

// joins a room, or only watches it
async function enter(client, payload = {}, channel = ROOM, type = 'presence:join') {
  const from = client.frames.length;
  const answer = await client.requireAnswer({ type, channel, payload });
  const roll = new Roll(client, answer.channel);
  roll.from = from;
  await client.waitFor((f) => f.type === 'presence:sync' && f.channel === answer.channel, { from });
  return roll;
}

const watch = (client, channel = ROOM) => enter(client, {}, channel, 'subscribe');
const past = (what, time) => until(what, () => Date.now() > time);

async function metric(gateway, name) {
  const { text } = await gateway.get('/metrics');
  return Number(text.match(new RegExp(`^wrk_gateway_${name} (\\d+)`, 'm'))[1]);
}

describe('presence', { timeout: 240000 }, () => {
  const GRACE = 600;
  const options = { presence_grace: GRACE, reconnect_max: 200 };
  const world = new World('presence', { options });
  let other;
  const clients = [];

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

  async function at(gateway, person, more) {
    const client = await connect(gateway.url, { token: world.token(person), ...more });
    clients.push(client);
    return client;
  }
  const here = (person, more) => at(world.gateway, person, more);
  const there = (person, more) => at(other, person, more);

  // everybody goes, and is gone from the tables
  async function leaveAll() {
    for (const client of clients.splice(0)) client.destroy();
    await until('nobody to be there', async () => {
      const left = await world.sql.query('SELECT count(*) FROM wrk.presence');
      return left === '0';
    });
  }

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
    await leaveAll();
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
    await leaveAll();
  });

  test('tabs at two gateways are one member, and the best status counts', async () => {
    const watchers = [await watch(await here(ada)), await watch(await there(bruno))];
    const tabs = [await here(clara), await here(clara), await there(clara)];
    await enter(tabs[0], { status: 'away', meta: { tab: 1 } });
    await enter(tabs[1], { status: 'idle', meta: { tab: 2 } });
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
    await leaveAll();
  });

  test('the first to watch at a gateway gets those who are at the other', async () => {
    await enter(await there(clara));
    await until('the row', async () => (await rows()) === 'Clara 1');
    const roll = await watch(await here(ada));
    const sync = roll.client.frames.find((f) => f.type === 'presence:sync');
    assert.deepEqual(sync.payload.users.map(({ name }) => name), ['Clara'], 'in the list, not as news');
    assert.deepEqual(roll.news(), []);
    await leaveAll();
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
      one = await at(gateway, clara);
      await enter(one, { status: 'idle', meta: { a: 1 } });
    }
    await past('every grace to be over', Date.now() + 2 * GRACE);
    for (const watcher of watchers) {
      const news = watcher.news().filter((n) => !n.startsWith('update'));
      assert.deepEqual(news, []);
      assert.equal(watcher.of(clara).connections, 1);
    }
    await leaveAll();
  });

  test('who comes back to the same gateway is not even written', async () => {
    let one = await here(clara);
    await enter(one, { status: 'idle', meta: { a: 1 } });
    await until('the row', async () => (await rows()) === 'Clara 1');
    const before = await metric(world.gateway, 'presence_rows_total');
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
    assert.equal(await metric(world.gateway, 'presence_rows_total'), before);
    await leaveAll();
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
    await leaveAll();
  });

  test('who says good-bye has left at once', async () => {
    const slow = await world.lab.gateway({ ...options, presence_grace: 60000 }).start();
    const watcher = await watch(await at(slow, ada));
    const one = await at(slow, clara);
    await enter(one);
    await watcher.has(clara);
    await one.requireAnswer({ type: 'disconnect' });
    await watcher.has();
    await slow.stop('SIGKILL');
    // its grace is long: not for the other tests to wait for
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE grace > '50 seconds'");
    await until('it to be forgotten', async () => (await nodes()) === '2');
    await leaveAll();
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
    await leaveAll();
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
    await leaveAll();
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
    await leaveAll();
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
    await leaveAll();
  });

  // ---------- who may, and what ----------

  test('attack: names and ids that a client says are nobody’s', async () => {
    const watcher = await watch(await here(ada));
    const one = await here(clara);
    const lie = { id: bea.id, user: bea.id, name: 'Root', user_id: bea.id, connections: 99, lastSeen: 1, status: 'active' };
    await enter(one, lie);
    await one.requireAnswer({ type: 'presence:update', channel: ROOM, payload: { ...lie, status: 'idle' } });
    await until('the update', () => watcher.of(clara)?.status === 'idle');
    const { id, name, connections, lastSeen } = watcher.of(clara);
    assert.deepEqual({ id, name, connections }, { id: clara.id, name: 'Clara', connections: 1 });
    assert.ok(lastSeen > 1);
    await watcher.has(clara);
    await leaveAll();
  });

  test('attack: another tenant’s presence and one that does not exist are refused alike', async () => {
    await enter(await here(clara), { meta: { secret: 'northwind' } });
    const spy = await here(bea);
    const answers = [];
    for (const type of ['presence:join', 'subscribe', 'join'])
      for (const id of [northwind.project, NOWHERE]) {
        const { payload } = await spy.request({ type, channel: `presence:project/${id}` });
        answers.push(JSON.stringify(payload).replaceAll(id, 'X'));
        const whole = await spy.request({ type: 'subscribe', channel: `project:${id}`, payload: { presence: {} } });
        answers.push(JSON.stringify(whole.payload).replaceAll(id, 'X').replace('project:X', 'presence:project/X'));
        const canonical = await spy.request({ type, channel: `tenant:${northwind.id}:presence:project/${id}` });
        assert.equal(canonical.payload.code, 'not_found');
      }
    assert.equal(new Set(answers).size, 1, answers.join('\n'));
    assert.match(answers[0], /"code":"not_found"/);
    const calls = [];
    for (const id of [northwind.project, NOWHERE])
      for (const name of [`project:${id}`, `presence:project/${id}`]) {
        const error = await spy.call('presence.room', { channel: name }).catch((e) => e);
        calls.push(error.code);
      }
    assert.deepEqual(calls, Array(4).fill('not_found'));
    const { payload } = await spy.request({ type: 'subscribe', channel: TENANT });
    assert.equal(payload.code, 'not_found');
    const ownTenant = await watch(spy, 'presence:tenant');
    await ownTenant.has(bea);
    await enter(await here(oskar));
    assert.ok(!JSON.stringify(spy.frames).includes('northwind'));
    assert.ok(!JSON.stringify(spy.frames).includes('Clara'));
    await leaveAll();
  });

  test('attack: a member of the tenant who is not in the project is refused', async () => {
    await enter(await here(clara));
    const client = await here(nils);
    const answers = [];
    for (const id of [northwind.project, NOWHERE]) {
      const { payload } = await client.request({ type: 'presence:join', channel: `presence:project/${id}` });
      answers.push(JSON.stringify(payload).replaceAll(id, 'X'));
    }
    assert.equal(answers[0], answers[1]);
    assert.match(answers[0], /not_found/);
    await leaveAll();
  });

  test('attack: who is not in a room cannot change or end anything there', async () => {
    const watcher = await watch(await here(ada));
    await enter(await here(clara));
    await watcher.has(clara);
    const spy = await here(bea);
    for (const type of ['presence:update', 'presence:leave'])
      for (const channel of [ROOM, CANONICAL, TENANT, undefined]) {
        const { payload } = await spy.request({ type, channel, payload: { status: 'away' } });
        assert.equal(payload.code, 'not_found');
      }
    watcher.news();
    await spy.requireAnswer({ type: 'presence:update', channel: 'presence:tenant', payload: { status: 'away' } });
    assert.deepEqual(watcher.news(), []);
    await leaveAll();
  });

  test('who loses access is gone at once, for the others and as a watcher', async () => {
    const slow = await world.lab.gateway({ ...options, presence_grace: 60000 }).start();
    const watcher = await watch(await at(slow, ada));
    const [one, two, lost] = [await at(slow, bruno), await at(slow, quinn), await at(slow, quinn)];
    const roll = await enter(one);
    await two.subscribe(RESOURCE, { presence: {} });
    await enter(lost);
    await watcher.has(bruno, quinn);
    lost.destroy();
    await world.sql.query(
      `DELETE FROM copilot.project_members WHERE project_id = '${northwind.project}' AND user_id IN ('${bruno.id}', '${quinn.id}')`,
    );
    await watcher.has();
    await one.waitFor((f) => f.type === 'unsubscribed' && f.channel === CANONICAL);
    await two.waitFor((f) => f.type === 'unsubscribed' && f.channel === CANONICAL);
    roll.news();
    await enter(await at(slow, clara));
    await watcher.has(clara);
    assert.deepEqual(roll.news(), [], 'and hears nothing any more');
    for (const client of [one, two])
      assert.equal((await client.request({ type: 'presence:update', channel: ROOM, payload: {} })).payload.code, 'not_found');
    await world.sql.query(`INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ('${northwind.id}', '${northwind.project}', '${bruno.id}', 'builder'), ('${northwind.id}', '${northwind.project}', '${quinn.id}', 'qa')`);
    // whose session is revoked is gone from the tenant, too
    const tenant = await watch(watcher.client, 'presence:tenant');
    await until('Bruno to be online', () => tenant.of(bruno));
    await world.sql.query(`SELECT wrk.session_revoke('e2e-${bruno.id.slice(-4)}', tenant_id => '${northwind.id}')`);
    await until('Bruno to be gone', () => tenant.of(bruno) === undefined);
    assert.equal((await one.waitClosed()).code, 4501);
    await slow.stop('SIGKILL');
    await world.sql.query("UPDATE wrk.gateway_node SET grace = '0' WHERE grace > '50 seconds'");
    await until('it to be forgotten', async () => (await nodes()) === '2');
    await world.sql.query('DELETE FROM wrk.revoked_session');
    await leaveAll();
  });

  test('a key without a user may look and is nowhere, one with scopes may not', async () => {
    const key = (scopes) =>
      world.sql.query(`SELECT wrk.api_key_create('${northwind.id}', NULL, '{ops}'${scopes})`);
    const service = await connect(world.gateway.url, { token: await key('') });
    const scoped = await connect(world.gateway.url, { token: await key(", scopes => '{presence.*}'") });
    clients.push(service, scoped);
    const roll = await watch(service, 'presence:tenant');
    await here(clara);
    await roll.has(clara);
    const join = await service.request({ type: 'presence:join', channel: ROOM, payload: {} });
    assert.equal(join.payload.code, 'forbidden');
    assert.equal((await service.request({ type: 'presence:update', channel: 'presence:tenant', payload: {} })).payload.code, 'not_found');
    for (const channel of [ROOM, 'presence:tenant'])
      assert.equal((await scoped.request({ type: 'presence:join', channel, payload: {} })).payload.code, 'forbidden');
    await until('the call that is in its scopes to list who is there', async () => {
      const { payload } = await scoped.call('presence.online');
      return payload.users.map(({ name }) => name).join() === 'Clara';
    });
    await leaveAll();
  });

  test('status and meta are checked, and arrive as they were written', async () => {
    const watcher = await watch(await here(ada));
    const one = await here(clara);
    const tries = [
      [{ status: 'busy' }, 'bad_request'],
      [{ status: 1 }, 'bad_request'],
      [{ meta: [] }, 'bad_request'],
      [{ meta: 'x' }, 'bad_request'],
      [{ meta: { x: 'y'.repeat(2048) } }, 'too_large'],
    ];
    for (const [payload, code] of tries) {
      assert.equal((await one.request({ type: 'presence:join', channel: ROOM, payload })).payload.code, code);
      assert.equal((await one.request({ type: 'subscribe', channel: RESOURCE, payload: { presence: payload } })).payload.code, code);
    }
    assert.equal((await one.request({ type: 'subscribe', channel: RESOURCE, payload: { presence: true } })).payload.code, 'bad_request');
    assert.equal((await one.request({ type: 'presence:join', channel: RESOURCE, payload: {} })).payload.code, 'bad_request');
    assert.equal((await one.request({ type: 'subscribe', channel: 'me', payload: { presence: {} } })).payload.code, 'bad_request');
    await watcher.has();
    const meta = { n: 0.1, big: 'y'.repeat(2048 - '{"n":0.1,"big":"","u":"ü"}'.length - 1), u: 'ü' };
    await one.subscribe(RESOURCE, { presence: { meta } });
    await watcher.has(clara);
    assert.deepEqual(watcher.of(clara).meta, meta, 'the longest there may be');
    for (const [payload, code] of tries)
      assert.equal((await one.request({ type: 'presence:update', channel: ROOM, payload })).payload.code, code);
    const text = `{"type":"presence:update","channel":"${ROOM}","payload":{"meta":{"n":1.10,"s":"\\u00fc"}}}`;
    one.sendText(text);
    await until('the update', () => watcher.of(clara).meta.n === 1.1);
    await until('it to be written as it is', async () => {
      const meta = await world.sql.query(`SELECT meta FROM wrk.presence WHERE channel = '${CANONICAL}'`);
      return meta === '{"n":1.10,"s":"\\u00fc"}';
    });
    await leaveAll();
  });
});

describe('a crowd', { timeout: 240000 }, () => {
  const CROWD = 1000;
  const world = new World('crowd', { options: { presence_grace: 1000, tenant_requests: 2000 } });
  let other;

  before(async () => {
    await world.open();
    other = await world.lab.gateway({ presence_grace: 1000 }).start();
  });
  after(() => world.close());

  // in an ops token anybody is staff, and sees the project
  const somebody = (n) => ({
    id: `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`,
    tenant: northwind,
    roles: ['ops'],
  });
  const names = ['presence_frames_total', 'presence_writes_total', 'presence_rows_total', 'bytes_out_total', 'frames_out_total'];
  const figures = async (gateway) => Promise.all(names.map((name) => metric(gateway, name)));

  test('1,000 who join within a second are a few frames for each, and a few writes', async (t) => {
    const clients = [];
    const watcher = await watch(await connect(other.url, { token: world.token(ada) }));
    for (let n = 0; n < CROWD; n += 50) {
      const some = Array.from({ length: 50 }, (_, i) => somebody(n + i));
      clients.push(...(await Promise.all(some.map((p) => connect(world.gateway.url, { token: world.token(p) })))));
    }
    await until('the tenant’s presence to be written', async () => {
      const rows = await world.sql.query(`SELECT count(*) FROM wrk.presence WHERE channel = '${TENANT}'`);
      return rows === String(CROWD + 1);
    });
    const before = await figures(world.gateway);
    const began = performance.now();
    const joined = clients.map((client) => client.requireAnswer({ type: 'presence:join', channel: ROOM, payload: {} }, { timeout: 60000 }));
    await Promise.all(joined);
    const took = performance.now() - began;
    const rolls = clients.map((client) => {
      const roll = new Roll(client, CANONICAL);
      roll.from = 0;
      return roll;
    });
    for (const roll of [...rolls, watcher])
      await until('everybody to know everybody', () => roll.read().users.size === CROWD, { timeout: 60000 });
    await until('everybody to be written', async () => {
      const rows = await world.sql.query(`SELECT count(*) FROM wrk.presence WHERE channel = '${CANONICAL}'`);
      return rows === String(CROWD);
    });
    const after = await figures(world.gateway);
    const [laidOut, writes, rows, bytes, sent] = after.map((value, i) => value - before[i]);
    const each = clients.map((client) => client.all((f) => f.channel === CANONICAL && f.type.startsWith('presence:')).length);
    const most = Math.max(...each);
    const seen = watcher.client.all((f) => f.channel === CANONICAL).length;
    t.diagnostic(
      `${CROWD} joined in ${took.toFixed(0)} ms: ${laidOut} changes laid out, at most ${most} presence frames a client, ` +
        `${sent} frames and ${(bytes / 1e6).toFixed(1)} MB in all, ${writes} writes of ${rows} rows; ${seen} frames at the other gateway`,
    );
    const rounds = Math.ceil(took / 100) + 5;
    assert.ok(laidOut <= rounds, `${laidOut} of ${rounds}`);
    assert.ok(most <= rounds + 1 && seen <= 2 * rounds + 2);
    assert.ok(writes <= rounds && rows === CROWD, `${writes} writes of ${rows} rows`);
    // heartbeats and what is said again
    const quiet = await figures(world.gateway);
    for (const client of clients.slice(0, 100)) {
      client.send({ type: 'presence:heartbeat' });
      await client.requireAnswer({ type: 'presence:update', channel: ROOM, payload: { status: 'active' } });
    }
    assert.deepEqual((await figures(world.gateway)).slice(0, 3), quiet.slice(0, 3), 'nothing said, nothing written');
    for (const client of clients) client.destroy();
    await until('everybody to be gone', () => watcher.read().users.size === 0, { timeout: 30000 });
  });
});
