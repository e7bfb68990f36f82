// Answers that were true when they were given, and are not any more when they arrive.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Cluster, Gateway, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';
const bob = 't1:bob:client';
const ofChannel = (channel) => (f) => f.channel === `tenant:t1:${channel}` && f.id !== undefined;

describe('news of access', { timeout: 120000 }, () => {
  let cluster;
  let gateway;
  before(async () => {
    cluster = await Cluster.start();
    gateway = await Gateway.start(cluster, { recheck_interval: 0 });
  });
  after(async () => {
    await gateway?.stop();
    await cluster?.stop();
  });

  const tell = (payload) => cluster.emit('access.changed', [], { payload, cls: 'x' });
  const close = (channel) => cluster.sql(`INSERT INTO wrk.mock_closed VALUES ('${channel}')`);

  for (const [what, since] of [['', false], [' with a position', true]]) {
    test(`a yes to a subscribe${what} that was said before a loss is not believed after it`, async () => {
      const channel = `project:slow${since ? 1 : 2}`;
      const a = await connect(gateway.url, { token: alice });
      const position = a.hello.payload.position;
      const answer = a.subscribe(channel, since ? { since: position } : {});
      await until(() => cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`) !== '0');
      close(channel);
      const rechecks = await gateway.metric('access_news_total');
      tell({ tenant: 't1', channels: [`tenant:t1:${channel}`] });
      cluster.emit('secret.thing', [`tenant:t1:${channel}`]);
      await until(async () => (await gateway.metric('access_news_total')) > rechecks);
      const outcome = await answer.then((f) => f.type, (error) => error.code);
      if (outcome === 'subscribed') {
        const end = await a.waitFor((f) => f.type === 'unsubscribed');
        assert.equal(end.payload.code, 'not_found');
      } else assert.equal(outcome, 'not_found');
      cluster.emit('secret.thing', [`tenant:t1:${channel}`]);
      const other = await connect(gateway.url, { token: bob });
      cluster.emit('fence', ['tenant:t1']);
      await a.waitFor((f) => f.type === 'fence');
      assert.deepEqual(a.all(ofChannel(channel)), []);
      const again = await a.request({ type: 'publish', channel, payload: { type: 'cursor', data: {} } });
      assert.equal(again.payload.code, 'not_found');
      other.destroy();
      a.destroy();
    });
  }

  test('a payload that makes no sense concerns everybody, and nobody loses anything', async () => {
    const clients = [await connect(gateway.url, { token: alice }), await connect(gateway.url, { token: 't2:eve:client' })];
    for (const payload of [{}, { tenant: 5 }, { users: ['alice'] }, { tenant: 't1', users: 'alice' }, { tenant: 't1', users: [1] }, { all: true }]) {
      const asked = await gateway.metric('rechecks_total');
      tell(payload);
      await until(async () => (await gateway.metric('rechecks_total')) >= asked + 2, { what: JSON.stringify(payload) });
    }
    cluster.emit('still', ['tenant:t1']);
    cluster.emit('still', ['tenant:t2']);
    for (const client of clients) {
      await client.waitFor((f) => f.type === 'still');
      assert.deepEqual(client.all((f) => ['gap', 'unsubscribed', 'bye'].includes(f.type)), []);
      client.destroy();
    }
  });

  test('news of one tenant has nobody else asked about', async () => {
    const a = await connect(gateway.url, { token: alice });
    const asked = await gateway.metric('rechecks_total');
    for (const payload of [{ tenant: 't8' }, { tenant: 't1', users: ['bob'] }, { tenant: 't1', sessions: ['s'] }, { tenant: 't1', channels: ['tenant:t1:project:9'] }])
      tell(payload);
    cluster.emit('fence', ['tenant:t1']);
    await a.waitFor((f) => f.type === 'fence');
    assert.equal(await gateway.metric('rechecks_total'), asked);
    a.destroy();
  });

  test('while the database cannot be asked, nothing goes out to who may have lost it', async () => {
    const [a, b] = [await connect(gateway.url, { token: alice }), await connect(gateway.url, { token: bob })];
    for (const client of [a, b]) await client.subscribe('project:7');
    cluster.sql('ALTER FUNCTION wrk.gateway_recheck(text, jsonb) RENAME TO gone');
    tell({ tenant: 't1', users: ['alice'] });
    cluster.emit('held', ['tenant:t1:project:7']);
    await b.waitFor((f) => f.type === 'held');
    const published = a.request({ type: 'publish', channel: 'project:7', payload: { type: 'cursor', data: {} } });
    await a.request({ type: 'ping' });
    assert.deepEqual(a.all(ofChannel('project:7')), []);
    // more than waits is refused
    const fill = 'x'.repeat(60000);
    const many = [1, 2].map(() => a.request({ type: 'call', payload: { method: 'echo', params: { fill } } }));
    assert.equal((await Promise.any(many)).payload.code, 'unavailable');
    cluster.sql('ALTER FUNCTION wrk.gone(text, jsonb) RENAME TO gateway_recheck');
    await a.waitFor((f) => f.type === 'held');
    assert.equal((await published).type, 'result');
    assert.deepEqual((await Promise.all(many)).map((f) => f.type).sort(), ['error', 'result']);
    assert.equal(a.all(ofChannel('project:7')).length, 1);
    for (const client of [a, b]) client.destroy();
  });

  test('a feed that lost its place has everybody asked about', async () => {
    const a = await connect(gateway.url, { token: alice });
    const asked = await gateway.metric('rechecks_total');
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = 'mock-2';
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'wrk_copilot_gateway%'`);
    await a.waitFor((f) => f.type === 'gap' && f.payload.reason === 'epoch_changed');
    await until(async () => (await gateway.metric('rechecks_total')) > asked);
    a.destroy();
  });
});
