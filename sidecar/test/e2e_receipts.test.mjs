// Delivery receipts against the real extension: a message is delivered when a client has acknowledged that
// it got it, and neither before nor because somebody says so.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { World, connect, northwind, people, until } from './e2e.mjs';
import { OPCODE } from './ws_client.mjs';

const { clara, oskar, bruno, quinn } = people;
const room = `project:${northwind.project}`;

describe('delivery receipts', { timeout: 180000 }, () => {
  const world = new World('receipts', { receipts: true });
  const clients = [];

  before(() => world.open());
  after(async () => {
    for (const client of clients) client.destroy();
    await world.close();
  });

  const metric = (name) => world.gateway.metric(name);
  const join = async (person, { since, ...options } = {}) => {
    const client = await connect(world.gateway.url, { token: world.token(person), ...options });
    clients.push(client);
    client.joined = await client.subscribe(room, { since });
    return client;
  };
  // writes messages in somebody's name; resolves with the id of the last
  const messages = async (author, count, type = 'client') => {
    const ids = await world.sql.query(
      world.as(
        author,
        `INSERT INTO copilot.messages (project_id, type, body)
          SELECT '${northwind.project}', '${type}', 'x' FROM generate_series(1, ${count}) RETURNING id`,
      ),
    );
    return ids.split('\n').at(-1);
  };
  const message = (author, type) => messages(author, 1, type);
  // up to which message somebody has got, in the project's thread
  const delivered = (person) =>
    world.sql.query(`SELECT delivered_to FROM copilot.message_reads
      WHERE user_id = '${person.id}' AND thread_id = '${northwind.project}'`);
  const untilDelivered = (person, id) =>
    until(`${person.name} has got it`, async () => (await delivered(person)) === id, { timeout: 10000 });
  // time in which a receipt would have been told: somebody else's second one, a second after the first
  async function aSecondOfReceipts() {
    const client = await join(quinn);
    for (let i = 0; i < 2; i++) await untilDelivered(quinn, await message(oskar, 'ops'));
    client.destroy();
  }
  const forget = () => world.sql.query('DELETE FROM copilot.message_reads');

  test('who got a message and acknowledged it is marked, its author is not, and the others are told', async () => {
    const reader = await join(clara);
    const author = await join(oskar);
    const id = await message(oskar);
    await untilDelivered(clara, id);
    const told = await author.waitFor((f) => f.type === 'message.delivered');
    assert.deepEqual(told.payload, { id, user_id: clara.id, thread_id: northwind.project });
    assert.ok(reader.pings >= 1);
    assert.equal(await delivered(oskar), '');
    const answer = await message(clara);
    await untilDelivered(oskar, answer);
    assert.equal(await delivered(clara), id, 'her own is none');
    reader.destroy();
    author.destroy();
    await forget();
  });

  test('without a pong it is not delivered, and another pong is none', async () => {
    const reader = await join(clara, { autoPong: false });
    const author = await join(oskar);
    const id = await message(oskar);
    await reader.waitFor((f) => f.type === 'message.created' && f.payload.id === id);
    for (const body of ['', 'r', 'r0', 'r999', 'r-1', 'rx', 'x1', 'r1x', `r${'9'.repeat(20)}`, 'r18446744073709551617'])
      reader.sendFrame(body, { opcode: OPCODE.pong });
    await aSecondOfReceipts();
    assert.equal(await delivered(clara), '');
    assert.ok(reader.isOpen);
    reader.sendFrame('r1', { opcode: OPCODE.pong });
    await untilDelivered(clara, id);
    reader.destroy();
    author.destroy();
    await forget();
  });

  test('a client that was stopped has not got what its kernel took for it', async () => {
    const script = `import { connect } from '${new URL('./ws_client.mjs', import.meta.url)}';
      const client = await connect('${world.gateway.url}', { token: '${world.token(clara)}' });
      await client.subscribe('${room}');
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await new Promise((resolve, reject) => {
        child.stdout.once('data', resolve);
        child.once('exit', () => reject(new Error('the client ended')));
      });
      child.kill('SIGSTOP');
      const id = await message(oskar);
      await aSecondOfReceipts();
      assert.equal(await delivered(clara), '');
      child.kill('SIGCONT');
      await until('Clara has got it', async () => (await delivered(clara)) !== '');
      assert.notEqual(id, '');
    } finally {
      child.kill('SIGKILL');
    }
    await forget();
  });

  test('a burst of 1,000 messages is one call a second at most, the last of which tells of the last', async () => {
    const reader = await join(clara);
    const was = await metric('receipts_total');
    const failed = await metric('receipts_failed_total');
    const began = performance.now();
    let last;
    for (let i = 0; i < 20; i++) last = await messages(oskar, 50);
    await until('all are there', () => reader.all((f) => f.type === 'message.created').length === 1000);
    await until('nothing is left to tell', async () => (await delivered(clara)) === reader.all((f) => f.type === 'message.created').at(-1).payload.id);
    const calls = (await metric('receipts_total')) - was;
    const seconds = (performance.now() - began) / 1000;
    assert.ok(calls >= 1 && calls <= seconds + 1, `${calls} calls in ${seconds} s`);
    assert.equal(await delivered(clara), last);
    assert.equal(await metric('receipts_failed_total'), failed);
    reader.destroy();
    await forget();
  });

  test('what was missed and comes with the next subscription is delivered then', async () => {
    const first = await join(clara);
    const { position } = first.joined.payload;
    await first.close();
    await message(clara);
    const id = await message(oskar);
    await aSecondOfReceipts();
    assert.equal(await delivered(clara), '');
    const back = await join(clara, { since: position });
    assert.ok(back.joined.payload.events.some((e) => e.payload.id === id));
    const last = back.joined.payload.events.filter((e) => e.type === 'message.created' && e.sender_id !== clara.id).at(-1);
    await untilDelivered(clara, last.payload.id);
    back.destroy();
    await forget();
  });

  test('nobody has got what they may not see', async () => {
    const reader = await join(bruno);
    const seen = await message(oskar);
    await message(oskar, 'internal_note');
    await untilDelivered(bruno, seen);
    await aSecondOfReceipts();
    assert.equal(
      await world.sql.query(`SELECT m.type FROM copilot.message_reads r JOIN copilot.messages m ON m.id = r.delivered_to WHERE r.user_id = '${bruno.id}'`),
      'ops',
    );
    reader.destroy();
    await forget();
  });

  test('a stream of events over HTTP acknowledges nothing', async () => {
    const stop = new AbortController();
    const { port } = world.gateway;
    const answer = await fetch(`http://127.0.0.1:${port}/sse?channel=${encodeURIComponent(room)}`, {
      headers: { authorization: `Bearer ${world.token(clara)}` },
      signal: stop.signal,
    });
    assert.equal(answer.status, 200);
    const reading = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const read = async (what) => {
      while (!text.includes(what)) {
        const { value, done } = await reading.read();
        assert.ok(!done, 'the stream ended');
        text += value;
      }
    };
    await read('subscribed');
    const id = await message(oskar);
    await read(id);
    await aSecondOfReceipts();
    assert.equal(await delivered(clara), '');
    stop.abort();
    await forget();
  });

  test('a call that fails is not repeated for ever, and what comes next is told', async () => {
    const reader = await join(clara, { autoPong: false });
    const failed = await metric('receipts_failed_total');
    const gone = await message(oskar);
    await reader.waitFor((f) => f.type === 'message.created' && f.payload.id === gone);
    await until('the ping is there', () => reader.pings > 0);
    await world.sql.query(`DELETE FROM copilot.messages WHERE id = '${gone}'`);
    reader.sendFrame('r1', { opcode: OPCODE.pong });
    await until('it failed', async () => (await metric('receipts_failed_total')) === failed + 1);
    const id = await message(oskar);
    await until('the next ping', () => reader.pings > 1);
    reader.sendFrame('r2', { opcode: OPCODE.pong });
    await untilDelivered(clara, id);
    assert.equal(await metric('receipts_failed_total'), failed + 1);
    reader.destroy();
    await forget();
  });

  test('rules that change are in force at once', async () => {
    const reader = await join(clara);
    await world.sql.query(`UPDATE wrk.receipt_rule SET event_type = 'task.created' WHERE event_type = 'message.created'`);
    // its own word on the bus and this one come in order
    await until('the rule is gone', async () => {
      const pings = reader.pings;
      const id = await message(oskar);
      await reader.waitFor((f) => f.payload?.id === id && f.type === 'message.created');
      await new Promise((resolve) => setTimeout(resolve, 1200));
      return reader.pings === pings;
    });
    await world.sql.query(`UPDATE wrk.receipt_rule SET event_type = 'message.created'`);
    await until('it is back', async () => {
      await message(oskar);
      return (await delivered(clara)) !== '';
    });
    reader.destroy();
  });
});
