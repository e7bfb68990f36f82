// The gateway end to end, against mock_db.sql: what it promises to clients.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Gateway, sleep, stand, until } from './harness.mjs';
import { connect, event } from './ws_client.mjs';

const alice = 't1:alice:client';
const olga = 't1:olga:ops';
const bob = 't2:bob:client';

let cluster;
let gateway;

stand({}, (made) => ({ cluster, gateway } = made));

describe('connecting', () => {
  test('the connect frame is answered with who one is and where the stream stands', async () => {
    const c = await connect(gateway.url, { token: alice });
    assert.equal(c.protocol, 'wrk.v1');
    assert.equal(c.hello.payload.tenant, 't1');
    assert.equal(c.hello.payload.user.id, 'alice');
    assert.deepEqual(c.hello.payload.channels, ['tenant:t1', 'tenant:t1:user:alice']);
    assert.match(c.hello.payload.position, /^mock-1\.\d+:\d+:/);
    assert.equal(c.hello.payload.resumed, false);
    await c.close();
  });

  test('a token may come as a second sub-protocol, however long', async () => {
    const c = await connect(gateway.url, { bearerToken: `t1:alice:client${'x'.repeat(3000)}` });
    assert.equal(c.protocol, 'wrk.v1');
    assert.equal(c.hello.payload.user.id, 'alice');
    await c.close();
  });

  test('a refused token is told and closes 4401', async () => {
    const c = await connect(gateway.url);
    const answer = await c.request({ type: 'connect', payload: { token: 'nonsense' } });
    assert.equal(answer.payload.code, 'unauthorized');
    assert.equal((await c.waitClosed()).code, 4401);
    assert.equal(c.frames.at(-1).type, 'bye');
  });

  test('a suspended tenant is closed 4503: do not come back', async () => {
    const c = await connect(gateway.url);
    await c.request({ type: 'connect', payload: { token: 'suspended' } });
    assert.equal((await c.waitClosed()).code, 4503);
  });

  test('an unknown sub-protocol is accepted, then closed 4505', async () => {
    const c = await connect(gateway.url, { protocols: ['wrk.v9'] });
    assert.equal(c.protocol, 'wrk.v9');
    assert.equal((await c.waitClosed()).code, 4505);
  });

  test('nothing but connect is served before the token', async () => {
    const c = await connect(gateway.url);
    const answer = await c.request({ type: 'subscribe', channel: 'project:1' });
    assert.equal(answer.payload.code, 'unauthorized');
    assert.equal((await c.request({ type: 'ping' })).type, 'pong');
    await c.close();
  });

  test('a second connect is refused, the connection lives', async () => {
    const c = await connect(gateway.url, { token: alice });
    const answer = await c.request({ type: 'connect', payload: { token: alice } });
    assert.equal(answer.payload.code, 'bad_request');
    await c.subscribe('project:1');
    await c.close();
  });

  test('a token can be refreshed, but not for somebody else', async () => {
    const c = await connect(gateway.url, { token: alice });
    const later = Date.now() + 3600_000;
    const fresh = await c.requireAnswer({ type: 'auth', payload: { token: `${alice}:${later}` } });
    assert.equal(fresh.payload.expiresAt, later);
    const stolen = await c.request({ type: 'auth', payload: { token: bob } });
    assert.equal(stolen.payload.code, 'forbidden');
    assert.equal((await c.call('echo', { a: 1 })).payload.a, 1);
    await c.close();
  });
});

