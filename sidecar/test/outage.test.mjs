// What clients notice when the database, the doorbell or the gateway itself goes away: as little as can be.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Gateway, sleep, stand, until } from './harness.mjs';
import { connect, event } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;
let gateway;

stand({}, (made) => ({ cluster, gateway } = made));

describe('the database goes away', () => {
  test('clients stay, are told, and get what was written meanwhile', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:50');
    cluster.crash();
    await a.waitFor((f) => f.type === 'status' && f.payload.database === 'down');
    assert.equal((await gateway.get('/readyz')).status, 503);
    assert.equal((await gateway.get('/healthz')).status, 200);
    const refused = await a.request({ type: 'call', payload: { method: 'echo' } });
    assert.equal(refused.payload.code, 'unavailable');
    assert.ok(refused.payload.retryAfter > 0);
    cluster.up();
    cluster.emit('back', ['tenant:t1:project:50']);
    await a.waitFor((f) => f.type === 'status' && f.payload.database === 'up');
    await a.waitFor(event('back'));
    assert.ok(a.isOpen);
    assert.equal((await a.call('echo', { b: 2 })).payload.b, 2);
    await a.close();
    await gateway.ready();
  });

  test('a killed backend is replaced, requests in flight are answered', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:51');
    const slow = a.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 30 } } });
    await until(() => cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%gateway_call%' AND state = 'active' AND pid <> pg_backend_pid()`) === '1');
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway'`);
    // the server says 57P01 before it goes: both are `unavailable`
    assert.equal((await slow).payload.code, 'unavailable');
    await gateway.ready();
    const id = cluster.emit('again', ['tenant:t1:project:51']);
    assert.equal((await a.waitFor(event('again'))).id, id);
    await a.close();
  });

  test('a session that hangs is given up, also the one that fetches', async () => {
    const watchful = await Gateway.start(cluster, { query_timeout: 250, poll_safety: 100 });
    const a = await connect(watchful.url, { token: alice });
    await a.subscribe('project:54');
    const sessions = cluster
      .sql(`SELECT pid FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway' AND backend_start > now() - interval '1 minute'`)
      .split('\n')
      .map(Number);
    for (const pid of sessions) process.kill(pid, 'SIGSTOP');
    try {
      const call = a.request({ type: 'call', payload: { method: 'echo' } });
      assert.equal((await call).payload.code, 'unavailable');
      const id = cluster.emit('late', ['tenant:t1:project:54']);
      assert.equal((await a.waitFor(event('late'))).id, id);
      assert.match(watchful.log, /does not answer.*link=feed/);
    } finally {
      for (const pid of sessions) process.kill(pid, 'SIGCONT');
    }
    await a.close();
    await watchful.stop();
  });

  test('another database behind the same name: every subscription gets a gap', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:52');
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = 'mock-2'`);
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway'`);
    const gap = await a.waitFor((f) => f.type === 'gap' && f.channel === 'tenant:t1:project:52');
    assert.equal(gap.payload.reason, 'epoch_changed');
    await gateway.ready();
    const answer = await a.subscribe('project:52', { since: a.hello.payload.position });
    assert.equal(answer.payload.recovered, false);
    assert.match(answer.payload.position, /^mock-2\./);
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = 'mock-1'`);
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway'`);
    await a.close();
    await until(async () => (await gateway.get('/readyz')).status === 503 || /epoch=mock-1/.test(gateway.log.split('epoch=mock-2').at(-1)));
    await gateway.ready();
  });

  test('frames are UTF-8 although the database is not', async () => {
    cluster.sql(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`);
    const latin = cluster.database('latin');
    latin.load();
    const other = await Gateway.start(latin);
    const a = await connect(other.url, { token: alice });
    await a.subscribe('project:53');
    latin.sql(`SELECT wrk.mock_emit('e', '{"text": "\\u00e9"}', '{tenant:t1:project:53}')`);
    assert.equal((await a.waitFor(event('e'))).payload.text, 'é');
    assert.equal((await a.call('echo', { text: 'ü' })).payload.text, 'ü');
    await a.close();
    await other.stop();
  });

  test('a database that refuses is asked less and less often', async () => {
    cluster.sql(`CREATE DATABASE refusing`);
    const refusing = cluster.database('refusing');
    refusing.load();
    refusing.sql('CREATE ROLE nobody LOGIN; GRANT USAGE ON SCHEMA wrk TO nobody; REVOKE ALL ON FUNCTION wrk.gateway_hello FROM PUBLIC');
    const refused = await Gateway.start({ conninfo: refusing.conninfo.replace('user=postgres', 'user=nobody') }, { wait: false, reconnect_min: 50, reconnect_max: 60000 });
    const refusals = () => refused.log.split('refuses to be gateway').length - 1;
    await until(() => refusals() >= 3);
    await sleep(1500);
    assert.ok(refusals() < 12, `${refusals()} times`);
    assert.match(refused.log, /sqlstate=42501 .* hint="GRANT wrk_gateway TO its role"/);
    assert.equal((await refused.get('/readyz')).status, 503);
    await refused.stop();
  });

  test('a database without the functions is waited for', async () => {
    cluster.sql('CREATE DATABASE empty');
    const lonely = await Gateway.start(
      { conninfo: cluster.conninfo.replace('dbname=postgres', 'dbname=empty') },
      { wait: false },
    );
    await until(() => lonely.log.includes('not ready for a gateway'));
    assert.equal((await lonely.get('/readyz')).status, 503);
    const a = await connect(lonely.url);
    const answer = await a.request({ type: 'connect', payload: { token: alice } });
    assert.equal(answer.payload.code, 'unavailable');
    assert.ok(a.isOpen);
    await a.close();
    await lonely.stop();
  });
});

describe('the doorbell', () => {
  test('probes go on after a time when the pool was full', async () => {
    const busy = await Gateway.start(cluster, { pool_size: 1, pool_queue: 1, probe_interval: 100, probe_timeout: 100 });
    const a = await connect(busy.url, { token: alice });
    const calls = Array.from({ length: 12 }, () => a.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 0.2 } } }));
    const answers = await Promise.all(calls);
    assert.ok(answers.some((f) => f.payload?.code === 'unavailable'));
    const requests = await busy.metric('requests_total');
    await until(async () => (await busy.metric('requests_total')) > requests + 2);
    await until(async () => JSON.parse((await busy.get('/readyz')).text).feed === 'doorbell');
    await a.close();
    await busy.stop();
  });

  test('without it the feed polls, and says so', async () => {
    // a probe that is given no time to be heard counts as lost
    const deaf = await Gateway.start(cluster, { probe_interval: 100, probe_timeout: 50, poll_fast: 50 });
    const a = await connect(deaf.url, { token: alice });
    await a.subscribe('project:60');
    await until(async () => JSON.parse((await deaf.get('/readyz')).text).feed === 'doorbell');
    cluster.sql(`ALTER FUNCTION wrk.mock_emit SET search_path = wrk, pg_catalog`);
    cluster.sql(`CREATE FUNCTION wrk.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'`);
    cluster.sql(`ALTER FUNCTION wrk.mock_emit SET search_path = wrk, pg_catalog, pg_temp`);
    cluster.emit('quiet', ['tenant:t1:project:60']);
    await a.waitFor(event('quiet'));
    cluster.sql(`ALTER FUNCTION wrk.mock_emit RESET search_path; DROP FUNCTION wrk.pg_notify(text, text)`);
    await a.close();
    await deaf.stop();
  });
});

describe('draining', () => {
  test('SIGTERM lets requests finish, says bye with 1012 and exits 0', async () => {
    const leaving = await Gateway.start(cluster);
    const a = await connect(leaving.url, { token: alice });
    const slow = a.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 0.5 } } });
    await until(async () => (await leaving.metric('requests_total')) >= 2);
    leaving.process.kill('SIGTERM');
    assert.equal((await slow).payload, true);
    assert.equal((await a.waitClosed()).code, 1012);
    const bye = a.frames.find((f) => f.type === 'bye');
    assert.equal(bye.payload.retry, 'backoff');
    assert.deepEqual(await leaving.exited, { code: 0, signal: null });
  });

  test('it ends in bounded time although a client does not listen', async () => {
    const leaving = await Gateway.start(cluster, { drain_timeout: 500 });
    const a = await connect(leaving.url, { token: alice });
    a.pause();
    const began = Date.now();
    await leaving.stop('SIGINT');
    assert.ok(Date.now() - began < 3000);
    assert.deepEqual(leaving.end, { code: 0, signal: null });
    a.destroy();
  });
});
