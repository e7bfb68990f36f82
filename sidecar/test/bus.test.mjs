// What gateways tell each other, against the mock of the database: who lives, and what is no message.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Cluster, Gateway, until } from './harness.mjs';

describe('the bus', { timeout: 60000 }, () => {
  let cluster;
  let first;
  const gateways = [];
  const start = async (options) => {
    const gateway = await Gateway.start(cluster, options);
    gateways.push(gateway);
    return gateway;
  };
  const peers = (gateway, count) =>
    until(async () => (await gateway.metric('bus_peers')) === count, { what: `${count} peers` });

  before(async () => {
    cluster = await Cluster.start();
    first = await start();
  });
  after(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await cluster.stop();
  });

  test('a gateway on its own says one word, and hears nothing of itself', async () => {
    await until(async () => (await first.metric('bus_notifications_total')) === 1);
    assert.equal(await first.metric('bus_peers'), 0);
    assert.equal(await first.metric('bus_messages_in_total'), 0);
  });

  test('two gateways know of each other as soon as the second listens', async () => {
    const second = await start();
    await peers(first, 1);
    await peers(second, 1);
  });

  test('what is no payload is counted and changes nothing', async () => {
    const before = await first.metric('bus_malformed_total');
    const heard = await first.metric('bus_messages_in_total');
    const payloads = ['', 'x', '{"n":1}', 'aa e:1', 'aa e:9999:x', 'AA e:1:x', `${'a'.repeat(33)} e:0:`, 'aa e:1:xe:2:x'];
    for (const payload of payloads) cluster.sql(`SELECT pg_notify('wrk_x_mock', '${payload}')`);
    await until(async () => (await first.metric('bus_malformed_total')) === before + payloads.length);
    assert.equal(await first.metric('bus_messages_in_total'), heard);
    assert.equal(await first.metric('bus_peers'), 1);
    assert.ok(first.isRunning);
  });

  test('a kind nobody knows is passed over', async () => {
    cluster.sql(`SELECT pg_notify('wrk_x_mock', 'aa zzz:3:abc')`);
    await peers(first, 2);
    assert.ok(first.isRunning);
  });

  test('gateways that hear each other again after the database was away need not be told who they are', async () => {
    cluster.crash();
    await until(async () => (await first.get('/readyz')).status === 503);
    cluster.up();
    await Promise.all(gateways.map((gateway) => gateway.ready()));
    const before = await first.metric('bus_messages_in_total');
    await until(async () => (await first.metric('bus_messages_in_total')) > before, { timeout: 15000 });
  });

  test('a gateway that was killed is forgotten, and the last one is quiet again', { timeout: 40000 }, async () => {
    await gateways[1].stop('SIGKILL');
    await until(async () => (await first.metric('bus_peers')) === 0, { timeout: 30000, every: 200 });
    const before = await first.metric('bus_notifications_total');
    cluster.sql('SELECT pg_sleep(6)');
    assert.ok((await first.metric('bus_notifications_total')) - before <= 1);
  });
});
