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

  const sleeping = () => until(() => cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`) !== '0');

  test('what a replay read before a loss is not handed out behind it', async () => {
    const a = await connect(gateway.url, { token: alice });
    const position = a.hello.payload.position;
    cluster.emit('secret.thing', ['tenant:t1:project:late1']);
    const answer = a.request({ type: 'subscribe', channel: 'project:late1', payload: { since: position } });
    await sleeping();
    // the loss is known, and what is left is not until the replay is back
    cluster.sql('ALTER FUNCTION wrk.gateway_recheck(text, jsonb) RENAME TO gone');
    close('project:late1');
    const news = await gateway.metric('access_news_total');
    tell({ tenant: 't1', channels: ['tenant:t1:project:late1'] });
    await until(async () => (await gateway.metric('access_news_total')) > news);
    const frame = await answer;
    cluster.sql('ALTER FUNCTION wrk.gone(text, jsonb) RENAME TO gateway_recheck');
    assert.equal(frame.payload.code, 'not_found');
    assert.doesNotMatch(JSON.stringify(a.frames), /secret/);
    a.destroy();
  });

  test('a replay that was read with a role that is gone is read again without it', async () => {
    const a = await connect(gateway.url, { token: 't1:otto:ops' });
    const position = a.hello.payload.position;
    cluster.emit('secret.thing', ['tenant:t1:project:late2'], { mask: 2 });
    cluster.emit('public.thing', ['tenant:t1:project:late2']);
    const answer = a.request({ type: 'subscribe', channel: 'project:late2', payload: { since: position } });
    await sleeping();
    cluster.sql(`INSERT INTO wrk.mock_demoted VALUES ('otto')`);
    tell({ tenant: 't1', users: ['otto'] });
    await a.waitFor((f) => f.type === 'gap' && f.channel.endsWith('late2'));
    const frame = await answer;
    assert.equal(frame.type, 'subscribed');
    assert.deepEqual(frame.payload.events.map((e) => e.type), ['public.thing']);
    cluster.emit('live.thing', ['tenant:t1:project:late2']);
    await a.waitFor((f) => f.type === 'live.thing');
    assert.doesNotMatch(JSON.stringify(a.frames), /secret/);
    a.destroy();
  });

  test('a yes to the token before is not believed after auth with one that may less', async () => {
    const a = await connect(gateway.url, { token: 't1:alice:admin' });
    const answer = a.subscribe('project:slowadmin');
    await sleeping();
    const refreshed = await a.request({ type: 'auth', payload: { token: alice } });
    assert.equal(refreshed.type, 'result');
    await until(async () => (await gateway.metric('rechecks_waiting')) === 0);
    await answer;
    await a.waitFor((f) => f.type === 'unsubscribed' && f.channel === 'tenant:t1:project:slowadmin');
    a.destroy();
  });

  test('what waits for a slow reader of a channel that is lost does not come any more', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:9');
    a.pause();
    const fill = 'x'.repeat(100000);
    await until(async () => {
      for (let i = 0; i < 5; i++) cluster.emit('fill', ['tenant:t1:project:9'], { payload: { fill } });
      return (await gateway.metric('outbox_bytes')) > 500000;
    });
    cluster.emit('secret.thing', ['tenant:t1:project:9']);
    const ended = await gateway.metric('unsubscribed_total');
    close('project:9');
    tell({ tenant: 't1', channels: ['tenant:t1:project:9'] });
    await until(async () => (await gateway.metric('unsubscribed_total')) > ended);
    a.resume();
    await a.waitFor((f) => f.type === 'unsubscribed');
    await a.request({ type: 'ping' });
    assert.deepEqual(a.all((f) => f.type === 'secret.thing'), []);
    a.destroy();
  });

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

  test('a loss that nobody could hear, because the feed had to begin anew, is known when it has', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:8');
    const asked = await gateway.metric('rechecks_total');
    cluster.sql(`ALTER FUNCTION wrk.gateway_hello(text, int) RENAME TO real_hello;
      ALTER FUNCTION wrk.gateway_fetch(text, text, bigint, int, text) RENAME TO real_fetch;
      CREATE FUNCTION wrk.gateway_fetch(since text, upto text, after_id bigint, max_rows int, known text) RETURNS SETOF wrk.gateway_event
        LANGUAGE plpgsql AS $$ BEGIN PERFORM wrk.mock_fail('WK410', 'not kept any more'); END $$;
      NOTIFY wrk_event`);
    await a.waitFor((f) => f.type === 'gap' && f.payload.reason === 'unrecoverable');
    await until(async () => (await gateway.metric('rechecks_total')) > asked && (await gateway.metric('rechecks_waiting')) === 0);
    close('project:8');
    tell({ tenant: 't1', channels: ['tenant:t1:project:8'] });
    cluster.sql(`DROP FUNCTION wrk.gateway_fetch(text, text, bigint, int, text);
      ALTER FUNCTION wrk.real_fetch(text, text, bigint, int, text) RENAME TO gateway_fetch;
      ALTER FUNCTION wrk.real_hello(text, int) RENAME TO gateway_hello`);
    await a.waitFor((f) => f.type === 'unsubscribed' && f.channel === 'tenant:t1:project:8');
    a.destroy();
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