describe('subscriptions', () => {
  test('a change reaches the subscribers of its channel, and nobody else', async () => {
    const [a, o, b] = await Promise.all([alice, olga, bob].map((token) => connect(gateway.url, { token })));
    for (const c of [a, o, b]) await c.subscribe('project:7');
    const id = cluster.emit('task.updated', ['tenant:t1:project:7'], { payload: { n: 1 } });
    for (const c of [a, o]) {
      const f = await c.waitFor(event('task.updated'));
      assert.equal(f.id, id);
      assert.equal(f.channel, 'tenant:t1:project:7');
      assert.deepEqual(f.payload, { n: 1 });
      assert.equal(typeof f.timestamp, 'number');
    }
    const position = await a.waitFor((f) => f.type === 'position');
    assert.match(position.payload.position, /^mock-1\./);
    cluster.emit('task.updated', ['tenant:t2:project:7']);
    await b.waitFor(event('task.updated'));
    assert.equal(b.all(event('task.updated')).length, 1);
    await Promise.all([a, o, b].map((c) => c.close()));
  });

  test('events for some roles or users reach exactly those, in order', async () => {
    const [a, o] = await Promise.all([alice, olga].map((token) => connect(gateway.url, { token })));
    for (const c of [a, o]) await c.subscribe('project:8');
    cluster.sql(`BEGIN;
      SELECT wrk.mock_emit('m.1', '{}', '{tenant:t1:project:8}');
      SELECT wrk.mock_emit('m.2', '{}', '{tenant:t1:project:8}', 2);
      SELECT wrk.mock_emit('m.3', '{}', '{tenant:t1:project:8}', NULL, '{alice}');
      SELECT wrk.mock_emit('m.4', '{}', '{tenant:t1:project:8}', 4, '{olga}');
      SELECT wrk.mock_emit('m.5', '{}', '{tenant:t1:project:8}');
      COMMIT;`);
    await Promise.all([a, o].map((c) => c.waitFor(event('m.5'))));
    const types = (c) => c.frames.filter((f) => f.type.startsWith('m.')).map((f) => f.type);
    assert.deepEqual(types(a), ['m.1', 'm.3', 'm.5']);
    assert.deepEqual(types(o), ['m.1', 'm.2', 'm.4', 'm.5']);
    await Promise.all([a, o].map((c) => c.close()));
  });

  test('default channels need no subscribe', async () => {
    const a = await connect(gateway.url, { token: alice });
    cluster.emit('notification.created', ['tenant:t1:user:alice']);
    await a.waitFor(event('notification.created'));
    await a.close();
  });

  test('what does not exist and what is not mine get the same answer', async () => {
    const a = await connect(gateway.url, { token: alice });
    const missing = await a.request({ type: 'subscribe', channel: 'project:404' });
    const foreign = await a.request({ type: 'subscribe', channel: 'tenant:t2:project:1' });
    assert.equal(missing.payload.code, 'not_found');
    assert.deepEqual(missing.payload, foreign.payload);
    await a.close();
  });

  test('since replays what was missed, and the position after it continues', async () => {
    const a = await connect(gateway.url, { token: alice });
    const first = await a.subscribe('project:9');
    await a.close();
    const ids = [1, 2, 3].map((n) => cluster.emit(`r.${n}`, ['tenant:t1:project:9']));
    cluster.emit('r.secret', ['tenant:t1:project:9'], { mask: 2 });
    const again = await connect(gateway.url, { token: alice });
    const answer = await again.subscribe('project:9', { since: first.payload.position });
    assert.equal(answer.payload.recovered, true);
    assert.deepEqual(answer.payload.events.map((e) => e.id), ids);
    const nothing = await again.subscribe('project:9', { since: answer.payload.position });
    assert.deepEqual(nothing.payload.events, []);
    const live = cluster.emit('r.live', ['tenant:t1:project:9']);
    assert.equal((await again.waitFor(event('r.live'))).id, live);
    assert.equal(again.all(event('r.live')).length, 1);
    await again.close();
  });

  test('nothing is missed or doubled when writers never pause', async () => {
    const writer = (async () => {
      for (let i = 0; i < 30; i++) {
        cluster.sql(`SELECT wrk.mock_emit('w.${i}', '{}', '{tenant:t1:project:10}') FROM generate_series(1, 10)`);
        await sleep(1);
      }
    })();
    const seen = [];
    let position = (await (await connect(gateway.url, { token: alice })).subscribe('project:10', {})).payload.position;
    const start = position;
    for (let round = 0; round < 10; round++) {
      const c = await connect(gateway.url, { token: alice });
      const answer = await c.subscribe('project:10', { since: position });
      assert.equal(answer.payload.recovered, true);
      await sleep(30);
      c.destroy();
      const events = [...answer.payload.events];
      position = answer.payload.position;
      const rest = [];
      for (const f of c.frames) {
        if (f.type.startsWith('w.')) rest.push(f);
        // a position is only a promise about what came before it
        if (f.type === 'position') {
          position = f.payload.position;
          events.push(...rest.splice(0));
        }
      }
      seen.push(...events.map((e) => e.id));
    }
    await writer;
    const c = await connect(gateway.url, { token: alice });
    const last = await c.subscribe('project:10', { since: position });
    seen.push(...last.payload.events.map((e) => e.id));
    const all = await c.subscribe('project:10', { since: start });
    const expected = all.payload.events.map((e) => e.id);
    assert.equal(new Set(seen).size, seen.length, 'twice');
    assert.deepEqual([...seen].sort((x, y) => x - y), expected.sort((x, y) => x - y));
    await c.close();
  });

  test('a position of another database is not recovered', async () => {
    const a = await connect(gateway.url, { token: alice });
    const answer = await a.subscribe('project:9', { since: 'other-1.1:1:' });
    assert.equal(answer.payload.recovered, false);
    assert.deepEqual(answer.payload.events, []);
    cluster.emit('n.1', ['tenant:t1:project:9']);
    await a.waitFor(event('n.1'));
    await a.close();
  });

  test('after unsubscribe nothing comes', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:11');
    const bye = await a.unsubscribe('project:11');
    assert.equal(bye.type, 'unsubscribed');
    assert.equal(bye.channel, 'tenant:t1:project:11');
    cluster.emit('u.1', ['tenant:t1:project:11']);
    cluster.emit('u.2', ['tenant:t1:user:alice']);
    await a.waitFor(event('u.2'));
    assert.equal(a.all(event('u.1')).length, 0);
    assert.equal((await a.request({ type: 'unsubscribe', channel: 'project:11' })).payload.code, 'not_found');
    await a.close();
  });

  test('fifty subscriptions and no more', async () => {
    const a = await connect(gateway.url, { token: alice });
    for (let i = 0; i < 48; i++) await a.subscribe(`project:${1000 + i}`);
    const answer = await a.request({ type: 'subscribe', channel: 'project:2000' });
    assert.equal(answer.payload.code, 'limit_exceeded');
    await a.subscribe('project:1000');
    await a.close();
  });

  test('an event of 1 MB arrives whole', async () => {
    const a = await connect(gateway.url, { token: alice });
    await a.subscribe('project:12');
    cluster.sql(
      `SELECT wrk.mock_emit('big', jsonb_build_object('text', repeat('x', 1048576)), '{tenant:t1:project:12}')`,
    );
    const f = await a.waitFor(event('big'));
    assert.equal(f.payload.text.length, 1048576);
    await a.close();
  });

  test('a fetch of many pages arrives whole and in order', async () => {
    const small = await Gateway.start(cluster, { fetch_rows: 10 });
    const a = await connect(small.url, { token: alice });
    await a.subscribe('project:13');
    cluster.sql(`SELECT wrk.mock_emit('p', jsonb_build_object('n', n), '{tenant:t1:project:13}') FROM generate_series(1, 555) n`);
    await until(() => a.all(event('p')).length === 555);
    assert.deepEqual(a.all(event('p')).map((f) => f.payload.n), Array.from({ length: 555 }, (_, i) => i + 1));
    await a.close();
    await small.stop();
  });
});

