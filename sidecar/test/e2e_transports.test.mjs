// WebSocket, event stream, poll and call by HTTP are ways to the same thing: the same events, the same
// rights, the same words.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { World, helios, northwind, people, until } from './e2e.mjs';
import { EventStream, poll, rpc } from './http_client.mjs';

const { clara, oskar, bea } = people;
const PROJECT = `project:${northwind.project}`;
const isMessage = (f) => f.type === 'message.created';

// ---------- readers: all transports alike ----------

// Follows a channel from a position until told to stop; keeps every event's id and the last position.
class Reader {
  ids = [];
  position = null;

  constructor(world, person, channel = PROJECT) {
    Object.assign(this, { world, person, channel, token: world.token(person) });
  }

  take(frame) {
    if (frame.type === 'position') this.position = frame.payload.position;
    if (frame.type === 'subscribed') {
      assert.equal(frame.payload.recovered, true);
      for (const event of frame.payload.events) this.take(event);
    }
    if (isMessage(frame)) this.ids.push(`${frame.channel} ${frame.id}`);
    // what came behind the last position will come again
    if (frame.type === 'position') this.safe = this.ids.length;
  }

  // of what was seen, only what the position covers counts: the rest is sent again
  rest() {
    this.ids.length = this.safe ?? 0;
    return this.position;
  }
}

const transports = {
  async ws(reader, isOver) {
    const client = await reader.world.client(reader.person);
    if (reader.position === null) reader.position = client.hello.payload.position;
    const channels = [...client.hello.payload.channels, reader.channel];
    const since = reader.position;
    await Promise.all(channels.map((channel) => client.subscribe(channel, { since })));
    await until('the reader to be done', isOver);
    // a new position only counts from the last answer on
    const first = client.frames.findLastIndex((f) => f.type === 'subscribed');
    client.frames.forEach((f, i) => (i > first || f.type !== 'position') && reader.take(f));
    await client.close();
  },

  async sse(reader, isOver) {
    const stream = await EventStream.open(reader.world.gateway.url, {
      token: reader.token,
      channels: [reader.channel],
      lastEventId: reader.position,
    });
    await until('the reader to be done', isOver);
    const last = () => stream.lastEventId !== '';
    await until('a position', last);
    stream.close();
    for (const frame of stream.frames) reader.take(frame);
    assert.equal(reader.position, stream.lastEventId, 'the id of the stream is its position');
  },

  async poll(reader, isOver) {
    let over = false;
    while (!over) {
      over = isOver();
      const { status, json } = await poll(reader.world.gateway.url, reader.token, {
        subscriptions: [{ channel: reader.channel }],
        ...(reader.position ? { since: reader.position } : {}),
        wait: 200,
      });
      assert.equal(status, 200, JSON.stringify(json));
      assert.equal(json.frames.at(-1).type, 'position');
      for (const frame of json.frames) reader.take(frame);
      assert.equal(reader.ids.length, reader.safe);
    }
  },
};

