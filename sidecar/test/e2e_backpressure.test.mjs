// Slow clients: each gets every critical event once and in order, costs what it may cost, and nobody else
// notices.
//
//   SLOW_BYTES=1024 SLOW_EVENTS=300   how slow the first one is, and how many events it gets

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { World, connect, northwind, people, sample, until } from './e2e.mjs';
import { SlowLine, SlowReader, percentile } from './slow.mjs';

const { clara, oskar, ada } = people;
const PROJECT = `project:${northwind.project}`;
const CANONICAL = `tenant:${northwind.id}:${PROJECT}`;
const SLOW_BYTES = Number(process.env.SLOW_BYTES ?? 16384);
const SLOW_EVENTS = Number(process.env.SLOW_EVENTS ?? 600);
const OUTBOX_MAX = 65536;
const EPHEMERAL_MAX = 8192;

describe('backpressure', { timeout: 300000 + (SLOW_EVENTS * 2e6) / SLOW_BYTES }, () => {
  const world = new World('backpressure', {
    options: {
      outbox_max: OUTBOX_MAX, ephemeral_max: EPHEMERAL_MAX, write_max: 4096, slow_timeout: 2000, replay_rows: 100000,
      user_connections: 0, user_subscribes_second: 0, user_publishes_second: 0,
    },
  });
  const lines = [];
  const readers = [];
  before(() => world.open());
  afterEach(async () => {
    await Promise.all(readers.splice(0).map((reader) => reader.stop()));
    for (const line of lines.splice(0)) line.close();
    await until('nothing to be left', async () => (await metrics()).outbox_bytes === 0);
  });
  after(() => world.close());

  async function slowLine(...options) {
    lines.push(await new SlowLine().open(world.gateway, ...options));
    return lines.at(-1);
  }

  async function slowReader(line, person = clara) {
    readers.push(new SlowReader({ url: line.url, token: () => world.token(person), channel: PROJECT }));
    return readers.at(-1).start();
  }

  async function metrics() {
    const { text } = await world.gateway.get('/metrics');
    return new Proxy({}, { get: (_, name) => sample(text, name) });
  }

  let written = 0;
  // emits events of `size` bytes and some, `rate` a second; each says when and which it is
  async function write(count, { rate = 200, size = 100 } = {}) {
    const first = written + 1;
    for (let i = 0; i < count; i += 20) {
      const n = Math.min(20, count - i);
      await world.sql.query(`SELECT count(wrk.emit('busy.event', jsonb_build_object('n', n,
          't', extract(epoch FROM clock_timestamp()) * 1000, 'fill', repeat('x', ${size})), '{${CANONICAL}}', tenant_id => '${northwind.id}'))
        FROM generate_series(${written + 1}, ${written + n}) n`);
      written += n;
      await pause((n / rate) * 1000);
    }
    return first;
  }

  const numberOf = ({ type, payload }) => (type === 'busy.event' ? payload.n : undefined);

  // ms from the statement to the frame, of what came while `work` ran
  async function latencies(client, work) {
    const from = client.frames.length;
    const first = await write(0);
    await work();
    await client.waitFor((f) => numberOf(f) === written, { from, timeout: 30000 });
    return client.frames.slice(from).filter((f) => numberOf(f) >= first)
      .map((f) => performance.timeOrigin + client.receivedAt(f) - f.payload.t);
  }

  const figures = (list) => `p50 ${percentile(list, 50).toFixed(1)} ms, p95 ${percentile(list, 95).toFixed(1)} ms`;

  async function reached(reader, first) {
    await until('the slow one to have the last', () => reader.events.some((e) => numberOf(e) === written), { timeout: 120000 + (SLOW_EVENTS * 2e6) / SLOW_BYTES });
    const numbers = reader.numbers(numberOf).filter((n) => n >= first);
    assert.deepEqual(numbers, Array.from({ length: written - first + 1 }, (_, i) => first + i), 'each once, in order');
    assert.equal(reader.unrecovered, 0);
  }

  test('a slow client in a busy room gets every event once, in order; its queue stays below the cap', async (t) => {
    const fast = await world.client(oskar);
    await fast.subscribe(PROJECT);
    const alone = await latencies(fast, () => write(400));
    const line = await slowLine(SLOW_BYTES, { buffer: Math.min(4096, SLOW_BYTES) });
    const reader = await slowReader(line);
    const before = await metrics();
    let most = 0;
    let over = false;
    const watch = (async () => {
      while (!over) {
        most = Math.max(most, (await metrics()).outbox_bytes);
        await pause(20);
      }
    })();
    const first = written + 1;
    const beside = await latencies(fast, () => write(SLOW_EVENTS, { rate: 1000 }));
    await reached(reader, first);
    over = true;
    await watch;
    const now = await metrics();
    t.diagnostic(`others alone: ${figures(alone)}; beside the slow one: ${figures(beside)}`);
    t.diagnostic(`slow one: ${reader.gaps} gaps, ${reader.duplicates} came twice and were dropped, closes ${reader.closes}`);
    t.diagnostic(`most unsent ${most} bytes, cap ${OUTBOX_MAX}; resident ${before.process_resident_memory_bytes} -> ${now.process_resident_memory_bytes}`);
    assert.ok(reader.gaps > 0, 'it was too slow');
    assert.deepEqual(reader.closes, [], 'and was not closed');
    assert.equal(now.slow_consumers_total, 0);
    // what waits: the cap and a chunk over, and the one replay that it asked for
    assert.ok(most <= 2 * OUTBOX_MAX + SLOW_EVENTS * 600, `${most} bytes`);
    assert.ok(percentile(beside, 95) < Math.max(10 * percentile(alone, 95), 500), figures(beside));
    await fast.close();
  });

  test('what was dropped for it is told, and adds up with the counters', async () => {
    const line = await slowLine(8192);
    const reader = await slowReader(line);
    const loud = await world.client(oskar);
    await loud.subscribe(PROJECT);
    const before = await metrics();
    const data = 'x'.repeat(2000);
    for (let i = 0; i < 120; i++) {
      loud.publish(PROJECT, `kind${i % 7}`, { i, data });
      await pause(10);
    }
    await until('drops', async () => (await metrics()).dropped_ephemeral_total > before.dropped_ephemeral_total);
    // it may become too slow again for what waited; in the end it has been told of everything
    const adds = async () => {
      const now = await metrics();
      const lost = now.dropped_ephemeral_total - before.dropped_ephemeral_total;
      const skipped = now.coalesced_state_total - before.coalesced_state_total;
      return reader.dropped.ephemeral === lost && reader.dropped.state === skipped;
    };
    await until('level 0, and all drops told', async () => reader.levels.at(-1) === 0 && (await adds()), { timeout: 60000 });
    assert.equal(reader.levels[0], 1);
    assert.equal(reader.gaps, 0, 'ephemeral frames break no stream');
    await loud.close();
  });

  test('a client that is stopped gets a gap, then 4430; it comes back and has missed nothing', async () => {
    const line = await slowLine(10000000, { buffer: 32768 });
    const reader = await slowReader(line);
    const fast = await world.client(oskar);
    await fast.subscribe(PROJECT);
    await write(1);
    await reached(reader, written);
    const before = await metrics();
    const first = written + 1;
    line.stop();
    const beside = await latencies(fast, () => write(1200, { rate: 2000, size: 4000 }));
    await until('a gap', async () => (await metrics()).slow_gaps_total > before.slow_gaps_total);
    await until('the close', async () => (await metrics()).slow_consumers_total > before.slow_consumers_total, { timeout: 30000 });
    await until('nothing to wait for it any more', async () => (await metrics()).outbox_bytes === 0);
    line.go();
    await reached(reader, first);
    assert.ok(reader.closes.length > 0);
    assert.ok(percentile(beside, 95) < 5000, figures(beside));
    await fast.close();
  });

  test('one that subscribes elsewhere meanwhile has its gap there, too', async () => {
    const line = await slowLine(10000000, { buffer: 32768 });
    const client = await connect(line.url, { token: world.token(clara) });
    await client.subscribe(PROJECT);
    line.stop();
    const before = await metrics();
    await write(1200, { rate: 4000, size: 4000 });
    await until('a gap', async () => (await metrics()).slow_gaps_total > before.slow_gaps_total);
    line.go();
    const channels = new Set(['x', ...client.hello.payload.channels]);
    for (const name of client.hello.payload.channels)
      await client.waitFor((f) => f.type === 'gap' && f.channel === name && f.payload.reason === 'slow_consumer');
    const gap = await client.waitFor((f) => f.type === 'gap' && f.channel.endsWith(PROJECT));
    const from = client.frames.indexOf(gap);
    await write(5);
    await client.request({ type: 'ping' });
    assert.ok(channels.size > 1);
    assert.equal(client.frames.slice(from).filter((f) => f.id !== undefined && f.channel.endsWith(PROJECT)).length, 0,
      'no event of a channel with a gap');
    assert.equal(client.frames.slice(from).filter((f) => f.type === 'position').length, 0, 'and no position');
    await client.subscribe(PROJECT);
    await write(1);
    await client.waitFor((f) => numberOf(f) === written, { from });
    client.destroy();
  });

  test('a hundred slow ones at once', async (t) => {
    const fast = await world.client(oskar);
    await fast.subscribe(PROJECT);
    const alone = await latencies(fast, () => write(300));
    const line = await slowLine(4096);
    const before = await metrics();
    for (let i = 0; i < 100; i++) await slowReader(line, i % 2 ? clara : ada);
    const first = written + 1;
    const beside = await latencies(fast, () => write(300));
    const now = await metrics();
    await Promise.all(readers.map((reader) => reached(reader, first)));
    const closed = readers.filter((reader) => reader.closes.length > 0).length;
    t.diagnostic(`others alone: ${figures(alone)}; beside a hundred: ${figures(beside)}`);
    t.diagnostic(`resident ${before.process_resident_memory_bytes} -> ${now.process_resident_memory_bytes}; ${closed} were closed, ${readers.reduce((n, r) => n + r.refused, 0)} subscriptions refused for the moment`);
    assert.equal(closed, 0);
    const grown = now.process_resident_memory_bytes - before.process_resident_memory_bytes;
    assert.ok(grown < 100 * 3 * OUTBOX_MAX, `grew by ${grown}`);
    assert.ok(percentile(beside, 95) < Math.max(20 * percentile(alone, 95), 1000), figures(beside));
    await fast.close();
  });
});