describe('publish', () => {
  test('ephemeral events reach the others of the channel, not the sender', async () => {
    const [a, o] = await Promise.all([alice, olga].map((token) => connect(gateway.url, { token })));
    for (const c of [a, o]) await c.subscribe('project:20');
    a.publish('project:20', 'cursor', { x: 1 });
    const f = await o.waitFor((x) => x.type === 'cursor');
    assert.deepEqual(f, {
      type: 'cursor', channel: 'tenant:t1:project:20', payload: { x: 1 }, sender_id: 'alice', ephemeral: true,
    });
    o.send({ type: 'typing_start', channel: 'project:20', payload: {} });
    await a.waitFor((x) => x.type === 'typing_start');
    assert.equal(a.all((x) => x.type === 'cursor').length, 0);
    await Promise.all([a, o].map((c) => c.close()));
  });

  test('only in a channel one is in, only with the right, never as an event of the database', async () => {
    const a = await connect(gateway.url, { token: alice });
    const publish = (channel, type) => a.request({ type: 'publish', channel, payload: { type, data: {} } });
    assert.equal((await publish('project:21', 'cursor')).payload.code, 'not_found');
    await a.subscribe('project:403');
    assert.equal((await publish('project:403', 'cursor')).payload.code, 'forbidden');
    await a.subscribe('project:21');
    assert.equal((await publish('project:21', 'task.updated')).payload.code, 'bad_request');
    assert.equal((await publish('project:21', 'gap')).payload.code, 'bad_request');
    assert.equal((await publish('project:21', 'cursor')).type, 'result');
    await a.close();
  });
});

