// What a thousand who come at once cost: rounds of changes, not a thousand of each.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, connect, northwind, people, until } from './e2e.mjs';
import { CANONICAL, ROOM, Roll, TENANT, watch } from './roll.mjs';

const { ada } = people;

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
  const figures = async (gateway) => Promise.all(names.map((name) => gateway.metric(name)));

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
