// What is taken away is away: on open connections, within a second, and nothing that was committed with the
// loss or behind it arrives. Nobody else notices.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Issuer } from '../../tools/lab.mjs';
import { World, connect, fence, isFence, northwind, helios, people, quote, until } from './e2e.mjs';
import { EventStream, poll, rpc } from './http_client.mjs';

const { clara, oskar, bruno, quinn, nils, ada, bea } = people;
const T = northwind.id;
const PROJECT = `project:${northwind.project}`;
const VERSION = `automation_version:${northwind.version}`;
const SOON = 1000; // ms within which a loss has taken effect

const someId = (n) => `00000000-0000-4000-8000-${String(7000 + n).padStart(12, '0')}`;
const addMessage = (body, project = northwind.project) =>
  `INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
   VALUES ('${T}', '${project}', '${oskar.id}', 'client', ${quote(body)})`;
const bodyOf = (frame) => frame.payload?.data?.body;
const bodies = (client) => client.frames.filter((f) => f.id !== undefined).map(bodyOf);

// Writers that never pause; each message says when its statement was sent.
class Writers {
  #over = false;
  #loops = [];
  written = []; // { body, sent, done }

  constructor(world, n = 3) {
    for (let w = 0; w < n; w++) this.#loops.push(this.#write(world.lab.session(), w));
  }

  async #write(sql, w) {
    for (let i = 0; !this.#over; i++) {
      const body = `w${w}-${i}-${Math.random().toString(36).slice(2)}`;
      const sent = performance.now();
      await sql.query(addMessage(body));
      this.written.push({ body, sent, done: performance.now() });
    }
    await sql.close();
  }

  async stop() {
    this.#over = true;
    await Promise.all(this.#loops);
  }
}

// Waits until the loss is told: the frame that ends the subscription, or the close of the connection.
async function told(client, channel, since) {
  const isEnd = (f) => f.type === 'unsubscribed' && f.requestId === undefined && f.channel.endsWith(channel);
  const how = await Promise.race([
    client.waitFor(isEnd, { timeout: 5000, from: 0 }).then((f) => f.payload, (error) => {
      if (!client.closeInfo) throw error;
      return { closed: client.closeInfo.code };
    }),
    client.closed.then(({ code }) => ({ closed: code })),
  ]);
  return { ...how, took: performance.now() - since };
}