describe('call', () => {
  test('runs in the database and answers with the id of its event', async () => {
    const [a, o] = await Promise.all([alice, olga].map((token) => connect(gateway.url, { token })));
    await o.subscribe('project:30');
    const result = await a.call('message.send', { project: 30, text: 'hi "there"\n' }, 'key-1');
    const f = await o.waitFor(event('message.created'));
    assert.equal(f.id, result.id);
    assert.equal(f.sender_id, 'alice');
    assert.equal(f.key, 'key-1');
    assert.equal(f.payload.text, 'hi "there"\n');
    await Promise.all([a, o].map((c) => c.close()));
  });

  test('however many slow ones a tenant has, others can connect, subscribe and call', async () => {
    const crowded = await Gateway.start(cluster);
    const hog = await connect(crowded.url, { token: alice });
    const calls = Array.from({ length: 30 }, () => hog.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 30 } } }, { timeout: 60000 }));
    const ended = Promise.allSettled(calls);
    await until(async () => cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%gateway_call%' AND wait_event = 'PgSleep'`) >= '2');
    const b = await connect(crowded.url, { token: bob });
    await b.subscribe('project:32');
    await b.subscribe('project:32', { since: b.hello.payload.position });
    assert.deepEqual((await b.request({ type: 'call', payload: { method: 'echo', params: { n: 1 } } })).payload, { n: 1 });
    await b.close();
    hog.destroy();
    await crowded.stop();
    await ended;
  });

  test('names of the source systems are calls, too', async () => {
    const a = await connect(gateway.url, { token: alice });
    const answer = await a.request({ type: 'message', payload: { project: 31, text: 'x' } });
    assert.equal(answer.type, 'result');
    // the key is the call's, not one of the function's parameters, which refuses those it does not know
    const keyed = await a.request({ type: 'message', payload: { project: 31, text: 'x', key: 'k1' } });
    assert.deepEqual(keyed.payload, { params: { project: 31, text: 'x' }, key: 'k1' });
    assert.equal((await a.request({ type: 'change', payload: { key: 7 } })).payload.code, 'bad_request');
    assert.equal((await a.request({ type: 'lock', payload: {} })).payload.code, 'not_found');
    await a.close();
  });

  test('numbers reach the database as they were written', async () => {
    const a = await connect(gateway.url, { token: alice });
    const numbers = { price: '0.1', rest: '1.10', long: '12345678901234567.25', huge: '18446744073709551616' };
    const params = `{${Object.entries(numbers).map(([name, digits]) => `"${name}":${digits}`)}}`;
    a.sendText(`{"type":"call","requestId":"n","payload":{"method":"echo.text","params":${params}}}`);
    const { payload } = await a.waitFor((f) => f.requestId === 'n');
    for (const [name, digits] of Object.entries(numbers)) assert.match(payload, new RegExp(`"${name}": ${digits}[,}]`));
    await a.close();
  });

  test('errors keep their code and details; the inside stays inside', async () => {
    const a = await connect(gateway.url, { token: alice });
    const refused = await a.request({ type: 'call', payload: { method: 'fail.transition' } });
    assert.equal(refused.payload.code, 'invalid_transition');
    assert.equal(refused.payload.status, 422);
    assert.deepEqual(refused.payload.details, { from: 'draft', to: 'live', allowed: ['review'] });
    const internal = await a.request({ type: 'call', payload: { method: 'fail.internal' } });
    assert.equal(internal.payload.code, 'internal');
    assert.ok(!JSON.stringify(internal).includes('secret'));
    const constraint = await a.request({ type: 'call', payload: { method: 'fail.constraint' } });
    assert.equal(constraint.payload.code, 'conflict');
    assert.doesNotMatch(JSON.stringify(constraint), /inner/);
    await a.close();
  });

  test('what a client makes the database say cannot forge the log', async () => {
    const a = await connect(gateway.url, { token: alice });
    const text = 'x" level=error msg="all is lost"\n2030-01-01 level=error msg="all is lost';
    await a.request({ type: 'call', payload: { method: 'fail.text', params: { text } } });
    await until(() => gateway.log.includes('all is lost'));
    const line = gateway.log.split('\n').find((l) => l.includes('all is lost'));
    const fields = line.replaceAll(/"(\\.|[^"\\])*"/g, 'text').split(' ');
    const whose = ['address=127.0.0.1', 'tenant=text', 'user=text', 'request=text'];
    assert.deepEqual(fields.slice(1), ['level=warn', 'msg=text', ...whose, 'sqlstate=P0001', 'reason=text']);
    await a.close();
  });
});

