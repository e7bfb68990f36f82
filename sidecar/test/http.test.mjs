// HTTP by the letter and against it: requests that two readers could tell apart differently, bodies without
// end, pages of others, connections that serve many.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { Gateway, stand, until } from './harness.mjs';
import { EventStream, exchange, poll, request, rpc } from './http_client.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';
const bob = 't1:bob:client,ops';

let cluster;
let gateway;

stand({
  static_dir: new URL('.', import.meta.url).pathname,
  origins: 'https://app.example.com',
  auth_timeout: 1500,
  poll_wait_max: 5000,
  rate_burst: 5000,
  rate_limit: 5000,
  user_calls_second: 0,
  user_calls_minute: 0,
}, (made) => ({ cluster, gateway } = made));

const raw = (bytes, options) => exchange(gateway.port, bytes, options);
const answers = (text) => text.split('HTTP/1.1 ').slice(1);
const statuses = (text) => answers(text).map((a) => Number(a.slice(0, 3)));
const base = () => `http://127.0.0.1:${gateway.port}`;

function post(lines, body = '', target = '/rpc/echo') {
  return [`POST ${target} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${alice}`, ...lines, '', body].join('\r\n');
}

const SMUGGLED = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';

describe('where a request ends is beyond doubt', () => {
  for (const [what, lines, body, status = 400] of [
    ['a length and a coding', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a coding and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${SMUGGLED}`],
    ['two lengths', ['Content-Length: 2', `Content-Length: ${SMUGGLED.length + 2}`], `{}${SMUGGLED}`],
    ['two lengths alike', ['Content-Length: 2', 'Content-Length: 2'], `{}${SMUGGLED}`],
    ['a list of lengths', ['Content-Length: 2, 2'], `{}${SMUGGLED}`],
    ['a signed length', ['Content-Length: +2'], `{}${SMUGGLED}`],
    ['two codings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${SMUGGLED}`],
    ['a coding that is not here', ['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${SMUGGLED}`, 501],
    ['a coding called alike', ['Transfer-Encoding: chunkedx'], `0\r\n\r\n${SMUGGLED}`],
    ['a blank before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a folded line', ['Transfer-Encoding:', ' chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a chunk size with a sign', ['Transfer-Encoding: chunked'], `+2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a chunk size with 0x', ['Transfer-Encoding: chunked'], `0x2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a chunk size that wraps', ['Transfer-Encoding: chunked'], `100000002\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a chunk longer than its size', ['Transfer-Encoding: chunked'], `1\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a chunk line that ends in LF', ['Transfer-Encoding: chunked'], `2\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ['two hosts', ['Host: y'], SMUGGLED],
    ['two tokens', [`Authorization: Bearer ${bob}`, 'Content-Length: 2'], `{}${SMUGGLED}`],
  ]) {
    test(`${what}: ${status}, and nothing that follows is looked at`, async () => {
      const text = await raw(post(lines, body));
      assert.deepEqual(statuses(text), [status]);
      assert.match(text, /^Connection: close\r$/m);
    });
  }

  test('an upgrade has no body', async () => {
    const upgrade = ['GET / HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    const text = await raw([...upgrade, key, 'Content-Length: 5', '', 'hello'].join('\r\n'));
    assert.deepEqual(statuses(text), [400]);
  });

  test('HTTP/1.0 has no codings', async () => {
    const text = await raw(post(['Transfer-Encoding: chunked'], `2\r\n{}\r\n0\r\n\r\n`).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.deepEqual(statuses(text), [400]);
  });
});

describe('bodies', () => {
  test('come whole, in parts and in chunks', async () => {
    const body = '{"a": [1, 18446744073709551616], "b": "€"}';
    const size = Buffer.byteLength(body);
    const close = 'Connection: close';
    const whole = await raw(post([`Content-Length: ${size}`, close], body, '/rpc/echo.text'));
    const head = post([`Content-Length: ${size}`, close], '', '/rpc/echo.text');
    const parts = await raw([head, ...body.match(/.{1,9}/gs)]);
    const chunked = post(['Transfer-Encoding: chunked', close], '', '/rpc/echo.text');
    const pieces = body.match(/.{1,7}/gs).map((p) => `${Buffer.byteLength(p).toString(16)};x=y\r\n${p}\r\n`);
    const chunks = await raw([chunked, ...pieces, '0\r\nTrailer: dropped\r\n\r\n']);
    const echoed = (text) => text.slice(text.indexOf('\r\n\r\n') + 4);
    assert.deepEqual(statuses(whole), [200]);
    assert.match(echoed(whole), /18446744073709551616/);
    assert.equal(echoed(parts), echoed(whole));
    assert.equal(echoed(chunks), echoed(whole));
  });

  test('larger than a frame may be are refused before they come', async () => {
    assert.deepEqual(statuses(await raw(post(['Content-Length: 65537', 'Expect: 100-continue']))), [413]);
    const chunks = await raw([post(['Transfer-Encoding: chunked']), '10001\r\n']);
    assert.deepEqual(statuses(chunks), [413]);
  });

  test('wait for 100 Continue when the client does', async () => {
    const text = await raw([post(['Content-Length: 2', 'Expect: 100-continue', 'Connection: close']), '{}']);
    assert.deepEqual(statuses(text), [100, 200]);
    assert.deepEqual(statuses(await raw(post(['Content-Length: 2', 'Expect: miracles'], '{}'))), [417]);
  });

  test('of who has no token are not waited for', async () => {
    const text = await raw('POST /rpc/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n');
    assert.deepEqual(statuses(text), [401]);
  });

  test('that never end are not waited for for ever', async () => {
    const began = performance.now();
    assert.equal(await raw(post(['Content-Length: 10'], '{')), '');
    assert.ok(performance.now() - began < 4500);
  });

  for (const [what, body] of [
    ['no JSON', '{'],
    ['an array', '[]'],
    ['two values', '{} {}'],
    ['members twice', '{"a": 1, "a": 2}'],
    ['a NUL', '{"a": 1}\0'],
    ['what would end the parameters and go on with the frame', '{}, "key": "k"'],
    ['the same, balanced', '{}}, "payload": {"method": "echo", "params": {}'],
  ]) {
    test(`parameters that are ${what} are refused`, async () => {
      const { status, json } = await rpc(gateway.url, alice, 'echo', body);
      assert.equal(status, 400);
      assert.equal(json.code, 'bad_request');
    });
  }

  test('of a poll are checked member by member', async () => {
    for (const body of ['[]', '{', { wait: -1 }, { wait: 'x' }, { subscriptions: {} }, { subscriptions: [1] },
      { subscriptions: [{ channel: 1 }] }, { subscriptions: [{ channel: 'project:1', since: 1 }] }, { since: 7 },
      { subscriptions: [{ channel: 'project:1', types: 'x' }], wait: 0 }]) {
      const { status, json } = await poll(gateway.url, alice, body);
      assert.equal(status, 400, JSON.stringify(body));
      assert.equal(json.code, 'bad_request');
    }
    const many = Array.from({ length: 51 }, (_, i) => ({ channel: `project:${i}` }));
    const { status, json } = await poll(gateway.url, alice, { subscriptions: many, wait: 0 });
    assert.equal(status, 429);
    assert.equal(json.code, 'limit_exceeded');
  });
});

describe('connections that are kept', () => {
  test('serve one request after the other, and end when asked to', async () => {
    const text = await raw(`${SMUGGLED}${SMUGGLED}GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n${SMUGGLED}`);
    assert.deepEqual(statuses(text), [200, 200, 200]);
    assert.deepEqual(answers(text).map((a) => /Connection: (.*)\r/.exec(a)[1]), ['keep-alive', 'keep-alive', 'close']);
    assert.deepEqual(statuses(await raw('GET /healthz HTTP/1.0\r\n\r\n')), [200]);
  });

  test('answer pipelined requests in their order, slow ones first', async () => {
    const slow = post(['Content-Length: 17'], '{"seconds": 0.25}', '/rpc/sleep');
    const quick = (n) => post(['Content-Length: 7'], `{"n":${n}}`, '/rpc/echo');
    const text = await raw(slow + quick(1) + SMUGGLED + quick(2), { until: '{"n": 2}' });
    assert.deepEqual(statuses(text), [200, 200, 200, 200]);
    const order = ['true', '{"n": 1}', 'ok\n', '{"n": 2}'].map((body) => text.indexOf(`\r\n\r\n${body}`));
    assert.ok(order.every((at, i) => at > 0 && (i === 0 || at > order[i - 1])), text);
  });

  test('take thousands of them without growing', async () => {
    const count = 2000;
    const text = await raw(SMUGGLED.repeat(count - 1) + SMUGGLED.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), { timeout: 20000 });
    assert.equal(statuses(text).length, count);
  });

  test('keep nothing of who asked before', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    const on = { agent };
    const first = await poll(gateway.url, alice, { subscriptions: [{ channel: 'project:1' }], wait: 0 }, on);
    sockets.add(Object.values(agent.freeSockets)[0][0]);
    assert.equal(first.json.frames[0].payload.user.id, 'alice');
    assert.equal((await request(`${base()}/sse`, on)).status, 401);
    const second = await poll(gateway.url, bob, { wait: 0 }, on);
    sockets.add(Object.values(agent.freeSockets)[0][0]);
    assert.equal(second.json.frames[0].payload.user.id, 'bob');
    assert.deepEqual(second.json.frames.filter((f) => f.type === 'subscribed'), []);
    assert.equal(sockets.size, 1, 'all on one connection');
    agent.destroy();
    await until(async () => (await gateway.metric('subscriptions')) === 0, { what: 'all subscriptions gone' });
  });
});

describe('pages of others', () => {
  const origin = 'https://app.example.com';
  const stranger = 'https://evil.example.com';

  test('an allowed page may ask, and read the answer', async () => {
    for (const target of ['/sse', '/poll', '/rpc/echo']) {
      const { status, headers } = await request(`${base()}${target}`, { method: 'OPTIONS', headers: { origin } });
      assert.equal(status, 204);
      assert.equal(headers['access-control-allow-origin'], origin);
      assert.match(headers['access-control-allow-headers'], /Authorization.*Idempotency-Key.*Last-Event-ID/);
      assert.equal(headers.vary, 'Origin');
    }
    for (const answer of [
      await rpc(gateway.url, alice, 'echo', {}, { headers: { origin } }),
      await rpc(gateway.url, alice, 'fail.forbidden', {}, { headers: { origin } }),
      await rpc(gateway.url, undefined, 'echo', {}, { headers: { origin } }),
      await poll(gateway.url, alice, { wait: 0 }, { headers: { origin } }),
      await EventStream.open(gateway.url, { token: alice, headers: { origin } }).then((s) => (s.close(), s)),
    ])
      assert.equal(answer.headers['access-control-allow-origin'], origin);
  });

  test('any other is refused, before its token is looked at', async () => {
    const refused = await gateway.metric('origins_refused_total');
    const headers = { origin: stranger };
    for (const answer of [
      await request(`${base()}/poll`, { method: 'OPTIONS', headers }),
      await rpc(gateway.url, alice, 'echo', {}, { headers }),
      await poll(gateway.url, alice, { wait: 0 }, { headers }),
      await EventStream.open(gateway.url, { token: alice, headers }).catch((e) => e),
    ]) {
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      assert.equal(answer.json.code, 'forbidden');
    }
    assert.equal(await gateway.metric('origins_refused_total'), refused + 4);
  });
});

describe('routes', () => {
  test('methods that a path does not have are named', async () => {
    for (const [method, target, allow] of [
      ['POST', '/sse', 'GET, OPTIONS'],
      ['HEAD', '/sse', 'GET, OPTIONS'],
      ['GET', '/poll', 'POST, OPTIONS'],
      ['GET', '/rpc/echo', 'POST, OPTIONS'],
      ['POST', '/healthz', 'GET, HEAD'],
      ['DELETE', '/index.html', 'GET, HEAD'],
      ['ET', '/healthz', 'GET, HEAD'],
    ]) {
      const { status, headers } = await request(`${base()}${target}`, { method, headers: { authorization: `Bearer ${alice}` } });
      assert.equal(status, 405, `${method} ${target}`);
      assert.equal(headers.allow, allow);
    }
  });

  test('a method that can be none is not found', async () => {
    for (const name of ['', 'a%20b', 'a/b', '%2e', 'x'.repeat(129), 'é'])
      assert.equal((await rpc(gateway.url, alice, encodeURI(name))).status, 404, name);
  });

  test('status codes are those of the error table', async () => {
    for (const [method, status, code] of [
      ['fail.forbidden', 403, 'forbidden'],
      ['fail.transition', 422, 'invalid_transition'],
      ['fail.constraint', 409, 'conflict'],
      ['fail.internal', 500, 'internal'],
      ['none', 404, 'not_found'],
    ]) {
      const answer = await rpc(gateway.url, alice, method);
      assert.equal(answer.status, status);
      assert.equal(answer.json.code, code);
      assert.doesNotMatch(answer.text, /secret/);
    }
  });

  test('?token= is taken only where that is switched on', async () => {
    const refused = await EventStream.open(gateway.url, { query: { token: alice } }).catch((e) => e);
    assert.equal(refused.status, 401);
    const lax = await Gateway.start(cluster, { token_in_query: 1, log_level: 'debug' });
    const stream = await EventStream.open(lax.url, { query: { token: alice }, channels: ['project:1'] });
    assert.equal(stream.frames[0].payload.user.id, 'alice');
    stream.close();
    const { status } = await request(`${lax.url.replace('ws', 'http')}poll?token=${alice}`, { method: 'POST' });
    assert.equal(status, 401);
    await lax.stop();
    assert.doesNotMatch(lax.log, /alice:client/);
  });
});

describe('streams and polls', () => {
  test('line ends that a client writes into its JSON do not end a frame of others', async () => {
    const stream = await EventStream.open(gateway.url, { token: bob, channels: ['project:1'] });
    const client = await connect(gateway.url, { token: alice });
    await client.subscribe('project:1');
    client.sendText('{"type":"publish","channel":"project:1","payload":{"type":"cursor","data":{"x":\r\n1,\n\n"y":2}}}');
    const { payload } = await stream.waitFor((f) => f.type === 'cursor');
    assert.deepEqual(payload, { x: 1, y: 2 });
    stream.close();
    client.destroy();
  });

  test('what is for others by role or name is on no transport', async () => {
    const stream = await EventStream.open(gateway.url, { token: alice, channels: ['project:2'] });
    const since = (await poll(gateway.url, alice, { wait: 0 })).json.frames.at(-1).payload.position;
    cluster.emit('for.ops', ['tenant:t1:project:2'], { mask: 2 });
    cluster.emit('for.bob', ['tenant:t1:project:2'], { users: `'{bob}'` });
    cluster.emit('for.all', ['tenant:t1:project:2']);
    await stream.waitFor((f) => f.type === 'for.all');
    const { json } = await poll(gateway.url, alice, { since, subscriptions: [{ channel: 'project:2' }], wait: 0 });
    const types = (frames) => frames.flatMap((f) => [f, ...(f.payload?.events ?? [])]).map((f) => f.type).filter((t) => t.startsWith('for.'));
    assert.deepEqual(types(stream.frames), ['for.all']);
    assert.deepEqual(types(json.frames), ['for.all']);
    stream.close();
  });

  test('a position of another database is said to be one', async () => {
    const stream = await EventStream.open(gateway.url, { token: alice, channels: ['project:1'], lastEventId: 'other.1:1:' });
    const subscribed = await stream.waitFor((f) => f.type === 'subscribed');
    assert.equal(subscribed.payload.recovered, false);
    const { json } = await poll(gateway.url, alice, { since: 'other.1:1:', subscriptions: [{ channel: 'project:1' }] });
    assert.equal(json.frames.find((f) => f.type === 'subscribed').payload.recovered, false);
    stream.close();
  });

  test('who comes back gets what the channels that everybody has brought meanwhile', async () => {
    const { json } = await poll(gateway.url, alice, { wait: 0 });
    const position = json.frames.at(-1).payload.position;
    cluster.emit('note.created', ['tenant:t1:user:alice']);
    const stream = await EventStream.open(gateway.url, { token: alice, lastEventId: position });
    const polled = await poll(gateway.url, alice, { since: position });
    for (const frames of [stream.frames, polled.json.frames]) {
      const events = frames.flatMap((f) => (f.type === 'subscribed' ? f.payload.events : [])).map((e) => e.type);
      assert.deepEqual(events, ['note.created']);
    }
    stream.close();
  });

  test('a client that goes away is noticed', async () => {
    const stream = await EventStream.open(gateway.url, { token: alice });
    await until(async () => (await gateway.metric('streams')) === 1, { what: 'the stream' });
    stream.close();
    await until(async () => (await gateway.metric('streams')) === 0, { what: 'no stream' });
    const waiting = request(`${base()}/poll`, { method: 'POST', headers: { authorization: `Bearer ${alice}` }, body: '{}', timeout: 700 });
    await until(async () => (await gateway.metric('polls_waiting')) === 1, { what: 'the poll' });
    await assert.rejects(waiting);
    await until(async () => (await gateway.metric('polls_waiting')) === 0, { timeout: 3000, what: 'no poll' });
  });

  test('one that does not read is let go and misses nothing', async () => {
    const small = await Gateway.start(cluster, { outbox_max: 65536, heartbeat: 5000 });
    const stream = await EventStream.open(small.url, { token: alice, channels: ['project:3'] });
    await until(() => stream.lastEventId !== '', { what: 'a position' });
    stream.answer.pause();
    const payload = { text: 'x'.repeat(20000) };
    let sent = 0;
    await until(
      async () => {
        for (let i = 0; i < 20; i++) cluster.emit('big', ['tenant:t1:project:3'], { payload: { ...payload, n: sent++ } });
        return (await small.metric('streams')) === 0;
      },
      { timeout: 60000, what: 'the end of the stream' },
    );
    stream.answer.resume();
    await stream.closed;
    const again = await EventStream.open(small.url, { token: alice, channels: ['project:3'], lastEventId: stream.lastEventId });
    const subscribed = await again.waitFor((f) => f.type === 'subscribed' && f.channel.endsWith(':3'));
    assert.equal(subscribed.payload.recovered, true);
    const seen = new Set([...stream.all((f) => f.type === 'big'), ...subscribed.payload.events].map((f) => f.payload.n));
    assert.equal(seen.size, sent);
    again.close();
    await small.stop();
  });

  test('a gap ends a stream, and who comes back is told that it cannot be mended', async () => {
    const torn = await Gateway.start(cluster, { name: 'torn', reconnect_max: 200 });
    const stream = await EventStream.open(torn.url, { token: alice, channels: ['project:1'] });
    await until(() => stream.lastEventId !== '', { what: 'a position' });
    const since = stream.lastEventId;
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = 'mock-2'`);
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`);
    await stream.closed;
    assert.ok(stream.frames.some((f) => f.type === 'gap'));
    assert.equal(stream.frames.at(-1).payload.code, 4430);
    assert.equal(stream.lastEventId, since, 'no position behind the gap');
    await torn.ready();
    const again = await EventStream.open(torn.url, { token: alice, channels: ['project:1'], lastEventId: since });
    assert.equal((await again.waitFor((f) => f.type === 'subscribed')).payload.recovered, false);
    const { json } = await poll(torn.url, alice, { since, subscriptions: [{ channel: 'project:1' }] });
    assert.equal(json.frames.find((f) => f.type === 'subscribed').payload.recovered, false);
    again.close();
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = 'mock-1'`);
    await torn.stop();
    await gateway.ready();
  });

  test('a call that is under way when its connection must end is unavailable, not refused: it may have run', async () => {
    const token = `${alice}:${Date.now() + 1200}`;
    const { status, json } = await rpc(gateway.url, token, 'sleep', { seconds: 4 });
    assert.equal(status, 503);
    assert.equal(json.code, 'unavailable');
  });

  test('SIGTERM ends a stream with bye, answers who waits and lets a call finish', async () => {
    const leaving = await Gateway.start(cluster, { drain_timeout: 4000 });
    const stream = await EventStream.open(leaving.url, { token: alice, channels: ['project:1'] });
    const waiting = poll(leaving.url, alice, { subscriptions: [{ channel: 'project:1' }] });
    const calling = rpc(leaving.url, alice, 'sleep', { seconds: 0.5 });
    await until(async () => (await leaving.metric('polls_waiting')) === 1, { what: 'the poll' });
    await until(() => cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%gateway_call%' AND pid <> pg_backend_pid()`) === '1', { what: 'the call' });
    leaving.process.kill('SIGTERM');
    const polled = await waiting;
    assert.equal(polled.json.frames.at(-1).payload.code, 1012);
    assert.equal(polled.headers.connection, 'close');
    await stream.closed;
    assert.equal(stream.frames.at(-1).type, 'bye');
    const called = await calling;
    assert.equal(called.status, 200);
    assert.equal(called.text, 'true');
    assert.deepEqual(await leaving.exited, { code: 0, signal: null });
  });

  test('without the database requests are answered unavailable, with when to try again', async () => {
    const alone = await Gateway.start({ conninfo: 'host=127.0.0.1 port=1' }, { wait: false });
    await until(() => /listening/.test(alone.log), { what: 'the gateway to listen' });
    for (const answer of [
      await EventStream.open(alone.url, { token: alice }).catch((e) => e),
      await poll(alone.url, alice, { wait: 0 }),
      await rpc(alone.url, alice, 'echo'),
    ]) {
      assert.equal(answer.status, 503);
      assert.equal(answer.json.code, 'unavailable');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    await alone.stop();
  });
});
