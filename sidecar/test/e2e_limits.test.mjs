// Limits: at each boundary n are let through and the next one is refused, says which limit and when it ends,
// and after that it goes. A tenant that wants ten times what it may does not slow others.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { World, connect, helios, northwind, people, until } from './e2e.mjs';
import { percentile } from './slow.mjs';

const { clara, oskar, bruno, quinn, nils, ada, bea } = people;
const T = northwind.id;
const PROJECT = `project:${northwind.project}`;
const SLOW_MS = 400;

// a call that takes its time, and one that does nothing
const CALLS = `
  CREATE FUNCTION public.test_sleep(params jsonb) RETURNS jsonb LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep((params ->> ''ms'')::float8 / 1000); RETURN params; END';
  CREATE FUNCTION public.test_echo(params jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT params';
  INSERT INTO wrk.rpc (method, function) VALUES ('test.sleep', 'public.test_sleep(jsonb)'), ('test.echo', 'public.test_echo(jsonb)')`;

// the refusal of an operation, checked to say what it must and nothing else
function refusal(frame, limit, code = 'rate_limited') {
  assert.equal(frame.type, 'error', JSON.stringify(frame).slice(0, 200));
  const { message, retryAfter, ...rest } = frame.payload;
  assert.deepEqual(rest, { code, status: 429, retry: rest.retry, details: { limit } });
  assert.ok(message.length > 0 && !/\d/.test(message), 'says nothing of what others use');
  return retryAfter;
}

