// Figures for whoever looks after the gateway: well-formed, adding up, bounded whatever clients send, and not
// for everybody. And /readyz for each way of being broken.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Gateway, freePort, sleep, stand, until } from './harness.mjs';
import { parse, value } from './prometheus.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;
let gateway;

const unlimited = {};
for (const name of ['rate_limit', 'rate_burst', 'abuse_limit', 'user_calls_second', 'user_calls_minute', 'tenant_calls_second', 'tenant_calls_minute'])
  unlimited[name] = 1000000;
stand(unlimited, (made) => ({ cluster, gateway } = made));

const figures = async (at = gateway) => parse((await at.get('/metrics')).text);

describe('/metrics', () => {
  test('is what a strict reader of the format accepts', async () => {
    const families = await figures();
    assert.ok(Object.keys(families).length > 50);
    for (const name of ['connections', 'subscriptions', 'feed_lag_ms', 'queue_wait_ms', 'database_up', 'outbox_bytes', 'workers'])
      assert.equal(value(families, `wrk_gateway_${name}`) >= 0, true, name);
  });

  test('how long events take is counted once for each event', async () => {
    const before = value(await figures(), 'wrk_gateway_delivery_seconds', { le: '+Inf' });
    const c = await connect(gateway.url, { token: alice });
    await c.subscribe('project:1');
    for (let i = 0; i < 5; i++) cluster.emit('tick', ['tenant:t1:project:1'], { payload: { i } });
    await until(() => c.all((f) => f.type === 'tick').length === 5);
    const families = await figures();
    const after = value(families, 'wrk_gateway_delivery_seconds', { le: '+Inf' });
    assert.equal(after - before, 5);
    assert.ok(value(families, 'wrk_gateway_delivery_seconds', { le: '0.5' }) > before, 'and they were quick');
    await c.close();
  });

  test('frames and bytes are counted by class, ends by code', async () => {
    const before = await figures();
    const c = await connect(gateway.url, { token: alice });
    await c.subscribe('project:1');
    cluster.emit('tick', ['tenant:t1:project:1']);
    await c.waitFor((f) => f.type === 'tick');
    await c.close();
    const bad = await connect(gateway.url);
    await bad.request({ type: 'connect', payload: { token: 'no good' } });
    await bad.waitClosed();
    const lost = await connect(gateway.url, { token: alice });
    lost.destroy();
    await until(async () => value(await figures(), 'wrk_gateway_closes_total', { code: 'lost' }) > value(before, 'wrk_gateway_closes_total', { code: 'lost' }));
    const families = await figures();
    const rose = (family, labels) => value(families, family, labels) - value(before, family, labels);
    assert.equal(rose('wrk_gateway_closes_total', { code: 'peer' }), 1);
    assert.equal(rose('wrk_gateway_closes_total', { code: '4401' }), 1);
    assert.ok(rose('wrk_gateway_class_frames_total', { class: 'critical' }) >= 1);
    assert.ok(rose('wrk_gateway_class_bytes_total', { class: 'reply' }) > 100);
  });

  test('calls are counted by method and code', async () => {
    const c = await connect(gateway.url, { token: alice });
    const before = await figures();
    await c.call('echo', { n: 1 });
    await c.call('echo', { n: 2 });
    await c.request({ type: 'call', payload: { method: 'fail.forbidden' } });
    const families = await figures();
    const of = (labels) => value(families, 'wrk_gateway_calls_total', labels) - (value(before, 'wrk_gateway_calls_total', labels) ?? 0);
    assert.equal(of({ method: 'echo', code: 'ok' }), 2);
    assert.equal(of({ method: 'other', code: 'forbidden' }), 1, 'what never went well has no name');
    await c.close();
  });

  test('10,000 made-up methods make no series', async () => {
    const c = await connect(gateway.url, { token: alice });
    const before = (await figures()).wrk_gateway_calls_total.samples.length;
    const evil = ['x"} 1\nforged_metric 1', '\\', '{}', 'a'.repeat(100), 'ü\u2028', ''];
    const total = 10000;
    for (let done = 0; done < total; done += 25)
      await Promise.all(Array.from({ length: 25 }, (_, i) =>
        c.request({ type: 'call', payload: { method: i < evil.length ? evil[i] + done : `made.up${done + i}` } })));
    const families = await figures();
    const samples = families.wrk_gateway_calls_total.samples;
    assert.ok(samples.length <= before + 4, `${samples.length} series, ${before} before`);
    assert.ok(samples.filter(({ labels }) => labels.method === 'other').reduce((sum, { value }) => sum + value, 0) >= total * 0.9);
    assert.ok(!('forged_metric' in families));
    await c.close();
  });
});