describe('limits', () => {
  test('too many frames are refused with retryAfter; going on closes 4429', async () => {
    const strict = await Gateway.start(cluster, { rate_limit: 10, rate_burst: 10, abuse_limit: 50 });
    const a = await connect(strict.url, { token: alice });
    for (let i = 0; i < 30; i++) a.send({ type: 'ping', requestId: i });
    const refused = await a.waitFor((f) => f.type === 'error');
    assert.equal(refused.payload.code, 'rate_limited');
    assert.ok(refused.payload.retryAfter > 0);
    await sleep(refused.payload.retryAfter + 200);
    assert.equal((await a.request({ type: 'ping' })).type, 'pong');
    for (let i = 0; i < 200; i++) a.send({ type: 'ping', requestId: i });
    assert.equal((await a.waitClosed()).code, 4429);
    await strict.stop();
  });

  test('no token in time closes 4408', async () => {
    const hasty = await Gateway.start(cluster, { auth_timeout: 200 });
    const a = await connect(hasty.url);
    assert.equal((await a.waitClosed()).code, 4408);
    await hasty.stop();
  });

  test('silence is pinged, then closed 4408; an answering client lives and gets positions', async () => {
    // longer than a psql holds this process up, during which nobody here answers
    const nervous = await Gateway.start(cluster, { heartbeat: 600, poll_safety: 100 });
    const [alive, mute] = await Promise.all([
      connect(nervous.url, { token: alice }),
      connect(nervous.url, { token: alice, autoPong: false }),
    ]);
    assert.equal((await mute.waitClosed()).code, 4408);
    assert.equal(mute.all((f) => f.type === 'ping').length, 2);
    assert.ok(alive.isOpen);
    const before = alive.hello.payload.position;
    cluster.sql('SELECT pg_current_xact_id()');
    await alive.waitFor((f) => f.type === 'position' && f.payload.position !== before);
    await alive.close();
    await nervous.stop();
  });

  test('an expiring token is announced, an expired one closes 4401', async () => {
    const strict = await Gateway.start(cluster, { token_grace: 100 });
    const a = await connect(strict.url, { token: `${alice}:${Date.now() + 2500}` });
    const warning = await a.waitFor((f) => f.type === 'token_expiring');
    assert.ok(warning.payload.expiresAt > Date.now());
    assert.equal((await a.waitClosed()).code, 4401);
    await strict.stop();
  });

  test('replays that are not read are not piled up', async () => {
    const tight = await Gateway.start(cluster, { outbox_max: 65536 });
    const channels = Array.from({ length: 12 }, (_, i) => `project:${3000 + i}`);
    const a = await connect(tight.url, { token: alice });
    const since = a.hello.payload.position;
    for (const channel of channels) {
      cluster.sql(`SELECT wrk.mock_emit('l', jsonb_build_object('fill', repeat('x', 500000)), '{tenant:t1:${channel}}') FROM generate_series(1, 4)`);
    }
    const asked = await tight.metric('requests_total');
    a.pause();
    const answers = channels.map((channel) => a.subscribe(channel, { since }, { timeout: 30000 }));
    await until(async () => (await tight.metric('requests_total')) >= asked + 2 * channels.length);
    a.resume();
    const payloads = (await Promise.all(answers)).map((f) => f.payload);
    assert.ok(payloads.some((p) => !p.recovered && p.events.length === 0));
    assert.ok(payloads.every((p) => !p.recovered || p.events.length === 4));
    await a.close();
    await tight.stop();
  });

  test('who takes nothing after a gap is closed 4430 and loses nothing when it resumes', async () => {
    const tight = await Gateway.start(cluster, { outbox_max: 65536, replay_rows: 100000, slow_timeout: 1000 });
    const a = await connect(tight.url, { token: alice });
    const { payload } = await a.subscribe('project:40');
    a.pause();
    let sent = 0;
    await until(
      async () => {
        cluster.sql(
          `SELECT wrk.mock_emit('s', jsonb_build_object('n', n, 'fill', repeat('x', 20000)), '{tenant:t1:project:40}')
           FROM generate_series(${sent + 1}, ${sent + 200}) n`,
        );
        sent += 200;
        return (await tight.metric('slow_gaps_total')) === 1;
      },
      { timeout: 30000 },
    );
    await until(async () => (await tight.metric('slow_consumers_total')) === 1);
    a.resume();
    await a.waitClosed();
    const got = a.all(event('s')).length;
    assert.ok(got < sent);
    const positions = a.all((f) => f.type === 'position');
    const position = positions.length ? positions.at(-1).payload.position : payload.position;
    const b = await connect(tight.url, { token: alice });
    const answer = await b.subscribe('project:40', { since: position }, { timeout: 30000 });
    const numbers = new Set([...a.all(event('s')), ...answer.payload.events].map((e) => e.payload.n));
    assert.equal(numbers.size, sent);
    await b.close();
    await tight.stop();
  });
});

describe('HTTP', () => {
  test('/healthz, /readyz, /metrics, and nothing else', async () => {
    assert.equal((await gateway.get('/healthz')).text, 'ok\n');
    const ready = JSON.parse((await gateway.get('/readyz')).text);
    assert.equal(ready.database, 'up');
    assert.match((await gateway.get('/metrics')).text, /^# TYPE wrk_gateway_connections gauge$/m);
    assert.equal((await gateway.get('/nothing')).status, 404);
  });
});
