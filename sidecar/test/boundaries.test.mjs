// Where exactness is decided: between the pages of a fetch, behind a replay, at a gap.
//
// Gates in the mock's functions hold a page or a replay until the test lets it go, so that what must happen
// in between does.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Sql } from '../../tools/lab.mjs';
import { Cluster, Gateway, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';
const olga = 't1:olga:ops';
const PAGE = 8;
const EVENTS = 20;
const GATE = { page: 1, replay: 2 };

let cluster;
let gateway;
let keeper;
let channel;
let clients;
let count = 0;

before(async () => {
  cluster = await Cluster.start();
  cluster.sql(`
    CREATE FUNCTION wrk.gate(n int) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock_shared(n); SELECT pg_advisory_unlock_shared(n)';
    ALTER FUNCTION wrk.gateway_fetch RENAME TO mock_fetch;
    CREATE FUNCTION wrk.gateway_fetch(since text, upto text, after_id bigint, max_rows int, known text)
    RETURNS SETOF wrk.gateway_event LANGUAGE plpgsql AS $$
    BEGIN
      IF after_id > 0 THEN PERFORM wrk.gate(${GATE.page}); END IF;
      RETURN QUERY SELECT * FROM wrk.mock_fetch(since, upto, after_id, max_rows, known);
    END $$;
    ALTER FUNCTION wrk.gateway_replay RENAME TO mock_replay;
    CREATE FUNCTION wrk.gateway_replay(token text, channel text, since text, upto text, max_rows int)
    RETURNS SETOF wrk.gateway_event LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM wrk.gate(${GATE.replay});
      RETURN QUERY SELECT * FROM wrk.mock_replay(token, channel, since, upto, max_rows);
    END $$`);
  keeper = new Sql('psql', process.env, ['-d', cluster.conninfo]);
  gateway = await Gateway.start(cluster, { fetch_rows: PAGE, poll_safety: 600000, heartbeat: 600000 });
});

after(async () => {
  await keeper.close();
  const end = await gateway?.stop();
  await cluster?.stop();
  assert.deepEqual(end, { code: 0, signal: null });
});

// every test has a channel of its own
beforeEach(() => {
  channel = `project:${++count}`;
  clients = [];
});

afterEach(async () => {
  await keeper.query('SELECT pg_advisory_unlock_all()');
  for (const client of clients) await client.close();
  await gateway.ready();
});

const canonical = () => `tenant:t1:${channel}`;

async function client(token) {
  const one = await connect(gateway.url, { token });
  clients.push(one);
  return one;
}

const shut = (gate) => keeper.query(`SELECT pg_advisory_lock(${gate})`);
const open = (gate) => keeper.query(`SELECT pg_advisory_unlock(${gate})`);

const waiting = (gate, n = 1) =>
  until(() => Number(cluster.sql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${gate} AND NOT granted`)) === n, {
    what: `${n} waiting at gate ${gate}`,
  });

// EVENTS events in one transaction: three pages
const emitPages = () =>
  cluster.sql(`SELECT wrk.mock_emit('p', jsonb_build_object('n', n), '{${canonical()}}') FROM generate_series(1, ${EVENTS}) n`);

// Everything of the channel that reached the client, in order, replays included.
function seen(one) {
  const events = one.frames.flatMap((f) => (f.type === 'subscribed' ? f.payload.events : f.id === undefined ? [] : [f]));
  return events.filter((e) => e.channel === canonical());
}

const numbers = (one) => seen(one).filter((e) => e.type === 'p').map((e) => e.payload.n);
const oneTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

// Waits until what was committed before has passed.
async function fence(...all) {
  const id = cluster.emit('fence', [canonical()]);
  await Promise.all(all.map((one) => one.waitFor((f) => f.type === 'fence' && f.id === id)));
}

const endFeed = () =>
  cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'wrk_copilot_gateway' AND query LIKE '%gateway_fetch%'`);

describe('between two pages', () => {
  // one client has the first page, the second one waits at the gate
  async function halfway() {
    const a = await client(alice);
    await a.subscribe(channel);
    await shut(GATE.page);
    emitPages();
    await waiting(GATE.page);
    await until(() => numbers(a).length === PAGE);
    return a;
  }

  test('who joins gets nothing that was before its position, and everything after', async () => {
    const a = await halfway();
    const b = await client(olga);
    await b.subscribe(channel);
    await open(GATE.page);
    await fence(a, b);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
    assert.deepEqual(numbers(b), []);
  });

  test('subscribing again without a position loses nothing of the pages to come', async () => {
    const a = await halfway();
    const { payload } = await a.subscribe(channel);
    await open(GATE.page);
    await fence(a);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
    const b = await client(olga);
    const again = await b.subscribe(channel, { since: payload.position });
    assert.equal(again.payload.events.filter((e) => e.type === 'p').length, EVENTS, 'the position claims no more than was delivered');
  });

  test('a feed that is lost goes on with the next page, for those who joined as well', async () => {
    const a = await halfway();
    const b = await client(olga);
    await b.subscribe(channel);
    endFeed();
    await a.waitFor((f) => f.type === 'status' && f.payload.database === 'up');
    await open(GATE.page);
    await fence(a, b);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
    assert.deepEqual(numbers(b), []);
  });

  test('a page that fails is asked for again, and only that', async () => {
    const a = await halfway();
    cluster.sql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'wrk_copilot_gateway' AND query LIKE '%gateway_fetch%' AND wait_event_type = 'Lock'`);
    await until(async () => (await gateway.metric('fetch_errors_total')) > 0);
    await open(GATE.page);
    await fence(a);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
  });
});

describe('behind a replay', () => {
  test('a replay overtaken by a later one doubles nothing', async () => {
    const a = await client(alice);
    const since = a.hello.payload.position;
    await shut(GATE.replay);
    const first = a.request({ type: 'subscribe', channel, payload: { since } });
    await waiting(GATE.replay, 1);
    emitPages();
    const second = a.subscribe(channel, { since });
    await waiting(GATE.replay, 2);
    await open(GATE.replay);
    assert.equal((await first).payload.code, 'conflict');
    await second;
    await fence(a);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
  });

  test('a replay overtaken by a plain subscribe loses nothing of the stream there was', async () => {
    const a = await client(alice);
    const { payload } = await a.subscribe(channel);
    await shut(GATE.replay);
    const first = a.request({ type: 'subscribe', channel, payload: { since: payload.position } });
    await waiting(GATE.replay);
    emitPages();
    const id = cluster.emit('other', ['tenant:t1:user:alice']);
    await a.waitFor((f) => f.id === id);
    await a.subscribe(channel);
    await open(GATE.replay);
    assert.equal((await first).payload.code, 'conflict');
    await fence(a);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
  });

  test('no position comes before the replay, also of other channels', async () => {
    const a = await client(alice);
    await shut(GATE.replay);
    const answer = a.subscribe(channel, { since: a.hello.payload.position });
    await waiting(GATE.replay);
    const id = cluster.emit('other', ['tenant:t1:user:alice']);
    await a.waitFor((f) => f.id === id);
    await a.request({ type: 'ping' });
    assert.equal(a.all((f) => f.type === 'position').length, 0);
    await open(GATE.replay);
    await answer;
    await a.waitFor((f) => f.type === 'position');
  });

  test('what is asked for wrongly does not end the subscription there was', async () => {
    const a = await client(alice);
    await a.subscribe(channel);
    const refused = await a.request({ type: 'subscribe', channel, payload: { since: 'mock-1.nonsense' } });
    assert.equal(refused.payload.code, 'bad_request');
    emitPages();
    await fence(a);
    assert.deepEqual(numbers(a), oneTo(EVENTS));
  });
});

describe('refusals', () => {
  test('who may not join again is not in any more', async () => {
    const [a, b] = [await client(alice), await client(olga)];
    for (const one of [a, b]) await one.subscribe(channel);
    cluster.sql(`INSERT INTO wrk.mock_closed VALUES ('${channel}')`);
    assert.equal((await a.request({ type: 'subscribe', channel })).payload.code, 'not_found');
    emitPages();
    await fence(b);
    await a.request({ type: 'ping' });
    assert.deepEqual(numbers(a), []);
  });
});

describe('at a gap', () => {
  const setEpoch = (epoch) => {
    cluster.sql(`UPDATE wrk.mock_setting SET epoch = '${epoch}'`);
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway'`);
  };

  test('neither position nor event comes until its channel is subscribed again', async () => {
    const a = await client(alice);
    await a.subscribe(channel);
    setEpoch('mock-2');
    await a.waitFor((f) => f.type === 'gap' && f.channel === canonical());
    await a.waitFor((f) => f.type === 'status' && f.payload.database === 'up');
    const b = await client(alice);
    await b.subscribe(channel);
    await fence(b);
    await a.request({ type: 'ping' });
    assert.equal(a.all((f) => f.type === 'fence').length, 0);
    assert.equal(a.all((f) => f.type === 'position').length, 0);
    for (const name of [...a.hello.payload.channels, channel]) await a.subscribe(name, { since: a.hello.payload.position });
    await fence(a);
    const { payload } = await a.waitFor((f) => f.type === 'position');
    assert.match(payload.position, /^mock-2\./);
    setEpoch('mock-1');
    await a.waitFor((f) => f.type === 'gap', { from: a.frames.length });
  });
});
