// Ephemeral events against the real extension: two gateways of one database, and SQL.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, connect, helios, northwind, people, quote, until } from './e2e.mjs';

const { clara, oskar, bruno, bea } = people;
const room = `project:${northwind.project}`;
const ROOM = `tenant:${northwind.id}:${room}`;
const NOWHERE = '00000000-0000-4000-8000-00000000dead';

describe('ephemeral events', { timeout: 180000 }, () => {
  // a sender may say 500 things a second here, and be still no flooder
  const options = {
    rate_limit: 2000,
    rate_burst: 4000,
    user_publishes_second: 2000,
    user_publishes_minute: 100000,
    typing_timeout: 600,
  };
  const world = new World('ephemeral', { options });
  const clients = [];
  let second;

  before(async () => {
    await world.open();
    second = await world.lab.gateway(options).start();
    await knowEachOther();
  });
  after(async () => {
    for (const client of clients) client.destroy();
    await world.close();
  });

  const knowEachOther = () =>
    until('two gateways', async () =>
      (await Promise.all([world.gateway.metric('bus_peers'), second.metric('bus_peers')])).every((n) => n >= 1),
    );
  const join = async (person, { gateway = world.gateway, channel = room, payload = {} } = {}) => {
    const client = await connect(gateway.url, { token: world.token(person) });
    clients.push(client);
    client.joined = await client.subscribe(channel, payload);
    return client;
  };
  const ephemeral = (client, type) => client.all((f) => f.ephemeral && (!type || f.type === type));
  const waitEphemeral = (client, pred, options) => client.waitFor((f) => f.ephemeral && pred(f), { timeout: 5000, ...options });
  // everything said before has arrived or will not: one more word of that sender has
  async function settle(sender, ...receivers) {
    const mark = `m${Math.random().toString(36).slice(2, 10)}`;
    await new Promise((resolve) => setTimeout(resolve, 60));
    sender.publish(room, 'mark', { mark });
    await Promise.all(receivers.map((r) => waitEphemeral(r, (f) => f.payload.mark === mark)));
  }

  test('500 a second reach each receiver as at most 20, here and at another gateway, and the last one always', async () => {
    const sender = await join(clara);
    const here = await join(oskar);
    const there = await join(bruno, { gateway: second });
    const began = performance.now();
    let n = 0;
    while (performance.now() - began < 3000 || n < 1000) {
      for (let i = 0; i < 10; i++) sender.publish(room, 'cursor', { n: ++n });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const seconds = (performance.now() - began) / 1000;
    assert.ok(n > 40 * seconds, `only ${n} were sent in ${seconds} s`);
    for (const receiver of [here, there]) {
      const last = await waitEphemeral(receiver, (f) => f.type === 'cursor' && f.payload.n === n);
      assert.equal(last.sender_id, clara.id);
      const got = ephemeral(receiver, 'cursor');
      assert.ok(got.length <= 20 * seconds + 3, `${got.length} frames in ${seconds} s`);
      assert.ok(got.length >= 8 * seconds, `${got.length} frames in ${seconds} s`);
      assert.deepEqual(got.map((f) => f.payload.n), got.map((f) => f.payload.n).sort((a, b) => a - b), 'in order');
    }
    assert.equal(ephemeral(sender).length, 0, 'nobody hears what they say');
    for (const client of [sender, here, there]) client.destroy();
  });

  test('it goes both ways, with every byte as it was, up to 6,144 of them', async () => {
    const one = await join(clara);
    const two = await join(oskar, { gateway: second });
    const text = { s: 'é€😀 "\\ \n 3:e:', n: '0.10' };
    one.sendText(`{"type":"publish","channel":"${room}","payload":{"type":"cursor","data":{"a": 0.10,"b":${JSON.stringify(text)}}}}`);
    const frame = await waitEphemeral(two, (f) => f.type === 'cursor');
    assert.deepEqual(frame.payload.b, text);
    assert.equal(frame.channel, ROOM);
    assert.ok(!('id' in frame));
    for (const [sender, receiver] of [[one, two], [two, one]]) {
      for (const letter of ['x', '€', '"']) {
        const size = letter === '€' ? 3 : letter === '"' ? 2 : 1;
        const data = letter.repeat(Math.floor(6142 / size));
        const type = `big_${'xe'.at(size % 2)}${size}`;
        sender.publish(room, type, data);
        assert.equal((await waitEphemeral(receiver, (f) => f.type === type)).payload, data);
        const refused = await sender.request({ type: 'publish', channel: room, payload: { type, data: data + letter.repeat(3) } });
        assert.equal(refused.payload.code, 'too_large');
      }
    }
    one.destroy();
    two.destroy();
  });

  test('typing ends by itself', async () => {
    const sender = await join(clara);
    const receivers = [await join(oskar), await join(bruno, { gateway: second })];
    const began = performance.now();
    sender.send({ type: 'typing_start', channel: room, payload: { in: 'thread' } });
    for (const receiver of receivers) {
      const start = await waitEphemeral(receiver, (f) => f.type === 'typing_start');
      const stop = await waitEphemeral(receiver, (f) => f.type === 'typing_stop');
      assert.deepEqual([start.payload, stop.payload], [{ in: 'thread' }, { in: 'thread' }]);
      assert.equal(stop.sender_id, clara.id);
      assert.ok(receiver.receivedAt(stop) - began >= 590, 'not too early');
    }
    for (const client of [sender, ...receivers]) client.destroy();
  });

  for (const [what, end] of [
    ['the connection ends', (client) => client.destroy()],
    ['the sender leaves the channel', (client) => client.unsubscribe(room)],
    ['the sender says so', (client) => client.send({ type: 'typing_stop', channel: room, payload: {} })],
  ]) {
    test(`typing ends when ${what}, once`, async () => {
      const sender = await join(clara);
      const receivers = [await join(oskar), await join(bruno, { gateway: second })];
      sender.send({ type: 'typing_start', channel: room, payload: {} });
      for (const receiver of receivers) await waitEphemeral(receiver, (f) => f.type === 'typing_start');
      end(sender);
      for (const receiver of receivers) await waitEphemeral(receiver, (f) => f.type === 'typing_stop');
      await new Promise((resolve) => setTimeout(resolve, 700)); // past the time-out of the gateways
      const other = await join(oskar);
      await settle(other, ...receivers);
      for (const receiver of receivers) assert.equal(ephemeral(receiver, 'typing_stop').length, 1);
      for (const client of [sender, other, ...receivers]) client.destroy();
    });
  }

  test('typing ends at the others when the gateway of the sender is killed', async () => {
    const third = await world.lab.gateway(options).start();
    const receiver = await join(oskar);
    const sender = await join(clara, { gateway: third });
    await until('it is heard', async () => {
      sender.send({ type: 'typing_start', channel: room, payload: {} });
      return ephemeral(receiver, 'typing_start').length > 0;
    });
    process.kill(third.pid, 'SIGKILL');
    await waitEphemeral(receiver, (f) => f.type === 'typing_stop');
    receiver.destroy();
  });

  test('other connections of the same user hear it, and nobody of another tenant or outside of the channel', async () => {
    const sender = await join(clara);
    const tab = await join(clara, { gateway: second });
    const outside = await join(clara, { channel: 'me' });
    const foreign = await join(bea, { channel: `project:${helios.project}` });
    sender.publish(room, 'cursor', { x: 1 });
    await waitEphemeral(tab, (f) => f.type === 'cursor');
    await world.sql.query(`SELECT wrk.broadcast('tenant:${helios.id}:project:${helios.project}', 'mark', '{}')`);
    await waitEphemeral(foreign, (f) => f.type === 'mark');
    assert.equal(ephemeral(foreign).length, 1);
    assert.equal(ephemeral(outside).length, 0);
    for (const client of [sender, tab, outside, foreign]) client.destroy();
  });

  test('nothing is stored', async () => {
    // all tables of the extension and the application but those that say who is connected
    const count = `SELECT string_agg(n, E'\\n' ORDER BY n) FROM (SELECT t.oid::regclass || ' ' ||
      (xpath('//c/text()', query_to_xml(format('SELECT count(*) AS c FROM %s', t.oid::regclass), false, true, '')))[1]::text AS n
      FROM pg_class t WHERE t.relkind = 'r' AND t.relnamespace IN ('wrk'::regnamespace, 'copilot'::regnamespace)
        AND t.relname !~ '^(gateway_|presence|last_seen|maintenance)') x`;
    const sender = await join(clara);
    const receiver = await join(oskar, { gateway: second });
    const was = await world.sql.query(count);
    for (let i = 0; i < 500; i++) sender.publish(room, `kind_${i % 5}`, { i });
    sender.send({ type: 'typing_start', channel: room, payload: {} });
    await world.sql.query(`SELECT wrk.broadcast('${ROOM}', 'note', '{}')`);
    await settle(sender, receiver);
    await waitEphemeral(receiver, (f) => f.type === 'note');
    assert.equal(await world.sql.query(count), was);
    sender.destroy();
    receiver.destroy();
  });

  test('who comes later is told nothing of it, nor who comes back with a position', async () => {
    const sender = await join(clara);
    const receiver = await join(oskar);
    const { position } = receiver.joined.payload;
    sender.publish(room, 'cursor', { x: 1 });
    await waitEphemeral(receiver, () => true);
    const later = await join(bruno, { payload: { since: position } });
    assert.deepEqual(later.joined.payload.events, []);
    await settle(sender, later);
    assert.equal(ephemeral(later, 'cursor').length, 0);
    for (const client of [sender, receiver, later]) client.destroy();
  });

  // ---------- SQL

  describe('from SQL', () => {
    test('wrk.broadcast() reaches subscribers at every gateway with the commit, and not without one', async () => {
      const receivers = [await join(oskar), await join(bruno, { gateway: second })];
      await world.sql.query(world.as(clara, `SELECT wrk.broadcast('${room}', 'cursor', '{"x": 1, "t": "é€"}')`));
      for (const receiver of receivers) {
        const frame = await waitEphemeral(receiver, (f) => f.type === 'cursor');
        assert.deepEqual(frame, { type: 'cursor', channel: ROOM, payload: { x: 1, t: 'é€' }, sender_id: clara.id, ephemeral: true });
      }
      const rolledBack = world.as(clara, `SELECT wrk.broadcast('${room}', 'secret', '{}')`).replace('COMMIT', 'ROLLBACK');
      await world.sql.query(rolledBack);
      await world.sql.query(`SELECT wrk.broadcast('${ROOM}', 'mark', '{}')`);
      for (const receiver of receivers) {
        const mark = await waitEphemeral(receiver, (f) => f.type === 'mark');
        assert.equal(mark.sender_id, null);
        assert.equal(ephemeral(receiver, 'secret').length, 0);
        receiver.destroy();
      }
    });

    test('a payload of 6,144 bytes arrives', async () => {
      const receiver = await join(oskar);
      await world.sql.query(world.as(clara, `SELECT wrk.broadcast('${room}', 'cursor', to_jsonb(repeat('€', 2047)))`));
      assert.equal((await waitEphemeral(receiver, (f) => f.type === 'cursor')).payload, '€'.repeat(2047));
      receiver.destroy();
    });

    test('a channel of another tenant and one that is not there are refused alike', async () => {
      const refusal = (channel) =>
        world.sql.query(world.as(clara, `SELECT wrk.broadcast(${quote(channel)}, 'cursor', '{}')`)).then(
          () => assert.fail(`may send to ${channel}`),
          async (error) => {
            await world.sql.query('ROLLBACK');
            return `${error.sqlstate} ${error.message.split('\n')[0]}`.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');
          },
        );
      const theirs = await refusal(`tenant:${helios.id}:project:${helios.project}`);
      assert.match(theirs, /^WK404/);
      assert.equal(theirs, await refusal(`tenant:${NOWHERE}:project:${NOWHERE}`));
      assert.equal(await refusal(`project:${helios.project}`), await refusal(`project:${NOWHERE}`));
    });

    test('whoever listens to names that can be guessed hears nothing', async () => {
      await world.sql.query('CREATE ROLE spy LOGIN IN ROLE wrk_member, pg_monitor');
      const spy = world.lab.session({ role: 'spy' });
      const names = ['wrk_x', 'wrk_x_', `wrk_x_${'0'.repeat(32)}`, 'wrk_bus', 'wrk_gateway_bus', 'wrk_event', 'wrk_x_mock', room];
      for (const name of names) await spy.query(`LISTEN "${name}"`);
      const sender = await join(clara);
      const receiver = await join(oskar, { gateway: second });
      for (let i = 0; i < 20; i++) await settle(sender, receiver);
      const heard = await spy.query('SELECT 1');
      assert.doesNotMatch(heard, /mark|project|payload "[^"]/);
      // and may not find out: not even who may see what everybody runs
      assert.equal(await spy.query(`SELECT count(*) FROM pg_stat_activity WHERE query ~ 'wrk_x_[0-9a-f]'`), '0');
      for (const attempt of ['SELECT * FROM wrk.gateway_bus', 'SELECT wrk.gateway_listen()', `SELECT wrk.gateway_send('{x}')`, 'SELECT wrk.gateway_bus_name()'])
        await assert.rejects(spy.query(attempt), (error) => error.sqlstate === '42501', attempt);
      sender.destroy();
      receiver.destroy();
      await spy.close();
    });

    const word = (type, data = '{}', channel = ROOM, user = clara.id) => {
      const text = `${JSON.stringify([channel, user, type])}\n${data}`;
      return `a0 e:${Buffer.byteLength(text)}:${text}`;
    };

    test('what somebody notifies on names that can be guessed changes nothing', async () => {
      const receiver = await join(oskar);
      const before = await world.gateway.metric('bus_messages_in_total');
      for (const name of ['wrk_x', 'wrk_x_', `wrk_x_${'0'.repeat(32)}`, 'wrk_bus', room])
        await world.sql.query(`SELECT pg_notify(${quote(name)}, ${quote(word('forged'))})`);
      await world.sql.query(`SELECT pg_notify('wrk_event', ${quote(word('forged'))})`); // rings the bell, no more
      await world.sql.query(`SELECT wrk.broadcast('${ROOM}', 'mark', '{}')`);
      await waitEphemeral(receiver, (f) => f.type === 'mark');
      assert.equal(ephemeral(receiver, 'forged').length, 0);
      assert.ok((await world.gateway.metric('bus_messages_in_total')) - before <= 3); // the mark, and that others live
      receiver.destroy();
    });

    test('not even who knows the name can say what only the database says', async () => {
      const channel = await world.sql.query('SELECT channel FROM wrk.gateway_bus');
      const receiver = await join(oskar);
      const seen = receiver.frames.length;
      const malformed = await world.gateway.metric('bus_malformed_total');
      const forged = [
        word('message.created', '{"id":"1"}'), word('gap', '{"reason":"x"}'), word('bye', '{"code":4501}'), word('position', '{"position":"x"}'),
        word('presence:join'), word('cursor', '{},"id":"1","x":{}'), word('cursor', '{}}'), word('cursor', ''), word('cursor', 'x'.repeat(20)),
        word('cursor', `"${'x'.repeat(6200)}"`), 'a0 e:999:x', 'a0 e:5:[]\n{}', 'nonsense',
      ];
      for (const payload of forged) await world.sql.query(`SELECT pg_notify('${channel}', ${quote(payload)})`);
      await world.sql.query(`SELECT wrk.broadcast('${ROOM}', 'mark', '{}')`);
      await waitEphemeral(receiver, (f) => f.type === 'mark');
      const got = receiver.frames.slice(seen).filter((f) => f.type !== 'position');
      assert.deepEqual(got.map((f) => f.type), ['mark']);
      assert.equal((await world.gateway.metric('bus_malformed_total')) - malformed, forged.length);
      receiver.destroy();
    });

    test('after the name was changed everything goes on, and the old names are deaf', async () => {
      const old = await world.sql.query('SELECT channel FROM wrk.gateway_bus');
      const sender = await join(clara);
      const receiver = await join(oskar, { gateway: second });
      for (let i = 0; i < 3; i++) {
        await world.sql.query('SELECT wrk.gateway_bus_rotate()');
        await settle(sender, receiver);
      }
      const listened = await world.sql.query('SELECT previous, channel, next FROM wrk.gateway_bus');
      assert.ok(!listened.includes(old));
      await world.sql.query(`SELECT pg_notify('${old}', ${quote(word('forged'))})`);
      await settle(sender, receiver);
      assert.equal(ephemeral(receiver, 'forged').length, 0);
      sender.destroy();
      receiver.destroy();
    });
  });

  // ---------- rights

  test('who may only read may not publish, and who is not in the channel does not learn whether it is there', async () => {
    const client = await join(clara, { channel: 'me' });
    const refused = async (channel) => {
      const { requestId, ...answer } = await client.request({ type: 'publish', channel, payload: { type: 'cursor', data: {} } });
      return JSON.stringify(answer).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');
    };
    assert.match(await refused('me'), /"forbidden"/);
    assert.equal(await refused(`project:${helios.project}`), await refused(`project:${NOWHERE}`));
    assert.match(await refused(room), /"not_found"/);
    client.destroy();
  });

  test('who has lost the channel publishes nothing any more', async () => {
    const member = `('${northwind.id}', '${northwind.project}', '${bruno.id}')`;
    const sender = await join(bruno);
    const receivers = [await join(oskar), await join(clara, { gateway: second })];
    await settle(sender, ...receivers);
    sender.send({ type: 'typing_start', channel: room, payload: {} });
    await waitEphemeral(receivers[0], (f) => f.type === 'typing_start');
    await world.sql.query(`DELETE FROM copilot.project_members WHERE (tenant_id, project_id, user_id) = ${member}`);
    await sender.waitFor((f) => f.type === 'unsubscribed' && f.channel === ROOM, { timeout: 5000 });
    for (const receiver of receivers) await waitEphemeral(receiver, (f) => f.type === 'typing_stop');
    sender.publish(room, 'cursor', { late: true });
    const answer = await sender.request({ type: 'publish', channel: room, payload: { type: 'cursor', data: { late: true } } });
    assert.equal(answer.payload.code, 'not_found');
    const other = await join(oskar);
    await settle(other, ...receivers);
    for (const receiver of receivers) assert.equal(ephemeral(receiver, 'cursor').length, 0);
    await world.sql.query(
      `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role) VALUES (${member.slice(1, -1)}, 'builder')`,
    );
    for (const client of [sender, other, ...receivers]) client.destroy();
  });

  // ---------- the filter

  describe('a subscription for some types', () => {
    const task = (title) =>
      world.sql.query(`INSERT INTO copilot.tasks (tenant_id, project_id, kind, title) VALUES ('${northwind.id}', '${northwind.project}', 'general_todo', '${title}')`);
    const events = (client) => client.all((f) => f.id && f.channel === ROOM);

    test('gets these and no others, live and replayed, with positions that are true', async () => {
      const all = await join(oskar);
      const some = await join(oskar, { payload: { types: ['task.*'] } });
      assert.deepEqual(some.joined.payload.types, ['task.*']);
      const start = some.joined.payload.position;
      for (let i = 0; i < 5; i++) {
        await world.message(northwind, clara, 'client', `m${i}`);
        await task(`t${i}`);
      }
      await until('all are there', () => events(all).length === 10);
      await until('and some', () => events(some).length === 5);
      assert.deepEqual(events(some).map((f) => f.id), events(all).filter((f) => f.type.startsWith('task.')).map((f) => f.id));
      const { position } = (await some.waitFor((f) => f.type === 'position' && some.frames.indexOf(f) > some.frames.indexOf(events(some).at(-1)))).payload;
      some.destroy();
      // from that position on nothing is missing and nothing comes twice
      await world.message(northwind, clara, 'client', 'between');
      await task('between');
      await until('all', () => events(all).length === 12);
      const back = await join(oskar, { payload: { types: ['task.*'], since: position } });
      assert.deepEqual(back.joined.payload.events.map((e) => e.payload.data?.title), ['between']);
      // ... and from the beginning all of these types
      const again = await join(oskar, { payload: { types: ['task.*', 'message.created'], since: start } });
      assert.equal(again.joined.payload.recovered, true);
      assert.deepEqual(again.joined.payload.events.map((e) => e.id), events(all).map((e) => e.id));
      // another filter for the same channel counts from its answer on
      const { payload } = await again.subscribe(room, { types: ['message.*'] });
      assert.deepEqual(payload.types, ['message.*']);
      const had = events(again).length;
      await task('filtered');
      await world.message(northwind, clara, 'client', 'not filtered');
      await until('the message', () => events(again).length > had);
      assert.deepEqual(events(again).slice(had).map((e) => e.type), ['message.created']);
      // none again: everything
      assert.ok(!('types' in (await again.subscribe(room)).payload));
      await task('seen');
      await until('the task', () => events(again).at(-1).payload.data.title === 'seen');
      for (const client of [all, back, again]) client.destroy();
    });

    test('is for ephemeral events, too', async () => {
      const sender = await join(clara);
      const receiver = await join(oskar, { payload: { types: ['cursor', 'mark'] } });
      sender.publish(room, 'selection', {});
      sender.publish(room, 'cursor', {});
      await settle(sender, receiver);
      assert.deepEqual(ephemeral(receiver).map((f) => f.type), ['cursor', 'mark']);
      sender.destroy();
      receiver.destroy();
    });

    test('refuses what is no filter, and leaves the subscription as it was', async () => {
      const client = await join(oskar);
      for (const types of [[], 'task.*', ['a b'], ['*.x'], [1], Array(33).fill('a'), { a: 1 }]) {
        const { payload } = await client.request({ type: 'subscribe', channel: room, payload: { types } });
        assert.equal(payload.code, 'bad_request', JSON.stringify(types));
      }
      await task('still here');
      await until('the task', () => events(client).length === 1);
      client.destroy();
    });
  });
});