describe('one gateway, three transports', { timeout: 240000 }, () => {
  const world = new World('transports', { options: { heartbeat: 1000, fetch_rows: 20 } });
  before(() => world.open());
  after(() => world.close());

  const url = () => world.gateway.url;
  const project = (person) => `project:${person.tenant.project}`;

  async function write(count, person = oskar) {
    const types = ['client', 'ops', 'internal_note'];
    const sessions = Array.from({ length: 4 }, () => world.lab.session());
    await Promise.all(
      sessions.map(async (sql, n) => {
        for (let i = n; i < count; i += sessions.length)
          await sql.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
            VALUES ('${northwind.id}', '${northwind.project}', '${person.id}', '${types[i % 3]}', 'm${i}')`);
        await sql.close();
      }),
    );
  }

  // many rows at once: a fetch of several pages, between which polls must not end
  async function writeAtOnce(count, person = oskar) {
    await world.sql.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      SELECT '${northwind.id}', '${northwind.project}', '${person.id}', 'client', 'b' || i FROM generate_series(1, ${count}) i`);
  }

  // ids of the messages that are there for a reader of these types, after a position
  async function stored(types) {
    const rows = await world.sql.rows(
      `SELECT id::text FROM copilot.messages WHERE tenant_id = '${northwind.id}' AND type IN (${types.map((t) => `'${t}'`)})`,
    );
    return new Set(rows.map((row) => row.id));
  }

  test('the same writer load gives the same set of events on each', async () => {
    const before = await stored(['client', 'ops', 'internal_note', 'system']);
    const start = (await world.client(oskar)).hello.payload.position;
    const readers = Object.keys(transports).flatMap((name) =>
      [oskar, clara].map((person) => Object.assign(new Reader(world, person), { name, position: start })),
    );
    let written = false;
    const reading = readers.map((reader) => transports[reader.name](reader, () => written));
    await Promise.all([write(300), (async () => {
      for (let i = 0; i < 8; i++) await writeAtOnce(100);
    })()]);
    // everything that was committed is asked for once more at the end
    written = true;
    await Promise.all(reading);
    for (const reader of readers) {
      await transports.poll(reader, () => true);
      assert.equal(new Set(reader.ids).size, reader.ids.length, `${reader.name}: nothing twice`);
    }
    for (const person of [oskar, clara]) {
      const sets = readers.filter((r) => r.person === person).map((r) => [...r.ids].sort());
      assert.deepEqual(sets[1], sets[0]);
      assert.deepEqual(sets[2], sets[0]);
      const types = person === clara ? ['client', 'system'] : ['client', 'ops', 'internal_note', 'system'];
      const fresh = [...(await stored(types))].filter((id) => !before.has(id));
      const here = sets[0].filter((key) => key.startsWith(`tenant:${northwind.id}:project:`));
      assert.equal(here.length, fresh.length, person.name);
    }
  });

  const names = Object.keys(transports);
  for (const order of names.flatMap((a) => names.filter((b) => b !== a).map((b) => [a, b, names.find((c) => c !== a && c !== b)]))) {
    test(`begin on one, go on with another: ${order.join(', ')}`, async () => {
      const reader = new Reader(world, clara);
      reader.position = (await world.client(clara)).hello.payload.position;
      const control = new Reader(world, clara);
      control.position = reader.position;
      const writing = write(60);
      let rounds = 0;
      for (const name of [...order, ...order]) {
        const end = Date.now() + 60;
        await transports[name](reader, () => Date.now() > end);
        reader.rest();
        rounds++;
      }
      await writing;
      await transports[order[2]](reader, () => true);
      await transports.poll(reader, () => true);
      await transports.poll(control, () => true);
      assert.equal(rounds, 6);
      assert.equal(new Set(reader.ids).size, reader.ids.length, 'nothing twice');
      assert.deepEqual([...reader.ids].sort(), [...control.ids].sort());
    });
  }

  test("another tenant's channel, and one that is not there, are refused in the same words on all", async () => {
    const client = await world.client(clara);
    for (const channel of [project(bea), 'project:00000000-0000-4000-8000-00000000dead', `tenant:${helios.id}`]) {
      const ws = await client.subscribe(channel).catch((error) => error.frame.payload);
      const sse = await EventStream.open(url(), { token: world.token(clara), channels: [channel] }).catch((e) => e);
      const polled = await poll(url(), world.token(clara), { subscriptions: [{ channel }], wait: 0 });
      assert.equal(sse.status, 404);
      assert.equal(polled.status, 404);
      assert.deepEqual(sse.json, ws);
      assert.deepEqual(polled.json, ws);
    }
  });

  test('a hint of the database reaches the client, the same on all; one that is not made for clients does not', async () => {
    const client = await world.client(clara);
    const refused = async (method, params) => {
      const ws = await client.call(method, params).catch((error) => error.frame.payload);
      const { json } = await rpc(url(), world.token(clara), method, params);
      assert.deepEqual(json, ws);
      return ws;
    };
    assert.equal((await refused('presence.room', { channel: 'me' })).hint, 'Name one thing, such as project:42, or presence:tenant.');
    assert.equal((await refused('no.such.method', {})).code, 'not_found');
    await world.sql.query(`CREATE FUNCTION copilot.rpc_hints(params jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'x' USING ERRCODE = params ->> 'state', HINT = repeat(params ->> 'hint', (params ->> 'times')::int); END$$;
      INSERT INTO wrk.rpc (method, function) VALUES ('test.hints', 'copilot.rpc_hints(jsonb)')`);
    const hint = async (state, times = 1) => (await refused('test.hints', { state, hint: 'ask "ü"', times })).hint;
    assert.deepEqual([await hint('WK409'), await hint('22023'), await hint('23505'), await hint('P0001'), await hint('WK500')], ['ask "ü"', undefined, undefined, undefined, undefined]);
    assert.deepEqual([(await hint('WK409', 124)).length, await hint('WK409', 126)], [868, undefined]);
    const missing = await client.subscribe(project(bea)).catch((error) => error.frame.payload);
    assert.equal(missing.hint, 'It does not exist, or you may not join it.');
    await world.sql.query("DELETE FROM wrk.rpc WHERE method = 'test.hints'; DROP FUNCTION copilot.rpc_hints");
  });

  test('beside a channel one may have, the refusal is a frame', async () => {
    const channels = [project(bea), PROJECT];
    const stream = await EventStream.open(url(), { token: world.token(clara), channels });
    const { json } = await poll(url(), world.token(clara), { subscriptions: channels.map((channel) => ({ channel })) });
    for (const frames of [stream.frames, json.frames]) {
      const error = frames.find((f) => f.type === 'error');
      assert.equal(error.channel, project(bea));
      assert.equal(error.payload.code, 'not_found');
      assert.ok(frames.some((f) => f.type === 'subscribed'));
    }
    stream.close();
  });

  test('tokens are judged the same on all', async () => {
    const expired = world.token(clara, { seconds: -60 });
    for (const [token, code] of [
      [expired, 'token_expired'],
      ['not-a-token', 'unauthorized'],
      [undefined, 'unauthorized'],
    ]) {
      const answers = [
        await EventStream.open(url(), { token }).catch((e) => e),
        await poll(url(), token, { subscriptions: [] }),
        await rpc(url(), token, 'project.get', { id: northwind.project }),
      ];
      for (const { status, json, headers } of answers) {
        assert.equal(status, 401);
        assert.equal(json.code, code);
        assert.equal(headers['www-authenticate'], 'Bearer');
      }
    }
  });

  test('a call by HTTP is a call: its result, its errors, once per key', async () => {
    const params = { project_id: northwind.project, body: 'by HTTP' };
    const first = await rpc(url(), world.token(clara), 'message.send', params, { key: 'rpc-1' });
    const second = await rpc(url(), world.token(clara), 'message.send', params, { key: 'rpc-1' });
    assert.equal(first.status, 200, first.text);
    assert.equal(second.status, 200);
    assert.equal(first.json.id ?? first.json.message?.id, second.json.id ?? second.json.message?.id);
    const count = await world.sql.query(`SELECT count(*) FROM copilot.messages WHERE body = 'by HTTP'`);
    assert.equal(count, '1');
    assert.match(first.headers['wrk-event-id'], /^\d+$/);

    const client = await world.client(clara);
    const cases = [
      ['message.send', { ...params, body: 'other' }, { key: 'rpc-1' }],
      ['project.get', { id: bea.tenant.project }],
      ['no.such.method', {}],
      ['message.send', {}],
    ];
    for (const [method, given, options] of cases) {
      const ws = await client.call(method, given, options?.key).catch((error) => error.frame.payload);
      const { status, json } = await rpc(url(), world.token(clara), method, given, options);
      assert.equal(status, ws.status, method);
      assert.deepEqual(json, ws, method);
    }
  });

  test('the event of a call by HTTP is the one that others see', async () => {
    const stream = await EventStream.open(url(), { token: world.token(oskar), channels: [PROJECT] });
    const { headers } = await rpc(url(), world.token(clara), 'message.send', { project_id: northwind.project, body: 'see' });
    const event = await stream.waitFor((f) => isMessage(f) && f.id === headers['wrk-event-id']);
    assert.equal(event.sender_id, clara.id);
    stream.close();
  });

  test('a poll that waits is answered when something comes, and at its end', async () => {
    const token = world.token(clara);
    const { json } = await poll(url(), token, { subscriptions: [{ channel: PROJECT }], wait: 0 });
    const since = json.frames.at(-1).payload.position;
    let began = performance.now();
    const waiting = poll(url(), token, { since, subscriptions: [{ channel: PROJECT }], wait: 20000 });
    await until('the poll to wait', async () => (await world.gateway.metric('polls_waiting')) === 1);
    await world.message(northwind, oskar, 'client', 'wakes the poll');
    const woken = await waiting;
    assert.ok(performance.now() - began < 5000);
    assert.ok(woken.json.frames.some(isMessage));

    began = performance.now();
    const position = woken.json.frames.at(-1).payload.position;
    const quiet = await poll(url(), token, { since: position, subscriptions: [{ channel: PROJECT }], wait: 700 });
    assert.ok(performance.now() - began >= 690);
    assert.deepEqual(quiet.json.frames.filter(isMessage), []);
    assert.equal(quiet.json.frames.at(-1).type, 'position');
  });

  test('a poll that waits gets all pages of a fetch, and none of them again', async () => {
    const token = world.token(clara);
    const ask = (since, wait) => poll(url(), token, { since, subscriptions: [{ channel: PROJECT }], wait });
    const { json } = await ask(undefined, 0);
    const waiting = ask(json.frames.at(-1).payload.position, 20000);
    await until('the poll to wait', async () => (await world.gateway.metric('polls_waiting')) === 1);
    await writeAtOnce(100);
    const first = (await waiting).json.frames;
    const second = (await ask(first.at(-1).payload.position, 0)).json.frames;
    const again = second.flatMap((f) => f.payload.events ?? []);
    assert.equal(first.filter((f) => isMessage(f) && f.channel.includes(':project:')).length, 100);
    assert.deepEqual([...second, ...again].filter(isMessage), []);
  });

  test('a token that expires ends a stream with bye, and a poll with its answer', async () => {
    const token = world.token(clara, { seconds: 2 });
    const stream = await EventStream.open(url(), { token, channels: [PROJECT] });
    const { json } = await poll(url(), token, { subscriptions: [{ channel: PROJECT }], wait: 30000 });
    await stream.closed;
    assert.ok(Date.now() < stream.frames[0].payload.expiresAt + 2500, 'nobody waits for a token that cannot come');
    for (const frames of [stream.frames, json.frames]) {
      assert.equal(frames.at(-1).type, 'bye');
      assert.equal(frames.at(-1).payload.code, 4401);
    }
  });

  // of a TCP connection of ours, by its port: '01' is established; undefined: there is none
  const stateOf = (port) => {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'utf8').split('\n').find((l) => l.includes(`0100007F:${hex} 0100007F:`));
    return line?.trim().split(/\s+/)[3];
  };

  test('a stream whose client takes nothing is ended, and the client is told so', async () => {
    const stream = await EventStream.open(url(), { token: world.token(clara), channels: [PROJECT] });
    const streams = await world.gateway.metric('streams');
    stream.answer.pause();
    const { localPort } = stream.sent.socket;
    assert.equal(stateOf(localPort), '01');
    // more than sockets keep, less than the gateway does
    const session = world.lab.session();
    await until('the stream to be given up', async () => {
      await session.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
        SELECT '${northwind.id}', '${northwind.project}', '${oskar.id}', 'client', repeat('x', 20000) FROM generate_series(1, 5)`);
      return Number(await world.gateway.metric('streams')) < Number(streams);
    }, { timeout: 30000, every: 100 });
    await session.close();
    assert.notEqual(stateOf(localPort), '01', 'a client that reads again would wait for ever');
    stream.answer.resume();
    await stream.closed;
  });

  test('a quiet stream has comments, and headers that keep proxies from holding it back', async () => {
    const stream = await EventStream.open(url(), { token: world.token(clara), channels: [PROJECT] });
    assert.equal(stream.headers['content-type'], 'text/event-stream');
    assert.equal(stream.headers['cache-control'], 'no-store');
    assert.equal(stream.headers['x-accel-buffering'], 'no');
    assert.equal(stream.frames[0].type, 'connected');
    assert.ok(stream.retry >= 1000 && stream.retry <= 3000);
    await until('two comments', () => stream.comments >= 2, { timeout: 15000 });
    stream.close();
  });

  test('1,000 event streams share what is laid out for them', async (t) => {
    const count = 1000;
    const gateway = await world.lab.gateway({ ...world.options, heartbeat: 25000, user_connections: 0, tenant_connections: 0,
      address_connections: 0, address_strangers: 0, user_subscribes_second: 0, user_subscribes_minute: 0 }).start();
    const read = async (name) => {
      const text = await (await fetch(`${gateway.url.replace('ws', 'http')}/metrics`, { headers: { connection: 'close' } })).text();
      return Number(text.split('\n').find((l) => l.startsWith(`${name} `)).split(' ')[1]);
    };
    const empty = await read('process_resident_memory_bytes');
    const token = world.token(clara);
    const streams = [];
    while (streams.length < count) {
      const some = Array.from({ length: 50 }, () => EventStream.open(gateway.url, { token, channels: [PROJECT], timeout: 60000 }));
      streams.push(...(await Promise.all(some)));
    }
    const idle = await read('process_resident_memory_bytes');
    const batches = await read('wrk_gateway_batches_total');
    const before = streams[0].frames.length;
    await write(90);
    const last = async (stream) => (await until('30 events', () => stream.all(isMessage).length >= 30, { timeout: 60000 }), stream.all(isMessage).map((f) => f.id));
    const seen = await Promise.all(streams.map(last));
    for (const ids of seen) assert.deepEqual(ids, seen[0]);
    const busy = await read('process_resident_memory_bytes');
    const each = (idle - empty) / count;
    t.diagnostic(`memory of a stream: ${Math.round(each)} bytes idle; ${Math.round((busy - idle) / count)} more after ${seen[0].length} events`);
    t.diagnostic(`batches: ${(await read('wrk_gateway_batches_total')) - batches} for ${count} clients; frames before: ${before}`);
    // the sanitizers' own memory is many times that
    if (!/asan/.test(process.env.WRK_GATEWAY_BIN ?? '')) {
      assert.ok(each < 8192, `${each}`);
      assert.ok((busy - idle) / count < 4096);
    }
    assert.ok((await read('wrk_gateway_batches_total')) - batches <= 90 * 4);
    for (const stream of streams) stream.close();
    await until('no stream', async () => (await read('wrk_gateway_streams')) === 0);
    await gateway.stop();
  });
});
