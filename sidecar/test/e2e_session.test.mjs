// The life of a connection: tokens, calls, publishing, coming back, and a database that goes away.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, connect, fence, northwind, people, until } from './e2e.mjs';

const { clara, oskar, bruno, ada, bea } = people;
const PROJECT = `project:${northwind.project}`;

describe('sessions', { timeout: 180000 }, () => {
  const world = new World('session', { options: { auth_timeout: 400, token_warning: 60000 } });
  before(() => world.open());
  after(() => world.close());

  // Offers a token on a fresh connection; resolves with the error and how the connection ended.
  async function offer(token) {
    const client = await connect(world.gateway.url);
    const { code, status } = await client.authenticate(token).then(
      () => ({}),
      (error) => error,
    );
    const { code: closed } = await client.waitClosed();
    return { code, status, closed };
  }

  test('without a token the connection ends', async () => {
    const client = await connect(world.gateway.url);
    assert.equal((await client.waitClosed()).code, 4408);
  });

  test('a token that has expired is refused as that', async () => {
    assert.deepEqual(await offer(world.token(clara, { seconds: -60 })), {
      code: 'token_expired',
      status: 401,
      closed: 4401,
    });
  });

  for (const [what, spoil] of [
    ['changed by one character', (token) => token.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))],
    [
      'with the algorithm none',
      (token) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`,
    ],
    ['of an unknown key', () => new World('x').token(clara)],
    ['that is none', () => 'not-a-token'],
  ]) {
    test(`a token ${what} is refused`, async () => {
      const { code, status } = await offer(spoil(world.token(clara)));
      assert.deepEqual({ code, status }, { code: 'unauthorized', status: 401 });
    });
  }

  test('a fresh token keeps the open connection', async () => {
    const client = await world.client(clara, { token: world.token(clara, { seconds: 3 }) });
    const expires = client.hello.payload.expiresAt;
    await client.waitFor((f) => f.type === 'token_expiring');
    await client.requireAnswer({ type: 'auth', payload: { token: world.token(clara) } });
    await until('the first token to be past', () => Date.now() > expires + 1500);
    await client.subscribe(PROJECT);
    assert.ok(client.isOpen);
  });

  test('without one it ends when the token does', async () => {
    const client = await world.client(clara, { token: world.token(clara, { seconds: 2 }) });
    const { code } = await client.waitClosed({ timeout: 90000 });
    assert.equal(code, 4401);
    assert.ok(Date.now() >= client.hello.payload.expiresAt);
  });

  test('a token of somebody else does not change who one is', async () => {
    for (const other of [bea, oskar]) {
      const client = await world.client(clara);
      await client
        .requireAnswer({ type: 'auth', payload: { token: world.token(other) } })
        .catch((error) => error);
      const sent = await client
        .call('project.get', { id: northwind.project })
        .catch((error) => error);
      assert.notEqual(sent.code, 'internal');
      await world.message(northwind, oskar, 'internal_note');
      const follower = await world.follower(ada);
      await fence(world.sql, [follower]);
      assert.deepEqual(
        client.all((f) => f.type === 'message.created'),
        [],
      );
    }
  });
});

describe('calls', { timeout: 60000 }, () => {
  const world = new World('calls');
  before(() => world.open());
  after(() => world.close());

  const send = (client, key, body = 'Hello') =>
    client.call('message.send', { project_id: northwind.project, body }, key);
  const stored = (body) =>
    world.sql.query(`SELECT count(*) FROM copilot.messages WHERE body = '${body}'`);

  test('a call is done once per key, also when it is sent twice at once', async () => {
    const client = await world.client(clara);
    await client.subscribe(PROJECT);
    const answers = await Promise.all([send(client, 'k1', 'Once'), send(client, 'k1', 'Once')]);
    answers.push(await send(client, 'k1', 'Once'));
    assert.equal(await stored('Once'), '1');
    for (const { id, payload } of answers)
      assert.deepEqual({ id, payload }, { id: answers[0].id, payload: answers[0].payload });
    const event = await client.waitFor(
      (f) => f.type === 'message.created' && f.payload.data.body === 'Once',
    );
    assert.equal(event.id, answers[0].id, 'the answer names the event');
    assert.equal(event.key, 'k1', 'and the event names the key');
    assert.equal(event.sender_id, clara.id);
  });

  test('a key does not work for another request, and not across users', async () => {
    const [client, other] = [await world.client(clara), await world.client(oskar)];
    await send(client, 'k2', 'First');
    await assert.rejects(send(client, 'k2', 'Second'), { code: 'key_reused', status: 422 });
    await send(other, 'k2', 'Second');
    assert.equal(await stored('Second'), '1');
  });

  test('a refused call leaves no trace and its key stays free', async () => {
    const client = await world.client(clara);
    await assert.rejects(send(client, 'k3', ''), { code: 'bad_request' });
    await send(client, 'k3', 'Now right');
    assert.equal(await stored('Now right'), '1');
  });

  test('errors of the database say nothing of its insides', async () => {
    const client = await world.client(clara);
    const error = await client
      .call('message.send', { project_id: 'no-uuid', body: 'x' })
      .catch((e) => e);
    assert.equal(error.code, 'bad_request');
    assert.doesNotMatch(JSON.stringify(error.frame), /PL\/pgSQL|CONTEXT|copilot\.|SELECT /);
  });

  test('what is published reaches the others of the channel and is not stored', async () => {
    const [sender, reader, foreign] = [
      await world.client(clara),
      await world.client(oskar),
      await world.client(bea),
    ];
    for (const client of [sender, reader]) await client.subscribe(PROJECT);
    const events = await world.sql.query('SELECT count(*) FROM wrk.event');
    sender.publish(PROJECT, 'typing', { on: true });
    const frame = await reader.waitFor((f) => f.type === 'typing');
    assert.deepEqual(frame.payload, { on: true });
    assert.equal(frame.sender_id, clara.id);
    assert.equal(frame.ephemeral, true);
    assert.equal(await world.sql.query('SELECT count(*) FROM wrk.event'), events);
    assert.deepEqual(
      foreign.all((f) => f.type === 'typing'),
      [],
    );
  });
});

describe('coming back', { timeout: 120000 }, () => {
  const world = new World('resume', { options: { replay_rows: 200 } });
  before(() => world.open());
  after(() => world.close());

  const bodies = (frames) => frames.map((f) => f.payload.data.body);

  let visits = 0;

  // Subscribes, sees everything committed so far and leaves; resolves with its position.
  async function leave(person) {
    const client = await world.client(person);
    await client.subscribe(PROJECT);
    const body = `seen ${++visits}`;
    await world.message(northwind, oskar, 'client', body);
    const last = await client.waitFor(
      (f) => f.type === 'message.created' && f.payload.data.body === body,
    );
    const from = client.frames.indexOf(last);
    const { payload } = await client.waitFor((f) => f.type === 'position', { from });
    await client.close();
    return payload.position;
  }

  test('a position brings what was missed, in order, and nothing else', async () => {
    const position = await leave(clara);
    for (const body of ['one', 'two', 'three'])
      await world.message(northwind, oskar, 'client', body);
    await world.message(northwind, oskar, 'internal_note', 'secret');
    const client = await world.client(clara);
    const { payload } = await client.subscribe(PROJECT, { since: position });
    assert.equal(payload.recovered, true);
    assert.deepEqual(bodies(payload.events), ['one', 'two', 'three']);
    const again = await client
      .subscribe(PROJECT, { since: payload.position })
      .catch((error) => error);
    assert.deepEqual(again.payload?.events ?? [], []);
  });

  test('an open transaction that began before the position is not lost', async () => {
    const slow = world.lab.session();
    await slow.query(`BEGIN; INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      VALUES ('${northwind.id}', '${northwind.project}', '${oskar.id}', 'client', 'slow')`);
    const position = await leave(clara);
    await slow.query('COMMIT');
    const client = await world.client(clara);
    const { payload } = await client.subscribe(PROJECT, { since: position });
    assert.deepEqual(bodies(payload.events), ['slow']);
  });

  test('the rights of now count, not those of then', async () => {
    const position = await leave(oskar);
    await world.message(northwind, oskar, 'internal_note', 'for staff');
    const demoted = await world.client({ ...oskar, roles: ['client'] });
    const { payload } = await demoted.subscribe(PROJECT, { since: position });
    assert.deepEqual(payload.events, []);

    const built = await leave(bruno);
    await world.sql.query(`DELETE FROM copilot.project_members WHERE user_id = '${bruno.id}'`);
    const gone = await world.client(bruno);
    await assert.rejects(gone.subscribe(PROJECT, { since: built }), { code: 'not_found' });
  });

  for (const [what, change] of [
    ['of another epoch', (position) => `f${position}`],
    ['that is none', () => 'yesterday'],
    ['with a snapshot that is none', (position) => `${position.split('.')[0]}.9:1:`],
  ]) {
    test(`a position ${what} is not recovered, and said so`, async () => {
      const position = await leave(clara);
      const client = await world.client(clara);
      const answer = await client
        .subscribe(PROJECT, { since: change(position) })
        .catch((error) => error);
      if (answer.code) assert.equal(answer.code, 'bad_request');
      else assert.deepEqual([answer.payload.recovered, answer.payload.events ?? []], [false, []]);
    });
  }

  test('more than is replayed at once is not half replayed', async () => {
    const position = await leave(clara);
    await world.sql.query(`INSERT INTO copilot.tasks (tenant_id, project_id, title)
      SELECT '${northwind.id}', '${northwind.project}', 'T' || i FROM generate_series(1, 201) i`);
    const client = await world.client(clara);
    const { payload } = await client.subscribe(PROJECT, { since: position });
    assert.deepEqual([payload.recovered, payload.events ?? []], [false, []]);
  });
});

describe('the database goes away', { timeout: 120000 }, () => {
  const world = new World('outage', { options: { reconnect_max: 500 } });
  before(() => world.open());
  after(() => world.close());

  test('clients stay, are told, and miss nothing', async () => {
    const follower = await world.follower(clara);
    await world.lab.stopServer('immediate');
    await until('the news that it is down', () =>
      follower.statuses.some((s) => s.database === 'down'),
    );
    assert.equal((await world.gateway.get('/readyz')).status, 503);
    assert.equal((await world.gateway.get('/healthz')).status, 200);
    await world.lab.startServer();
    const sql = world.lab.session();
    await sql.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      VALUES ('${northwind.id}', '${northwind.project}', '${oskar.id}', 'client', 'back')`);
    await until('the message', () => follower.events.some((e) => e.payload.data?.body === 'back'));
    await fence(sql, [follower]);
    assert.equal(follower.connections, 1, 'on the connection it had');
    assert.equal(follower.events.filter((e) => e.type === 'message.created').length, 1);
    await until('readiness', async () => (await world.gateway.get('/readyz')).status === 200);
  });

  test('SIGTERM says good-bye with 1012', async () => {
    let client;
    // a pooler notices one by one that its connections to the server are gone
    await until('a connection', async () => (client = await world.client(clara).catch(({ code }) => assert.equal(code, 'unavailable'))));
    const [exit, closed] = await Promise.all([world.gateway.stop('SIGTERM'), client.waitClosed()]);
    assert.deepEqual([exit.code, exit.signal, closed.code], [0, null, 1012]);
  });
});