describe('who may see /metrics', () => {
  const status = async (headers, at = gateway, route = '/metrics') =>
    (await fetch(`http://127.0.0.1:${at.port}${route}`, { headers: { connection: 'close', ...headers } })).status;

  test('this machine, but not through something that speaks for others', async () => {
    assert.equal(await status({}), 200);
    for (const headers of [{ 'X-Forwarded-For': '203.0.113.9' }, { 'X-Forwarded-For': '127.0.0.1' }, { Via: '1.1 x' }, { Forwarded: 'for=1.1.1.1' }])
      assert.equal(await status(headers), 404, JSON.stringify(headers));
  });

  test('behind a proxy that is listed, who comes from this machine', async () => {
    const mine = await Gateway.start(cluster, { trusted_proxies: '127.0.0.2' });
    assert.equal(await status({ 'X-Forwarded-For': '203.0.113.9' }, mine), 404);
    await mine.stop();
  });

  test('metrics_listen serves pages in plain text, and nothing else; the port does not have them', async () => {
    const port = await freePort();
    const mine = await Gateway.start(cluster, { metrics_listen: `127.0.0.1:${port}` });
    assert.equal(await status({}, mine), 404);
    assert.equal(await status({ 'X-Forwarded-For': '203.0.113.9' }, { port }), 200);
    assert.equal(await status({}, { port }, '/readyz'), 200);
    assert.equal(await status({}, { port }, '/sse?channel=me'), 404);
    await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { token: alice }), { status: 404 });
    const families = parse(await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })).text());
    assert.equal(value(families, 'wrk_gateway_database_up'), 1);
    await mine.stop();
  });
});