describe('limits', { timeout: 240000 }, () => {
  const world = new World('limits', {
    options: { rate_limit: 1000, rate_burst: 2000, trusted_proxies: '127.0.0.1', heartbeat: 2000 },
  });
  before(async () => {
    await world.open();
    await world.sql.query(CALLS);
  });
  after(() => world.close());

  // Gives the tenant limits of its own, and waits until open connections have them.
  async function limit(values, tenant = T) {
    for (const [name, value] of Object.entries(values))
      await world.sql.query(`SELECT wrk.tenant_limit_set('${tenant}', '${name}', ${value ?? 'NULL'})`);
    await pause(50); // told by then as a rule; a fresh connection brings them for certain
    const fresh = await connect(world.gateway.url, { token: world.token(tenant === T ? ada : bea) });
    fresh.destroy();
  }
  const unlimit = () => world.sql.query('DELETE FROM wrk.tenant_limit');

  const operations = {
    calls: (client) => client.request({ type: 'call', payload: { method: 'test.echo', params: {} } }),
    publishes: (client) => client.request({ type: 'publish', channel: PROJECT, payload: { type: 'cursor', data: {} } }),
    subscribes: (client) => client.request({ type: 'subscribe', channel: PROJECT }),
    others: (client) => client.request({ type: 'ping' }),
  };

  for (const [kind, operate] of Object.entries(operations)) {
    test(`${kind} of a user: n in a second, then refused, then again`, async () => {
      const [one, tab] = [await world.client(clara), await world.client(clara)];
      await one.subscribe(PROJECT);
      await tab.subscribe(PROJECT);
      await limit({ [`user_${kind}_second`]: 4 });
      await pause(1100); // the buckets are full again
      for (let i = 0; i < 4; i++) assert.notEqual((await operate(i % 2 ? one : tab)).type, 'error', `number ${i + 1}`);
      // what is refused takes nothing, so that asking again does not push the end away
      const refused = await Promise.all([operate(one), operate(tab), operate(one)]);
      const wait = Math.max(...refused.map((frame) => refusal(frame, `user_${kind}_second`)));
      assert.ok(wait > 0 && wait <= 250, `${wait}`);
      await pause(wait + 5);
      assert.notEqual((await operate(one)).type, 'error');
      await unlimit();
      one.destroy();
      tab.destroy();
    });

    test(`${kind} of a tenant: of all its users together, in a minute`, async () => {
      const all = [await world.client(clara), await world.client(oskar), await world.client(bruno)];
      const other = await world.client(bea);
      for (const client of all) await client.subscribe(PROJECT);
      await other.subscribe(`project:${helios.project}`);
      await limit({ [`tenant_${kind}_minute`]: 30 });
      const answers = [];
      for (let i = 0; i < 40; i++) answers.push(await operate(all[i % 3]));
      const last = answers.at(-1);
      const wait = refusal(last, `tenant_${kind}_minute`);
      assert.ok(wait > 1000 && wait <= 2000, `${wait}`); // one of thirty in a minute
      assert.ok(answers.filter((a) => a.type !== 'error').length <= 31);
      const free = await (kind === 'subscribes' || kind === 'publishes'
        ? other.request({ type: kind.slice(0, -1).replace('publishe', 'publish'), channel: `project:${helios.project}`, payload: { type: 'cursor', data: {} } })
        : operate(other));
      assert.notEqual(free.payload?.code, 'rate_limited', 'another tenant has its own');
      await unlimit();
      for (const client of [...all, other]) client.destroy();
    });
  }

  test('subscriptions of a connection: n, not one more, and one more when one has gone', async () => {
    const client = await world.client(oskar);
    const had = client.hello.payload.channels.length;
    await limit({ subscriptions_max: had + 1 });
    await client.subscribe(PROJECT);
    const next = { type: 'subscribe', channel: `automation_version:${northwind.version}` };
    refusal(await client.request(next), 'subscriptions_max', 'limit_exceeded');
    await client.subscribe(PROJECT); // has it already
    await client.unsubscribe(PROJECT);
    assert.equal((await client.request(next)).type, 'subscribed');
    await unlimit();
    client.destroy();
  });

  test('a changed row is in force on open connections, without a new one', async () => {
    const client = await world.client(nils);
    const name = 'user_calls_minute';
    await world.sql.query(`SELECT wrk.tenant_limit_set('${T}', '${name}', 1)`);
    await until('the limit to hold', async () => (await operations.calls(client)).payload.details?.limit === name, { timeout: 3000 });
    await world.sql.query(`SELECT wrk.tenant_limit_set('${T}', '${name}', 0)`);
    await until('no limit to hold', async () => (await operations.calls(client)).type === 'result', { timeout: 3000 });
    await unlimit();
    client.destroy();
  });

  test('calls in flight: of a connection, of a user, of a tenant; also of connections that left', async () => {
    const slow = { type: 'call', payload: { method: 'test.sleep', params: { ms: 1500 } } };
    const many = (client, n) => Array.from({ length: n }, () => client.request(slow, { timeout: 30000 }));
    const settle = (list) => Promise.allSettled(list);
    await limit({ requests_max: 3, user_requests: 5, tenant_requests: 7 });
    const [a, b, o] = [await world.client(clara), await world.client(clara), await world.client(oskar)];
    const running = [settle(many(a, 3))];
    const retry = refusal(await a.request(slow), 'requests_max', 'limit_exceeded');
    assert.ok(retry > 0);
    running.push(settle(many(b, 2)));
    refusal(await b.request(slow), 'user_requests', 'limit_exceeded');
    running.push(settle(many(o, 2)));
    refusal(await o.request(slow), 'tenant_requests', 'limit_exceeded');
    // who hangs up and comes back has no room because of that
    a.destroy();
    b.destroy();
    const c = await connect(world.gateway.url);
    const hello = await c.request({ type: 'connect', payload: { token: world.token(clara) } });
    assert.equal(hello.type, 'connected');
    assert.match((await c.request(slow)).payload.details.limit, /^(user|tenant)_requests$/);
    await Promise.all(running);
    await until('all to be over', async () => (await c.request({ ...slow, payload: { method: 'test.echo', params: {} } })).type === 'result');
    await unlimit();
    c.destroy();
    o.destroy();
  });

  // a connect that is refused, and how the connection ended
  async function turnedAway(person, url = world.gateway.url, headers = {}) {
    const client = await connect(url, { headers });
    const answer = await client.request({ type: 'connect', payload: { token: world.token(person) } });
    const { code, reason } = await client.waitClosed();
    return { answer, code, reason, bye: client.frames.find((f) => f.type === 'bye') };
  }

  test('connections of a user and of a tenant: n, the next is told and closed 4429', async () => {
    await until('nobody', async () => (await world.gateway.metric('connections')) === 0);
    await limit({ user_connections: 2, tenant_connections: 3 });
    const open = [await world.client(clara), await world.client(clara)];
    const user = await turnedAway(clara);
    assert.ok(refusal(user.answer, 'user_connections', 'limit_exceeded') > 0);
    assert.equal(user.code, 4429);
    assert.ok(user.bye.payload.retryAfter > 0);
    open.push(await world.client(oskar));
    const tenant = await turnedAway(bruno);
    refusal(tenant.answer, 'tenant_connections', 'limit_exceeded');
    assert.equal(tenant.code, 4429);
    const other = await world.client(bea);
    await open[0].close();
    open.push(await world.client(clara));
    await unlimit();
    for (const client of [...open, other]) client.destroy();
  });

  test('the names of limits are the same in the gateway and the database', async () => {
    const header = readFileSync(path.join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../limits.h'), 'utf8');
    const table = header.slice(header.indexOf('#define TENANT_LIMITS'), header.indexOf('typedef enum LimitName'));
    const ours = [...table.matchAll(/X\((\w+)\) ?\\?$/gm)].map((m) => m[1]).sort();
    const theirs = (await world.sql.query(`SELECT unnest(wrk.limit_names()) ORDER BY 1`)).split('\n').sort();
    assert.ok(ours.length > 20);
    assert.deepEqual(theirs, ours);
  });

  test('a tenant at ten times its quota of calls does not slow another one', async (t) => {
    await limit({ tenant_calls_second: 40, user_calls_second: 0, user_calls_minute: 0, tenant_calls_minute: 0, requests_max: 0, user_requests: 0 });
    const quiet = await world.client(bea);
    const measure = async (n) => {
      const times = [];
      for (let i = 0; i < n; i++) {
        const began = performance.now();
        assert.equal((await quiet.request({ type: 'call', payload: { method: 'test.echo', params: {} } })).type, 'result');
        times.push(performance.now() - began);
        await pause(25); // fewer than the 50 a second that a user may
      }
      return times;
    };
    const alone = await measure(120);
    const hogs = [];
    for (const person of [clara, oskar, bruno, quinn, nils]) hogs.push(await world.client(person));
    const counts = { result: 0, rate_limited: 0, limit_exceeded: 0, unavailable: 0 };
    let over = false;
    const flood = hogs.map(async (hog, h) => {
      for (let i = 0; !over; i++) {
        const payload = i % 4 === h % 4 ? { method: 'test.sleep', params: { ms: SLOW_MS } } : { method: 'test.echo', params: {} };
        hog.request({ type: 'call', payload }, { timeout: 120000 }).then(
          (f) => counts[f.type === 'error' ? f.payload.code : f.type]++,
          () => {},
        );
        await pause(12.5); // 80 a second each, 400 of the tenant
      }
    });
    await pause(500);
    const beside = await measure(120);
    over = true;
    await Promise.all(flood);
    const figures = (list) => `p50 ${percentile(list, 50).toFixed(1)} ms, p95 ${percentile(list, 95).toFixed(1)} ms`;
    t.diagnostic(`another tenant's calls alone: ${figures(alone)}; beside the flood: ${figures(beside)}`);
    t.diagnostic(`of the flood: ${JSON.stringify(counts)}`);
    assert.ok(counts.rate_limited > counts.result, 'most of the flood is refused');
    // it never waits for a slow call of theirs
    assert.ok(percentile(beside, 95) < SLOW_MS / 2, figures(beside));
    await unlimit();
    for (const client of [...hogs, quiet]) client.destroy();
    await until('the calls to end', async () => (await world.gateway.metric('requests_waiting')) === 0, { timeout: 60000 });
  });

  test('tenants with a thousand calls waiting take turns with one that has one', async () => {
    await limit({ tenant_links: 3, tenant_requests: 0, user_requests: 0, requests_max: 0, user_calls_second: 0, tenant_calls_second: 0 });
    const hog = await world.client(clara);
    const calls = Array.from({ length: 60 }, () => hog.request({ type: 'call', payload: { method: 'test.sleep', params: { ms: 200 } } }, { timeout: 60000 }));
    const quiet = await world.client(bea);
    const began = performance.now();
    await quiet.call('test.echo');
    const waited = performance.now() - began;
    assert.ok(waited < 1000, `${waited} ms, though all links were the other's and 60 calls of 200 ms waited`);
    hog.destroy();
    await Promise.allSettled(calls);
    await unlimit();
    await until('the calls to end', async () => (await world.gateway.metric('requests_waiting')) === 0, { timeout: 60000 });
    quiet.destroy();
  });

  describe('of addresses', () => {
    let gateway;
    before(async () => {
      const options = { address_connections: 4, address_strangers: 2, strangers_max: 12, header_max: 1024, auth_timeout: 60000 };
      gateway = await world.lab.gateway({ ...options, trusted_proxies: '127.0.0.1', user_connections: 0 }).start();
    });

    const from = (address) => ({ 'X-Forwarded-For': address });

    test('connections of an address: n, the next is closed 4429; behind another address it may', async () => {
      const open = [];
      for (let i = 0; i < 4; i++) open.push(await connect(gateway.url, { token: world.token(clara), headers: from('192.0.2.1') }));
      const late = await connect(gateway.url, { headers: from('192.0.2.1') });
      const { code, reason } = await late.waitClosed();
      assert.deepEqual({ code, reason }, { code: 4429, reason: 'address_connections' });
      assert.ok(late.frames.find((f) => f.type === 'bye').payload.retryAfter > 0);
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/healthz`, { headers: from('192.0.2.1') });
      assert.equal(answer.status, 429);
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
      open.push(await connect(gateway.url, { token: world.token(clara), headers: from('192.0.2.2') }));
      await open[0].close();
      open.push(await connect(gateway.url, { token: world.token(clara), headers: from('192.0.2.1') }));
      for (const client of open) client.destroy();
    });

    test('an address cannot have more by spelling it otherwise, nor from its own network', async () => {
      const names = ['2001:db8::1', '2001:0db8:0:0::2', '2001:db8::ffff:1:2', '2001:DB8::4'];
      const open = [];
      for (const name of names) open.push(await connect(gateway.url, { token: world.token(clara), headers: from(name) }));
      const late = await connect(gateway.url, { headers: from('2001:db8::5') });
      assert.equal((await late.waitClosed()).code, 4429);
      for (const client of open) client.destroy();
    });

    test('those without a token: n of an address, n of all; whoever is somebody makes room', async () => {
      await until('nobody', async () => (await gateway.metric('connections')) === 0);
      const strangers = [];
      for (let i = 0; i < 2; i++) strangers.push(await connect(gateway.url, { headers: from('192.0.2.3') }));
      const late = await connect(gateway.url, { headers: from('192.0.2.3') });
      assert.deepEqual(await late.waitClosed(), { code: 4429, reason: 'address_strangers' });
      await strangers[0].authenticate(world.token(clara));
      strangers.push(await connect(gateway.url, { headers: from('192.0.2.3') }));
      // full of strangers (those who ask for pages count as well), it lets in no more ...
      let refused = null;
      for (let i = 4; i < 20 && refused === null; i++) {
        const next = await connect(gateway.url, { headers: from(`192.0.2.${i}`) });
        const answer = await Promise.race([next.closed, next.request({ type: 'ping' }).catch(() => next.closed)]);
        if (answer.code === undefined) strangers.push(next);
        else refused = answer;
      }
      assert.deepEqual(refused, { code: 4429, reason: 'strangers_max' });
      assert.ok(strangers.length <= 13, `${strangers.length}`);
      // ... and serves who is somebody
      assert.equal((await strangers[0].request({ type: 'ping' })).type, 'pong');
      for (const client of strangers) client.destroy();
      await until('nobody', async () => (await gateway.metric('connections')) === 0);
    });

    test('a head of n bytes is read, a longer one is refused with 431', async () => {
      const ask = (bytes) =>
        new Promise((resolve) => {
          const socket = net.connect(gateway.port, '127.0.0.1');
          const head = `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Fill: `;
          let answer = '';
          socket.on('data', (data) => (answer += data)).on('close', () => resolve(Number(answer.split(' ')[1])));
          socket.on('error', () => {});
          socket.write(`${head}${'x'.repeat(bytes - head.length - 4)}\r\n\r\n`);
        });
      assert.equal(await ask(1024), 200);
      assert.equal(await ask(1025), 431);
    });
  });

  describe('of patience', () => {
    let gateway;
    before(async () => {
      gateway = await world.lab.gateway({ rate_limit: 5, rate_burst: 5, abuse_limit: 10, ban_after: 3, ban_time: 2000 }).start();
    });

    const abuse = async (person) => {
      const client = await connect(gateway.url, { token: world.token(person) });
      for (let i = 0; i < 60; i++) client.send({ type: 'ping' });
      return client.waitClosed();
    };

    test('who goes on is closed 4429, the third time 4529, and then may not come back for a while', async () => {
      const steady = await connect(gateway.url, { token: world.token(clara) });
      assert.equal((await abuse(clara)).code, 4429);
      assert.equal((await abuse(clara)).code, 4429);
      assert.equal((await abuse(clara)).code, 4529);
      const { answer, code, bye } = await turnedAway(clara, gateway.url);
      assert.equal(code, 4529);
      assert.ok(refusal(answer, 'abuse_limit', 'limit_exceeded') > 0);
      const other = await connect(gateway.url, { token: world.token(oskar) });
      assert.equal((await steady.request({ type: 'ping' })).type, 'pong', 'what behaves stays');
      await pause(bye.payload.retryAfter + 50);
      const again = await connect(gateway.url, { token: world.token(clara) });
      for (const client of [steady, other, again]) client.destroy();
    });
  });

  test('connections that come and go leave nothing', async (t) => {
    const often = 1e6; // these few people do all of it
    const gateway = await world.lab.gateway({
      user_connections: 0, pool_size: 2, user_subscribes_second: often, user_subscribes_minute: often,
      tenant_subscribes_second: often, tenant_subscribes_minute: often,
    }).start();
    const cycle = async (n) => {
      for (let i = 0; i < n; i += 25)
        await Promise.all(Array.from({ length: 25 }, async (_, j) => {
          const client = await connect(gateway.url, { token: world.token([clara, oskar, bruno][j % 3]) });
          await client.subscribe(PROJECT);
          await (j % 2 ? client.close() : client.destroy());
        }));
      await until('all to be gone', async () => (await gateway.metric('connections')) === 0);
    };
    await cycle(500); // what is taken once
    const before = await gateway.metric('heap_bytes');
    await cycle(1000);
    const after = await gateway.metric('heap_bytes');
    t.diagnostic(`in use ${before} -> ${after} bytes after 1,000 cycles`);
    assert.ok(after - before < 256 * 1024, `${after - before} bytes more`);
    for (const gauge of ['subscriptions', 'channels', 'outbox_bytes', 'requests_waiting'])
      assert.equal(await gateway.metric(gauge), 0, gauge);
  });

  test('nothing of all that was left behind', async () => {
    await until('nobody', async () => (await world.gateway.metric('connections')) === 0, { timeout: 30000 });
    assert.equal(await world.gateway.metric('requests_waiting'), 0);
  });
});
