// Who may be there and see who is: refusals, lost access, and what may be said.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, northwind, people, until } from './e2e.mjs';
import { CANONICAL, RESOURCE, ROOM, TENANT, Visitors, enter, watch } from './roll.mjs';

const { clara, oskar, bruno, quinn, nils, ada, bea } = people;
const NOWHERE = '00000000-0000-4000-8000-00000000dead';

describe('who may, and what', { timeout: 240000 }, () => {
  const options = { presence_grace: 600, reconnect_max: 200 };
  const world = new World('presence-rights', { options });
  const visitors = new Visitors(world);

  before(() => world.open());
  after(() => world.close());

  const here = (person, more) => visitors.at(world.gateway, person, more);
  const leaveAll = () => visitors.leaveAll();

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
    const watcher = await watch(await visitors.at(slow, ada));
    const [one, two, lost] = [await visitors.at(slow, bruno), await visitors.at(slow, quinn), await visitors.at(slow, quinn)];
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
    await enter(await visitors.at(slow, clara));
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
    await until('it to be forgotten', async () => {
      const nodes = await world.sql.query('SELECT count(*) FROM wrk.gateway_node WHERE lost_at IS NULL');
      return nodes === '1';
    });
    await world.sql.query('DELETE FROM wrk.revoked_session');
    await leaveAll();
  });

  test('a key without a user may look and is nowhere, one with scopes may not', async () => {
    const key = (scopes) =>
      world.sql.query(`SELECT wrk.api_key_create('${northwind.id}', NULL, '{ops}'${scopes})`);
    const service = await here(null, { token: await key('') });
    const scoped = await here(null, { token: await key(", scopes => '{presence.*}'") });
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