describe('/readyz tells the truth', () => {
  const state = async (at) => {
    const { status, text } = await at.get('/readyz');
    return { status, ...JSON.parse(text) };
  };
  const quick = { poll_safety: 200, ready_lag: 500, query_timeout: 60000, reconnect_max: 100, pool_size: 2 };
  const backends = (where) => cluster.sql(`SELECT pid FROM pg_stat_activity
    WHERE application_name = 'wrk_copilot_gateway' AND ${where}`).split('\n').filter(Boolean).map(Number);

  test('when the database is stopped', async () => {
    const mine = await Gateway.start(cluster, quick);
    assert.equal((await state(mine)).status, 200);
    cluster.crash();
    const down = await until(async () => (await state(mine)).status === 503 && state(mine));
    assert.deepEqual([down.ready, down.why, down.database], [false, 'database down', 'down']);
    cluster.up();
    await until(async () => (await state(mine)).status === 200, { timeout: 20000 });
    await mine.stop();
  });

  test('when the listener was terminated, until it is back', async () => {
    const mine = await Gateway.start(cluster, { ...quick, reconnect_min: 2000, reconnect_max: 2000 });
    const [pid] = backends(`query LIKE '%gateway_fetch%' OR query LIKE '%LISTEN%'`);
    await until(async () => {
      cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'wrk_copilot_gateway' AND query LIKE '%gateway_fetch%'`);
      return (await state(mine)).status === 503;
    }, { every: 1 });
    assert.ok(pid > 0);
    await until(async () => (await state(mine)).status === 200);
    await mine.stop();
  });

  test('nothing waits where nothing happens: the lag of the feed is none, and grows while the database is away', async () => {
    const mine = await Gateway.start(cluster, { ...quick, poll_safety: 1500, reconnect_min: 3000, reconnect_max: 3000 });
    await until(async () => (await state(mine)).feed === 'doorbell');
    const lags = [];
    const end = Date.now() + 2500;
    await until(async () => {
      lags.push((await state(mine)).feedLag);
      return Date.now() > end;
    });
    assert.ok(Math.max(...lags) < 500, lags.join());
    assert.ok(lags.filter((lag) => lag === 0).length > lags.length / 2, lags.join());
    await until(async () => {
      cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'wrk_copilot_gateway' AND query LIKE '%gateway_fetch%'`);
      return (await state(mine)).feedLag > 300;
    });
    await until(async () => (await state(mine)).feedLag === 0);
    await mine.stop();
  });

  test('when the feed is stuck: its backend is stopped', async () => {
    const mine = await Gateway.start(cluster, quick);
    const [pid] = await until(() => {
      const found = backends(`query LIKE '%gateway_fetch%' AND pid IN
        (SELECT pid FROM pg_stat_activity ORDER BY backend_start DESC LIMIT 6)`);
      return found.length > 0 && found;
    });
    for (const each of backends(`query LIKE '%gateway_fetch%'`)) process.kill(each, 'SIGSTOP');
    try {
      const stuck = await until(async () => (await state(mine)).status === 503 && state(mine));
      assert.equal(stuck.why, 'feed stuck');
      assert.ok(stuck.feedLag > 500);
    } finally {
      for (const each of backends(`query LIKE '%gateway_fetch%'`)) process.kill(each, 'SIGCONT');
    }
    assert.ok(pid > 0);
    await until(async () => (await state(mine)).status === 200);
    await mine.stop();
  });

  test('when the pool is exhausted', async () => {
    const mine = await Gateway.start(cluster, quick);
    const c = await connect(mine.url, { token: alice });
    const calls = Array.from({ length: 8 }, () => c.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 0.9 } } }, { timeout: 30000 }));
    const busy = await until(async () => (await state(mine)).status === 503 && state(mine), { every: 5 });
    assert.equal(busy.why, 'requests are not answered');
    await Promise.all(calls);
    await until(async () => (await state(mine)).status === 200);
    await c.close();
    await mine.stop();
  });

  test('while it drains, who is connected can see it', async () => {
    const mine = await Gateway.start(cluster, { ...quick, drain_timeout: 3000 });
    const c = await connect(mine.url, { token: alice });
    const slow = c.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 1 } } });
    await sleep(50);
    mine.process.kill('SIGTERM');
    await until(() => mine.log.includes('draining'));
    await assert.rejects(mine.get('/readyz'), 'nobody new is let in');
    assert.equal((await slow).type, 'result', 'and what is under way is answered');
    assert.deepEqual(await mine.exited, { code: 0, signal: null });
  });

  test('a signal makes everybody come back at a time of their own', async () => {
    const mine = await Gateway.start(cluster, { ...quick, drain_spread: 8000 });
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(mine.url, { token: alice })));
    mine.process.kill('SIGTERM');
    const waits = await Promise.all(clients.map(async (c) => {
      const bye = await c.waitFor((f) => f.type === 'bye');
      assert.deepEqual([bye.payload.code, bye.payload.retry], [1012, 'backoff']);
      assert.equal((await c.waitClosed()).code, 1012);
      return bye.payload.retryAfter;
    }));
    assert.ok(waits.every((ms) => ms >= 0 && ms <= 8000));
    for (const quarter of [0, 1, 2, 3]) assert.ok(waits.some((ms) => Math.floor(ms / 2000) === quarter), `quarter ${quarter} of ${waits}`);
    await mine.exited;
  });
});