describe('losing', { timeout: 300000 }, () => {
  const world = new World('access');
  let witness;
  const issuer = new Issuer('rotated-out');
  before(async () => {
    await world.open();
    await world.sql.query(`SELECT wrk.jwt_key_import(${quote(issuer.jwk)}::jsonb)`);
    witness = await world.follower(oskar);
  });
  after(() => world.close());

  const session = async ({ id }) =>
    world.sql.json(`SELECT copilot.session_start('${T}', '${id}', 'service', '{}')`);
  const apiKey = ({ id, roles }) =>
    world.sql.query(`SELECT wrk.api_key_create('${T}', '${id}', '{${roles}}')`);

  // One loss: what it is, whose, how it is brought about, and what must be seen of it.
  const losses = [
    {
      what: 'logging out',
      token: () => session(clara),
      sql: ({ session_id }) =>
        `SELECT copilot.session_close('${T}', '${session_id}', 'logout') \\g /dev/null\n`,
      ends: { closed: 4501 },
    },
    {
      what: 'logging out everywhere',
      token: () => session(clara),
      sql: () => `SELECT copilot.logout_everywhere('${clara.id}') \\g /dev/null\n`,
      ends: { closed: 4501 },
    },
    {
      what: 'the revocation of a session that somebody else began',
      token: () => world.token(clara, { sid: 'theirs' }),
      sql: () => `SELECT wrk.session_revoke('theirs', tenant_id => '${T}') \\g /dev/null\n`,
      ends: { closed: 4501 },
    },
    {
      what: 'the revocation of an API key',
      token: () => apiKey(clara),
      sql: (key) => `SELECT wrk.api_key_revoke('${key.split('_')[2]}') \\g /dev/null\n`,
      ends: { closed: 4501 },
    },
    {
      what: 'the rotation of an API key without overlap',
      token: () => apiKey(clara),
      sql: (key) => `SELECT wrk.api_key_rotate('${key.split('_')[2]}', '0') \\g /dev/null\n`,
      ends: { closed: 4401 },
    },
    {
      what: 'the retirement of the key that signed the token',
      token: () => issuer.token({ sub: clara.id, tenant_id: T, roles: ['client'] }),
      sql: () => `SELECT wrk.jwt_key_retire('rotated-out') \\g /dev/null\n`,
      ends: { closed: 4401 },
    },
    {
      what: 'a role',
      token: () => session(clara),
      sql: () => `DELETE FROM copilot.user_roles WHERE user_id = '${clara.id}'`,
      undo: `INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES ('${T}', '${clara.id}', 'client')`,
      ends: { closed: 4401 },
    },
    {
      what: 'work in the tenant',
      token: () => world.token(clara),
      sql: () => `UPDATE copilot.tenant_users SET status = 'inactive' WHERE user_id = '${clara.id}'`,
      undo: `UPDATE copilot.tenant_users SET status = 'active' WHERE user_id = '${clara.id}'`,
      ends: { closed: 4503 },
    },
    {
      what: 'a permission of the role',
      token: () => world.token(clara),
      sql: () => `CREATE TEMP TABLE taken AS SELECT * FROM wrk.permission WHERE role = 'client' AND resource_type = 'project';
        DELETE FROM wrk.permission WHERE role = 'client' AND resource_type = 'project'`,
      undo: 'INSERT INTO wrk.permission SELECT * FROM taken; DROP TABLE taken',
      ends: { code: 'not_found' },
    },
    {
      what: 'the membership of a project',
      token: () => world.token(bruno),
      sql: () => `DELETE FROM copilot.project_members WHERE user_id = '${bruno.id}'`,
      undo: `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
        VALUES ('${T}', '${northwind.project}', '${bruno.id}', 'builder')`,
      ends: { code: 'not_found' },
    },
    {
      what: 'an automation because its project moves to another',
      token: () => world.token(bruno),
      channel: VERSION,
      sql: () => `UPDATE copilot.projects SET automation_id = NULL, automation_version_id = NULL WHERE id = '${northwind.project}';
        SELECT wrk.emit('test.moved', '{"data": {"body": "with"}}', '{tenant:${T}:${VERSION}}', tenant_id => '${T}') \\g /dev/null\n`,
      behind: (body) => `SELECT wrk.emit('test.moved', ${quote({ data: { body } })}, '{tenant:${T}:${VERSION}}', tenant_id => '${T}') \\g /dev/null\n`,
      undo: `UPDATE copilot.projects SET automation_id = '${northwind.automation}', automation_version_id = '${northwind.version}'
        WHERE id = '${northwind.project}'`,
      ends: { code: 'not_found' },
    },
  ];

  for (const { what, token, sql, behind = addMessage, channel = PROJECT, undo, ends } of losses) {
    test(`${what}`, async () => {
      const credential = await token();
      const client = await connect(world.gateway.url, { token: credential.access_token ?? credential });
      const { payload } = await client.subscribe(channel);
      const started = bodies(client).length;
      await world.sql.query(behind('before'));
      await client.waitFor((f) => bodyOf(f) === 'before', { from: started });
      const writers = new Writers(world);
      await until('writers to write', () => writers.written.length > 10);

      await world.sql.query(`BEGIN; ${sql(credential)}; ${behind('with')}; COMMIT`);
      const lost = performance.now();
      await world.sql.query(behind('behind'));
      const { took, code, closed } = await told(client, channel, lost);
      await until('more to be written', () => writers.written.length > 40);
      await writers.stop();

      const seen = new Set(bodies(client));
      assert.deepEqual(closed ? { closed } : { code }, ends);
      assert.ok(took < SOON, `took ${took} ms`);
      assert.ok(payload.position);
      assert.ok(!seen.has('with'), 'what was committed with the loss');
      assert.ok(!seen.has('behind'), 'what was committed behind it');
      for (const { body, sent } of writers.written)
        assert.ok(sent < lost || !seen.has(body), `${body} was written later`);
      if (undo) await world.sql.query(undo);

      await fence(world.sql, [witness]);
      const others = witness.events.map(bodyOf);
      for (const { body } of writers.written)
        assert.equal(others.filter((b) => b === body).length, 1, 'the others have it once');
      client.destroy();
    });
  }

  test('a project that is deleted, and a file', async () => {
    const client = await world.client(oskar);
    await world.sql.query(`INSERT INTO copilot.projects (tenant_id, id, name) VALUES ('${T}', '${someId(1)}', 'Gone soon')`);
    await client.subscribe(`project:${someId(1)}`);
    await client.subscribe(PROJECT);
    await world.sql.query(`DELETE FROM copilot.projects WHERE id = '${someId(1)}'`);
    const { code, took } = await told(client, someId(1), performance.now());
    assert.equal(code, 'not_found');
    assert.ok(took < SOON);
    await assert.rejects(client.request({ type: 'publish', channel: `project:${someId(1)}`, payload: { type: 'cursor', data: {} } })
      .then((f) => { if (f.type === 'error') throw Object.assign(new Error(), f.payload); }), { code: 'not_found' });
    // the other channel goes on
    await world.sql.query(addMessage('goes on'));
    await client.waitFor((f) => bodyOf(f) === 'goes on');
  });

  test('a membership of a room, over and over, while everybody writes', async () => {
    const room = someId(2);
    await world.sql.query(`INSERT INTO copilot.rooms (tenant_id, id, kind, name) VALUES ('${T}', '${room}', 'chat', 'Room');
      INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id) VALUES ('${T}', '${room}', 'chat', '${oskar.id}')`);
    const join = `INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id) VALUES ('${T}', '${room}', 'chat', '${quinn.id}')`;
    const leave = `DELETE FROM copilot.room_members WHERE room_id = '${room}' AND user_id = '${quinn.id}'`;
    const emit = (body) => `SELECT wrk.emit('test.said', ${quote({ data: { body } })}, '{tenant:${T}:chat:${room}}', tenant_id => '${T}') \\g /dev/null\n`;
    const loud = [world.lab.session(), world.lab.session()];
    const client = await world.client(quinn);
    const stayer = await world.client(oskar);
    await stayer.subscribe(`chat:${room}`);
    const written = [];
    let over = false;
    const loops = loud.map(async (sql, w) => {
      for (let i = 0; !over; i++) {
        const body = `r${w}-${i}`;
        const sent = performance.now();
        await sql.query(emit(body));
        written.push({ body, sent, done: performance.now() });
      }
      await sql.close();
    });
    const spans = [];
    let slowest = 0;
    for (let round = 0; round < 25; round++) {
      const begun = performance.now();
      await world.sql.query(join);
      await client.subscribe(`chat:${room}`);
      const had = client.frames.length;
      await until('something new', () => client.frames.length > had + 3);
      await world.sql.query(`BEGIN; ${leave}; ${emit(`with ${round}`)}; COMMIT`);
      const lost = performance.now();
      spans.push([begun, lost]);
      await world.sql.query(emit(`behind ${round}`));
      const ends = () => client.all((f) => f.type === 'unsubscribed');
      await until('the end of the subscription', () => ends().length > round, { every: 1 });
      const end = ends()[round];
      slowest = Math.max(slowest, client.receivedAt(end) - lost);
      await world.sql.query(emit(`later ${round}`));
      // who joins again joins at the position of the gateway: let that be behind it
      await stayer.waitFor((f) => bodyOf(f) === `later ${round}`);
    }
    over = true;
    await Promise.all(loops);
    await world.sql.query(emit('last'));
    await stayer.waitFor((f) => bodyOf(f) === 'last');
    const seen = bodies(client);
    for (const body of seen.filter(Boolean)) assert.doesNotMatch(body, /^(with|behind|later)/);
    // written behind a loss, and handed out to the others before the next gain
    const arrivals = new Map(stayer.all((f) => f.type === 'test.said').map((f) => [bodyOf(f), stayer.receivedAt(f)]));
    const out = ({ body, sent }) => spans.some(([, lost], i) =>
      sent > lost && (i + 1 === spans.length || arrivals.get(body) < spans[i + 1][0]));
    const set = new Set(seen);
    assert.ok(written.filter(out).length > 25, 'the test writes while the client is out');
    for (const message of written.filter(out)) assert.ok(!set.has(message.body), message.body);
    const all = stayer.all((f) => f.type === 'test.said').map(bodyOf);
    assert.deepEqual([...all].sort(), [...new Set(all)].sort(), 'nothing twice');
    for (const { body } of written) assert.ok(all.includes(body), `the others have ${body}`);
    assert.ok(slowest < SOON, `the slowest took ${slowest} ms`);
  });

  test('nothing slips through before the answer', async () => {
    const room = someId(3);
    await world.sql.query(`INSERT INTO copilot.rooms (tenant_id, id, kind, name) VALUES ('${T}', '${room}', 'chat', 'Slow');
      INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id)
      SELECT '${T}', '${room}', 'chat', u FROM unnest('{${oskar.id},${quinn.id}}'::uuid[]) u`);
    const [client, other] = [await world.client(quinn), await world.client(oskar)];
    for (const c of [client, other]) for (const name of [`chat:${room}`, PROJECT]) await c.subscribe(name);
    const blocker = world.lab.session();
    await blocker.query('BEGIN; LOCK TABLE wrk.revoked_session IN ACCESS EXCLUSIVE MODE');
    try {
      await world.sql.query(`DELETE FROM copilot.room_members WHERE room_id = '${room}' AND user_id = '${quinn.id}'`);
      await until('the question to be at the database', async () =>
        (await world.sql.query(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%gateway_recheck%' AND wait_event_type = 'Lock'`)) !== '0');
      const asked = [
        client.request({ type: 'publish', channel: `chat:${room}`, payload: { type: 'cursor', data: { x: 1 } } }),
        client.request({ type: 'subscribe', channel: `chat:${room}` }),
        client.request({ type: 'call', payload: { method: 'message.send', params: { room_id: room, body: 'slipped' } } }),
        client.request({ type: 'publish', channel: PROJECT, payload: { type: 'cursor', data: { x: 2 } } }),
      ];
      const before = client.frames.length;
      await world.sql.query(addMessage('held'));
      await other.waitFor((f) => bodyOf(f) === 'held');
      // answered in between: only what is good at any time
      await client.request({ type: 'ping' });
      assert.deepEqual(client.frames.slice(before).map((f) => f.type), ['pong']);
      await blocker.query('COMMIT');
      const answers = await Promise.all(asked);
      assert.deepEqual(answers.map((f) => f.payload.code ?? f.type), ['not_found', 'not_found', 'not_found', 'result']);
      await client.waitFor((f) => bodyOf(f) === 'held');
      await other.waitFor((f) => f.type === 'cursor' && f.payload.x === 2);
      assert.deepEqual(other.all((f) => f.type === 'cursor' && f.payload.x === 1), []);
      assert.equal(client.all((f) => bodyOf(f) === 'held').length, 1);
      assert.equal(await world.sql.query(`SELECT count(*) FROM copilot.messages WHERE body = 'slipped'`), '0');
    } finally {
      await blocker.close();
    }
  });

  test('other rights in a channel are a gap, and what comes after fits them', async () => {
    const key = await world.sql.query(`SELECT wrk.api_key_create('${T}', '${oskar.id}', '{ops}')`);
    const client = await connect(world.gateway.url, { token: key });
    await client.subscribe(PROJECT);
    await world.sql.query(`UPDATE wrk.api_key SET roles = '{client}' WHERE id = '${key.split('_')[2]}'`);
    await world.message(northwind, oskar, 'internal_note', 'not for clients');
    await client.waitFor((f) => f.type === 'gap' && f.channel.endsWith(PROJECT) && f.payload.reason === 'rights_changed');
    const since = client.all((f) => f.type === 'position').at(-1)?.payload.position ?? client.hello.payload.position;
    const { payload } = await client.subscribe(PROJECT, { since });
    assert.deepEqual(payload.events.map(bodyOf).filter((b) => b === 'not for clients'), []);
    await world.message(northwind, oskar, 'internal_note', 'nor this');
    await world.sql.query(addMessage('but this'));
    await client.waitFor((f) => bodyOf(f) === 'but this');
    assert.ok(!bodies(client).includes('nor this'));
    client.destroy();
  });

  test('what is lost while a long backlog is handed out is lost at once, and delays nobody else', async () => {
    const events = 20000;
    const gateway = await world.lab.gateway({ fetch_rows: 8 }).start();
    const client = await connect(gateway.url, { token: world.token(clara, { sid: 'backlog' }) });
    const other = await connect(gateway.url, { token: world.token(oskar) });
    const isBacklog = (f) => f.type === 'test.backlog';
    for (const c of [client, other]) await c.subscribe(PROJECT);
    await world.sql.query(`SELECT count(wrk.emit('test.backlog', '{}', '{tenant:${T}:${PROJECT}}', tenant_id => '${T}'))
      FROM generate_series(1, ${events})`);
    await client.waitFor(isBacklog);
    await world.sql.query(`SELECT wrk.session_revoke('backlog', tenant_id => '${T}') \\g /dev/null\n`);
    const { closed } = await told(client, PROJECT, performance.now());
    assert.equal(closed, 4501);
    const seen = client.all(isBacklog).length;
    assert.ok(seen < events / 2, `only after ${seen} of ${events} events`);
    await until('the others to have all of it', () => other.all(isBacklog).length >= events, { timeout: 60000 });
    const ids = other.all(isBacklog).map(({ id }) => Number(id));
    assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
    assert.equal(ids.length, events);
    console.log(`# ended after ${seen} of ${events} events`);
    other.destroy();
    await gateway.stop();
  });

  test('streams and polls lose it, too', async () => {
    const add = `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ('${T}', '${northwind.project}', '${nils.id}', 'builder')`;
    await world.sql.query(add);
    const url = world.gateway.url;
    const stream = await EventStream.open(url, { token: world.token(nils), channels: [PROJECT] });
    const polled = poll(url, world.token(nils), { subscriptions: [{ channel: PROJECT }], wait: 20000 });
    await until('the poll to wait', async () => (await world.gateway.metric('polls_waiting')) === 1);
    await world.sql.query(`BEGIN; DELETE FROM copilot.project_members WHERE user_id = '${nils.id}'; ${addMessage('sse with')}; COMMIT`);
    const lost = performance.now();
    await world.sql.query(addMessage('sse behind'));
    await stream.waitFor((f) => f.type === 'unsubscribed');
    const { json } = await polled;
    assert.ok(performance.now() - lost < SOON, `took ${performance.now() - lost} ms`);
    assert.ok(json.frames.some((f) => f.type === 'unsubscribed' && f.payload.code === 'not_found'), JSON.stringify(json));
    await world.sql.query(addMessage('sse later'));
    await fence(world.sql, [witness]);
    for (const frames of [stream.frames, json.frames])
      assert.deepEqual(frames.map(bodyOf).filter((b) => /^sse/.test(b ?? '')), []);
    stream.close();
    // a revoked session: the stream ends, a poll says why, a call is refused
    const token = world.token(nils, { sid: 'nils-http' });
    const ended = await EventStream.open(url, { token, channels: ['me'] });
    const hanging = poll(url, token, { subscriptions: [{ channel: 'me' }], wait: 20000 });
    await until('the poll to wait', async () => (await world.gateway.metric('polls_waiting')) === 1);
    await world.sql.query(`SELECT wrk.session_revoke('nils-http', tenant_id => '${T}')`);
    const bye = await ended.waitFor((f) => f.type === 'bye');
    assert.equal(bye.payload.code, 4501);
    const answer = await hanging;
    assert.equal(answer.json.frames?.at(-1)?.payload.code ?? answer.json.code, answer.status === 200 ? 4501 : 'session_revoked');
    const refused = await rpc(url, token, 'project.list');
    assert.deepEqual([refused.status, refused.json.code], [401, 'session_revoked']);
  });
});

describe('a suspended tenant', { timeout: 300000 }, () => {
  const world = new World('access_many', { options: { user_connections: 2000, address_connections: 4000, address_strangers: 4000, strangers_max: 4000 } });
  before(() => world.open());
  after(() => world.close());

  test('a thousand connections end within a second or so, another tenant notices nothing', async () => {
    const clients = [];
    for (let i = 0; i < 20; i++) {
      clients.push(...(await Promise.all(Array.from({ length: 50 }, () =>
        connect(world.gateway.url, { token: world.token(clara), timeout: 30000 })))));
    }
    const bystander = await world.follower(bea, [`project:${helios.project}`]);
    const lone = await connect(world.gateway.url, { token: world.token(bea, { sid: 'bea-lone' }) });
    let ended = 0;
    for (const { closed } of clients) closed.then(() => ended++);
    const before = lone.closed.then(() => ended);
    const writers = world.lab.session();
    const sent = [];
    let over = false;
    const loop = (async () => {
      for (let i = 0; !over; i++) {
        sent.push(`h${i}`);
        await writers.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
          VALUES ('${helios.id}', '${helios.project}', '${bea.id}', 'client', 'h${i}')`);
      }
    })();
    await world.sql.query(`BEGIN; UPDATE copilot.tenants SET status = 'suspended' WHERE id = '${T}';
      SELECT wrk.emit('test.secret', '{}', '{tenant:${T}}', tenant_id => '${T}') \\g /dev/null
      SELECT wrk.session_revoke('bea-lone', tenant_id => '${helios.id}') \\g /dev/null
      COMMIT`);
    const lost = performance.now();
    const ends = await Promise.all(clients.map((c) => c.waitClosed({ timeout: 20000 })));
    const took = performance.now() - lost;
    assert.deepEqual([...new Set(ends.map(({ code }) => code))], [4503]);
    assert.ok(clients.every((c) => c.all((f) => f.type === 'test.secret').length === 0));
    over = true;
    await loop;
    await fence(world.sql, [bystander]);
    const got = bystander.events.filter((e) => e.type === 'message.created').map(bodyOf);
    assert.deepEqual(got, sent);
    const late = Math.max(...bystander.events.filter((e) => !isFence(e)).map((e) => e.at - performance.timeOrigin - lost));
    assert.ok(took < 3000, `took ${took} ms`);
    assert.ok((await before) < clients.length / 2, `another tenant's loss waited for ${await before} of the thousand`);
    console.log(`# 1000 connections of a suspended tenant closed in ${Math.round(took)} ms; last event of another tenant ${Math.round(late)} ms after`);
    await assert.rejects(connect(world.gateway.url, { token: world.token(clara) }), { code: 'forbidden' });
    await world.sql.query(`UPDATE copilot.tenants SET status = 'active' WHERE id = '${T}'`);
    (await connect(world.gateway.url, { token: world.token(clara) })).destroy();
  });
});

describe('tokens', { timeout: 120000 }, () => {
  const world = new World('access_tokens', { options: { token_grace: 3000, token_warning: 1000 } });
  before(() => world.open());
  after(() => world.close());

  test('fresh ones, over and over, while events flow: none missed, none twice, in order', async () => {
    const client = await world.client(oskar);
    await client.subscribe(PROJECT);
    const writers = new Writers(world, 2);
    for (let i = 0; i < 100; i++)
      await client.requireAnswer({ type: 'auth', payload: { token: world.token(oskar, { n: i }) } });
    await writers.stop();
    await world.sql.query(addMessage('last'));
    await client.waitFor((f) => bodyOf(f) === 'last');
    const events = client.all((f) => f.type === 'message.created');
    const got = events.map(bodyOf);
    assert.deepEqual([...got].sort(), [...writers.written.map(({ body }) => body), 'last'].sort());
    assert.deepEqual(client.all((f) => f.type === 'gap'), []);
  });

  test('a token of fewer roles shows less from then on', async () => {
    const client = await world.client(oskar);
    await client.subscribe(PROJECT);
    await client.requireAnswer({ type: 'auth', payload: { token: world.token({ ...oskar, roles: ['client'] }) } });
    await world.message(northwind, oskar, 'internal_note', 'for staff');
    await client.waitFor((f) => f.type === 'gap' && f.payload.reason === 'rights_changed');
    await client.subscribe(PROJECT);
    await world.sql.query(addMessage('for all'));
    await client.waitFor((f) => bodyOf(f) === 'for all');
    assert.ok(!bodies(client).includes('for staff'));
  });

  test('at its end nothing more comes or is taken; a fresh one brings what waited', async () => {
    const client = await world.client(clara, { token: world.token(clara, { seconds: 2 }) });
    await client.subscribe(PROJECT);
    const warning = await client.waitFor((f) => f.type === 'token_expiring');
    assert.equal(warning.payload.grace, 3000);
    const ended = async () => (await client.request({ type: 'publish', channel: PROJECT, payload: { type: 'cursor', data: {} } })).payload.code;
    await until('the token to be over', async () => (await ended()) === 'token_expired');
    await world.sql.query(addMessage('late'));
    const call = await client.request({ type: 'call', payload: { method: 'project.list', params: {} } });
    assert.equal(call.payload.code, 'token_expired');
    assert.ok(client.isOpen);
    assert.ok(!bodies(client).includes('late'));
    await client.requireAnswer({ type: 'auth', payload: { token: world.token(clara) } });
    await client.waitFor((f) => bodyOf(f) === 'late');
    assert.equal(client.all((f) => bodyOf(f) === 'late').length, 1);
    await client.call('project.list', {});
  });

  test('after the grace it ends', async () => {
    const client = await world.client(clara, { token: world.token(clara, { seconds: 1 }) });
    const { expiresAt } = client.hello.payload;
    assert.equal((await client.waitClosed()).code, 4401);
    assert.ok(Date.now() >= expiresAt + 2900 && Date.now() < expiresAt + 5500, `${Date.now() - expiresAt} ms`);
  });
});

describe('coming back to a connection', { timeout: 120000 }, () => {
  const world = new World('access_resume', { options: { resume_grace: 1500, idle_timeout: 1500, heartbeat: 200 } });
  before(() => world.open());
  after(() => world.close());

  const take = (person, { session, key }) => world.client(person, { payload: { resume: { session, key } } });

  test('who has its key takes it over, once', async () => {
    const first = await world.client(clara);
    assert.match(first.hello.payload.session, /^[0-9a-f]{32}$/);
    assert.match(first.hello.payload.key, /^[0-9a-f]{32}$/);
    const second = await take(clara, first.hello.payload);
    assert.equal(second.hello.payload.resumed, true);
    assert.notEqual(second.hello.payload.session, first.hello.payload.session);
    assert.equal((await first.waitClosed()).code, 4409);
    const third = await take(clara, first.hello.payload);
    assert.equal(third.hello.payload.resumed, false);
    assert.ok(second.isOpen);
  });

  test('not with a wrong key, not as somebody else, and nobody is disturbed', async () => {
    const mine = await world.client(clara);
    const { session, key } = mine.hello.payload;
    for (const [person, resume] of [
      [clara, { session, key: key.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }],
      [clara, { session: session.replace(/.$/, (c) => (c === '0' ? '1' : '0')), key }],
      [clara, { session, key: '' }],
      [clara, { session: key, key: session }],
      [clara, { session: 1, key: null }],
      [clara, 'nonsense'],
      [oskar, { session, key }],
      [bea, { session, key }],
      [{ ...bea, id: clara.id }, { session, key }],
    ]) {
      const other = await world.client(person, { payload: { resume } });
      assert.equal(other.hello.payload.resumed, false, JSON.stringify(resume));
      other.destroy();
    }
    await mine.request({ type: 'ping' });
    const next = await take(clara, { session, key });
    assert.equal(next.hello.payload.resumed, true, 'and the place is still there');
  });

  test('one that broke can be taken up for a while, one that said good-bye cannot', async () => {
    const broken = await world.client(clara);
    broken.destroy();
    await until('the gateway to notice', async () => (await take(clara, broken.hello.payload)).hello.payload.resumed);
    const left = await world.client(clara);
    await left.request({ type: 'disconnect' });
    await left.waitClosed();
    assert.equal((await take(clara, left.hello.payload)).hello.payload.resumed, false);
    const late = await world.client(clara);
    late.destroy();
    await new Promise((resolve) => setTimeout(resolve, 3200));
    assert.equal((await take(clara, late.hello.payload)).hello.payload.resumed, false);
  });

  test('one whose session was revoked cannot', async () => {
    const person = { ...clara };
    const client = await world.client(person, { token: world.token(person, { sid: 'gone' }) });
    await world.sql.query(`SELECT wrk.session_revoke('gone', tenant_id => '${T}')`);
    assert.equal((await client.waitClosed()).code, 4501);
    assert.equal((await take(clara, client.hello.payload)).hello.payload.resumed, false);
  });

  test('a client that does nothing ends, heartbeats or not; one that does something stays', async () => {
    const idle = await world.client(clara);
    const busy = await world.client(clara);
    const typing = setInterval(() => busy.isOpen && busy.send({ type: 'ping' }), 300);
    const beats = setInterval(() => idle.isOpen && idle.send({ type: 'presence:heartbeat' }), 200);
    const { code, reason } = await idle.waitClosed();
    assert.deepEqual([code, reason], [4408, 'idle']);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(busy.isOpen);
    clearInterval(typing);
    clearInterval(beats);
  });
});

describe('the safety net', { timeout: 120000 }, () => {
  const world = new World('access_net', { options: { recheck_interval: 500 } });
  before(() => world.open());
  after(() => world.close());

  test('a loss that nothing tells is found all the same', async () => {
    const client = await world.client(bruno);
    const staying = await world.client(ada);
    for (const c of [client, staying]) await c.subscribe(PROJECT);
    await world.sql.query(`ALTER TABLE wrk.membership DISABLE TRIGGER USER;
      DELETE FROM wrk.membership WHERE user_id = '${bruno.id}';
      ALTER TABLE wrk.membership ENABLE TRIGGER USER; ALTER TABLE wrk.membership ENABLE ALWAYS TRIGGER ALL`).catch(() => {});
    await client.waitFor((f) => f.type === 'unsubscribed', { timeout: 10000 });
    await world.sql.query(addMessage('still'));
    await staying.waitFor((f) => bodyOf(f) === 'still');
    assert.deepEqual(staying.all((f) => f.type === 'gap' || f.type === 'unsubscribed'), []);
  });
});
