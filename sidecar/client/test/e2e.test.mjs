// The client against everything real: a cluster, the extension, a gateway.

import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { World, northwind, people, until } from '../../test/e2e.mjs';
import { RealtimeError, createRealtimeClient } from '../src/index.js';
import { NodeWebSocket } from './node_websocket.mjs';

const { clara, oskar, bea } = people;
const PROJECT = `project:${northwind.project}`;

describe('client and gateway', { timeout: 240000 }, () => {
  const world = new World('client', { options: { heartbeat: 2000, fetch_rows: 50 } });
  const clients = [];
  const flights = new Set(); // requests by HTTP that can be cut
  const cuttable = async (url, { signal, ...options } = {}) => {
    const control = new AbortController();
    const flight = { cut: () => control.abort() };
    const ended = () => (flights.delete(flight), control.abort());
    flights.add(flight);
    signal?.addEventListener('abort', ended, { once: true });
    setMaxListeners(0, signal);
    return fetch(url, { ...options, signal: control.signal });
  };
  before(() => world.open());
  after(() => world.close());
  afterEach(() => clients.splice(0).forEach((client) => client.close()));

  function open(person, { env, ...options } = {}) {
    const client = createRealtimeClient({
      url: world.gateway.url,
      getToken: () => world.token(person),
      onError: (error, where) => assert.fail(`${where}: ${error}`),
      backoff: { base: 50, stable: 1000 },
      env: { WebSocket: NodeWebSocket, fetch: cuttable, ...env },
      ...options,
    });
    client.log = [];
    client.on('frame', ({ direction, json }) => client.log.push(`${direction} ${JSON.stringify(json).slice(0, 300)}`));
    clients.push(client);
    return client;
  }

  // ids that a listener of the project heard
  function hear(client, type = 'message.created') {
    const ids = [];
    client.channel(PROJECT).on(type, ({ id }) => ids.push(id));
    return ids;
  }

  const send = (client, body, options) =>
    client.call('message.send', { project_id: northwind.project, body }, options);

  const transports = [['websocket'], ['sse'], ['poll']];
  for (const use of transports) {
    test(`by ${use}: subscribe, call, hear, and who one is`, async () => {
      const client = open(clara, { transports: use });
      const heard = [];
      client.channel(PROJECT).on('message.*', (event) => heard.push(event));
      const { position, recovered, can } = await client.channel(PROJECT).subscribe();
      assert.equal(recovered, true);
      assert.ok(position && can.includes('read'));
      assert.equal(client.transport, use[0]);
      assert.equal(client.state, use[0] === 'poll' ? 'polling' : 'connected');
      assert.equal(client.user.id, clara.id);
      assert.equal(client.tenant, northwind.id);
      const { payload, eventId, key } = await send(client, `by ${use}`);
      assert.ok(payload);
      const event = await until('the event', () => heard.find(({ id }) => id === eventId));
      assert.equal(event.key, key);
      assert.equal(event.sender_id, clara.id);
      assert.equal(event.channel, client.channel(PROJECT).canonical);
      assert.deepEqual(client.sync, { pending: 0, oldest: null });
    });
  }

  test('a refusal has the words of the database, by every transport', async () => {
    for (const use of transports) {
      const client = open(clara, { transports: use });
      const refused = await client.channel(`project:${bea.tenant.project}`).subscribe().catch((error) => error);
      assert.ok(refused instanceof RealtimeError);
      assert.deepEqual([refused.code, refused.status, refused.retry], ['not_found', 404, 'no']);
      assert.equal(client.channel(`project:${bea.tenant.project}`).state, 'refused');
      const none = await client.call('no.such.method', {}).catch((error) => error);
      assert.deepEqual([none.code, none.status], ['not_found', 404]);
      client.close();
    }
  });

  test('connections cut again and again in the midst of 1,000 events: 0 missed, 0 twice', async () => {
    const readers = [...transports, undefined].map((use) => open(clara, { transports: use }));
    const heard = readers.map(() => []);
    readers.forEach((reader, i) =>
      reader.channel(PROJECT).on('message.created', ({ payload }) => heard[i].push(payload.id)),
    );
    await Promise.all(readers.map((reader) => reader.channel(PROJECT).subscribe()));
    let isOver = false;
    let cuts = 0;
    const cutting = (async () => {
      while (!isOver) {
        await pause(40);
        const all = [...NodeWebSocket.open, ...flights];
        all[Math.floor(Math.random() * all.length)]?.cut();
        cuts++;
      }
    })();
    const sessions = Array.from({ length: 4 }, () => world.lab.session());
    await Promise.all(
      sessions.map(async (sql, n) => {
        for (let i = 0; i < 250; i++)
          await sql.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
            VALUES ('${northwind.id}', '${northwind.project}', '${oskar.id}', 'client', 'burst ${n}.${i}')`);
        await sql.close();
      }),
    );
    isOver = true;
    await cutting;
    const rows = await world.sql.rows(`SELECT id::text FROM copilot.messages WHERE body LIKE 'burst %' ORDER BY id`);
    const expected = rows.map(({ id }) => id).sort();
    assert.equal(expected.length, 1000);
    assert.ok(cuts > 10, `${cuts} cuts`);
    for (const [i, ids] of heard.entries()) {
      await until('all 1,000', () => new Set(ids).size >= 1000, { timeout: 30000 });
      assert.deepEqual([...ids].sort(), expected, `reader ${i}`);
    }
  });

  test('an answer that is lost after the commit: sent again with the same key, one effect', async () => {
    // drops the answer of the first call, with its connection
    let isLost = false;
    class Lossy extends NodeWebSocket {
      set onmessage(listener) {
        this.listener = listener;
      }
      get onmessage() {
        return (message) => {
          if (!isLost && message.data.includes('"type":"result"')) ((isLost = true), this.cut());
          else this.listener?.(message);
        };
      }
    }
    const client = open(clara, { env: { WebSocket: Lossy }, transports: ['websocket'] });
    const { eventId } = await send(client, 'once only');
    assert.ok(isLost);
    assert.ok(eventId);
    assert.equal(await world.sql.query(`SELECT count(*) FROM copilot.messages WHERE body = 'once only'`), '1');
  });

  test('offline: five calls wait, and are done in their order when the network is back', async () => {
    const window = new EventTarget();
    const navigator = { onLine: true };
    const client = open(clara, { env: { window, navigator } });
    await client.connect();
    navigator.onLine = false;
    window.dispatchEvent(new Event('offline'));
    assert.equal(client.state, 'offline');
    const sent = [1, 2, 3, 4, 5].map((n) => send(client, `offline ${n}`, { order: 'thread' }));
    assert.equal(client.sync.pending, 5);
    navigator.onLine = true;
    window.dispatchEvent(new Event('online'));
    await Promise.all(sent);
    const bodies = await world.sql.query(`SELECT string_agg(body, ',' ORDER BY created_at, id) FROM copilot.messages WHERE body LIKE 'offline %'`);
    assert.equal(bodies, 'offline 1,offline 2,offline 3,offline 4,offline 5');
  });

  test('of the calls there are, none that writes is taken for a read, and few that read for more', async () => {
    const rows = await world.sql.query(`SELECT string_agg(r.method || ' ' || p.provolatile::text, ',' ORDER BY r.method)
      FROM wrk.rpc r JOIN pg_proc p ON p.oid = r.function::regprocedure`);
    const client = open(clara);
    const isRead = (method) => {
      const given = new AbortController();
      const { pending } = client.sync;
      client.call(method, {}, { signal: given.signal }).catch(() => {});
      const is = client.sync.pending === pending;
      given.abort();
      return is;
    };
    const methods = rows.split(',').map((line) => line.split(' '));
    const wrong = methods.filter(([method, volatility]) => isRead(method) !== (volatility === 's')).map(([method]) => method);
    // these write nothing: what they ask takes a lock, or is C; the others' last words could mean more
    const volatile = ['automation_version.available_transitions', 'automation_version.history', 'commitment.preview'];
    const careful = ['admin.failed_jobs', 'automation_version.intake', 'blueprint.import'];
    assert.deepEqual(wrong, [...volatile, ...careful].sort());
  });

  test('a token that expires in the open page is replaced, and nobody notices', async () => {
    const reasons = [];
    const client = open(clara, { getToken: ({ reason }) => (reasons.push(reason), world.token(clara, { seconds: 8 })) });
    const states = [];
    const ids = hear(client);
    await client.channel(PROJECT).subscribe();
    client.on('state', (state) => states.push(state));
    await pause(10000);
    assert.ok(reasons.includes('refresh'), reasons.join());
    assert.deepEqual(states, []);
    const { eventId } = await send(client, 'still there');
    await until('the event', () => ids.includes(eventId));
  });

  test('tokens that are refused: three, then unauthorized; connect() begins anew', async () => {
    for (const use of transports) {
      let isGood = false;
      let asked = 0;
      const client = open(clara, { transports: use, getToken: () => (asked++, isGood ? world.token(clara) : 'nonsense') });
      await assert.rejects(client.connect(), { code: 'unauthorized' });
      assert.equal(client.state, 'unauthorized');
      assert.equal(asked, 3);
      isGood = true;
      await client.connect();
      client.close();
    }
  });

  test('WebSockets blocked: an event stream; that blocked as well: polling, within 10 s; and back', async () => {
    let isBlocked = true;
    class Blocked extends EventTarget {
      close() {}
    }
    const WebSocket = new Proxy(NodeWebSocket, { construct: (real, all) => (isBlocked ? new Blocked() : new real(...all)) });
    const began = performance.now();
    const hangs = (url, options) => (String(url).includes('/sse') ? new Promise(() => {}) : fetch(url, options));
    const polling = open(clara, { env: { WebSocket, fetch: hangs } });
    const streaming = open(clara, { env: { WebSocket } });
    await Promise.all([polling.connect(), streaming.connect()]);
    assert.ok(performance.now() - began < 10000, `${performance.now() - began} ms`);
    assert.deepEqual([polling.state, polling.transport], ['polling', 'poll']);
    assert.deepEqual([streaming.state, streaming.transport], ['connected', 'sse']);
    const ids = [polling, streaming].map((client) => hear(client));
    await Promise.all([polling, streaming].map((client) => client.channel(PROJECT).subscribe()));
    const { eventId } = await send(open(oskar), 'to the blocked');
    await until('the event at both', () => ids.every((list) => list.includes(eventId)));
  });

  test('the gateway is killed and started: everybody is back, and has heard everything', async () => {
    const readers = transports.map((use) => open(clara, { transports: use }));
    const heard = readers.map((reader) => hear(reader));
    await Promise.all(readers.map((reader) => reader.channel(PROJECT).subscribe()));
    await world.gateway.stop('SIGKILL');
    const id = await world.sql.query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      VALUES ('${northwind.id}', '${northwind.project}', '${oskar.id}', 'client', 'while away') RETURNING id`);
    assert.ok(id);
    await world.gateway.start();
    for (const ids of heard) await until('the event', () => ids.length === 1, { timeout: 30000 });
  });

  test('a drained gateway says so, and everybody is back', async () => {
    const client = open(clara);
    const frames = [];
    client.on('frame', ({ json }) => frames.push(json));
    await client.channel(PROJECT).subscribe();
    await world.gateway.stop('SIGTERM');
    await world.gateway.start();
    await until('connected', () => client.state === 'connected', { timeout: 30000 });
    assert.ok(frames.some(({ type, payload }) => type === 'bye' && payload.code === 1012));
  });

  test('who is there: joined, changed, gone; a connection that breaks has not left', async () => {
    const [one, other] = [open(clara), open(oskar)];
    const presence = one.channel(PROJECT).presence();
    const told = [];
    for (const event of ['sync', 'join', 'update', 'leave'])
      presence.on(event, (users) => told.push([event, ...users.filter(({ id }) => id === oskar.id).map(({ status }) => status)]));
    const stop = presence.watch();
    await until('the list', () => told.length > 0);
    const mine = other.channel(PROJECT).presence();
    assert.equal(mine, other.channel(PROJECT).presence());
    mine.join({ meta: { colour: 'red' } });
    await until('there', () => presence.members.get(oskar.id)?.status === 'active');
    assert.deepEqual(presence.members.get(oskar.id).meta, { colour: 'red' });
    mine.update({ status: 'idle' });
    await until('idle', () => presence.members.get(oskar.id)?.status === 'idle');
    assert.deepEqual(presence.members.get(oskar.id).meta, { colour: 'red' });
    [...NodeWebSocket.open].forEach((socket) => socket.cut());
    await until('both back', () => one.state === 'connected' && other.state === 'connected');
    mine.update({ status: 'away' });
    await until('away', () => presence.members.get(oskar.id)?.status === 'away');
    assert.deepEqual(told.filter(([event]) => event === 'leave'), []);
    mine.leave();
    await until('gone', () => !presence.members.has(oskar.id));
    stop();
    await until('not watched any more', () => one.channel(`presence:project/${northwind.project}`).state === 'idle');
  });

  test('who polls sees who is there without asking all the time', async () => {
    const client = open(clara, { transports: ['poll'] });
    const other = open(oskar);
    let asked = 0;
    client.on('frame', ({ json }) => json.type === 'connected' && asked++);
    const presence = client.channel(PROJECT).presence();
    presence.watch();
    await until('polling', () => client.state === 'polling');
    other.channel(PROJECT).presence().join();
    await until('there', () => presence.members.has(oskar.id));
    await pause(500);
    asked = 0;
    await pause(3000);
    assert.equal(asked, 0, 'the poll waits');
  });

  test('by every transport: there, seen with what one says, typing, a cursor, and gone at once', async () => {
    const watcher = open(oskar);
    const seen = watcher.channel(PROJECT).presence();
    const said = [];
    const left = [];
    seen.watch();
    seen.on('leave', (users) => left.push(...users.map(({ id }) => id)));
    for (const type of ['cursor', 'typing_start', 'typing_stop'])
      watcher.channel(PROJECT).on(type, ({ payload, sender_id }) => sender_id === clara.id && said.push(`${type} ${payload.x ?? ''}`.trim()));
    await watcher.channel(PROJECT).subscribe();
    for (const use of transports) {
      const client = open(clara, { transports: use });
      const channel = client.channel(PROJECT);
      const presence = channel.presence();
      const own = [];
      channel.on('cursor', () => own.push(1));
      await channel.subscribe();
      presence.join({ meta: { by: use[0] } });
      await until(`${use} to be there`, () => seen.members.get(clara.id)?.meta.by === use[0]);
      await until('both to be seen', () => presence.members.has(clara.id));
      presence.update({ status: 'idle' });
      await until(`${use} to be idle`, () => seen.members.get(clara.id)?.status === 'idle');
      assert.equal(seen.members.get(clara.id).connections, 1, `${use}: one page is there once`);
      said.length = 0;
      channel.publish('typing_start', {});
      await until('typing', () => said.includes('typing_start'));
      channel.publish('typing_stop', {});
      for (let x = 1; x <= 10; x++) channel.publish('cursor', { x });
      await until('the last cursor', () => said.includes('cursor 10') && said.includes('typing_stop'));
      const before = Date.now();
      left.length = 0;
      presence.leave();
      await until(`${use} to be gone`, () => !seen.members.has(clara.id));
      assert.ok(Date.now() - before < 5000, 'at once, not after the grace');
      assert.deepEqual(own, [], `${use}: nobody hears themselves`);
      client.close();
    }
  });

  test('who falls back in the midst has neither left nor come', async () => {
    const watcher = open(oskar);
    const seen = watcher.channel(PROJECT).presence();
    const news = [];
    for (const event of ['join', 'leave']) seen.on(event, (users) => users.some(({ id }) => id === clara.id) && news.push(event));
    seen.watch();
    let isBlocked = false;
    class Blocked extends EventTarget {
      close() {}
    }
    const WebSocket = new Proxy(NodeWebSocket, { construct: (real, all) => (isBlocked ? new Blocked() : new real(...all)) });
    const client = open(clara, { env: { WebSocket } });
    client.channel(PROJECT).presence().join();
    await until('there', () => seen.members.has(clara.id));
    news.length = 0;
    isBlocked = true;
    client._core._connection._link._closed({});
    await until('another way', () => client.transport === 'sse', { timeout: 12000 });
    await pause(500);
    assert.deepEqual(news, []);
    assert.ok(seen.members.has(clara.id));
  });

  test('who loses a channel is told, and keeps the others', async () => {
    const client = open(people.bruno);
    const told = [];
    const channel = client.channel(PROJECT);
    channel.on('unsubscribed', ({ payload }) => told.push(payload.code));
    await Promise.all([channel.subscribe(), client.channel('me').subscribe()]);
    const member = `tenant_id = '${northwind.id}' AND project_id = '${northwind.project}' AND user_id = '${people.bruno.id}'`;
    const role = await world.sql.query(`SELECT role FROM copilot.project_members WHERE ${member}`);
    assert.ok(role);
    await world.sql.query(`DELETE FROM copilot.project_members WHERE ${member}`);
    await until('the end', () => told.length > 0);
    assert.deepEqual(told, ['not_found']);
    assert.equal(channel.state, 'refused');
    assert.equal(client.channel('me').state, 'subscribed');
    await world.sql.query(`INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ('${northwind.id}', '${northwind.project}', '${people.bruno.id}', '${role}')`);
    await channel.subscribe();
    assert.equal(channel.state, 'subscribed');
  });

  test('a cursor is seen by the others, not by oneself, and never kept', async () => {
    const one = open(clara);
    const other = open(oskar);
    const seen = [];
    const own = [];
    other.channel(PROJECT).on('cursor', ({ payload, ephemeral }) => seen.push([payload.x, ephemeral]));
    one.channel(PROJECT).on('cursor', () => own.push(1));
    await Promise.all([one, other].map((client) => client.channel(PROJECT).subscribe()));
    for (let x = 1; x <= 20; x++) one.channel(PROJECT).publish('cursor', { x });
    await until('the last one', () => seen.some(([x]) => x === 20));
    assert.ok(seen.length <= 4, `${seen.length} frames of 20`);
    assert.deepEqual(own, []);
  });
});
