// MessageThread and UnreadCounts on a client without a connection.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { MessageThread, UnreadCounts } from '../src/app.js';
import { FakeClient, FakeClock, dice, settle } from './fake.mjs';

const REFUSAL = { code: 'forbidden', status: 403, message: 'not for you', retry: 'no' };
const at = (n) => new Date(1_700_000_000_000 + n * 1000).toISOString().replace('Z', '+00:00');
const row = (n, more) => ({ id: `m${String(n).padStart(3, '0')}`, project_id: '1', type: 'client', body: `b${n}`, author_id: 'V', created_at: at(n), edited_at: null, deleted_at: null, ...more });
const own = (n, more) => row(n, { author_id: 'U', ...more });

describe('MessageThread', () => {
  let clock, client, channel, thread, errors, rows, unread, receipts;
  const bodies = () => thread.state.messages.map(({ body }) => body).join(' ');
  const states = () => thread.state.messages.map(({ state }) => state).join(' ');
  const calls = (method) => client.calls.filter((call) => call.method === method);
  const come = (data, more) => channel.emit('message.created', { id: data.id, data }, more);
  const change = (data, more) => channel.emit('message.updated', { id: data.id, data }, more);

  const begin = async (options) => {
    thread = new MessageThread(client, 'project:1', { env: client.env, page: 3, ...options });
    thread.on('error', ({ code }) => errors.push(code));
    await thread.open();
    await settle();
  };

  beforeEach(() => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    channel = client.channel('project:1');
    [errors, rows, unread, receipts] = [[], [], 0, {}];
    Object.assign(client.methods, {
      'message.list': ({ after, limit }) => {
        const sorted = [...rows].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
        const from = after ? sorted.findIndex(({ id }) => id === after) + 1 : 0;
        const messages = sorted.slice(from, from + limit);
        return { messages, next: from + limit < sorted.length ? messages.at(-1).id : null };
      },
      'message.unread': () => ({ total: unread, threads: unread ? [{ kind: 'project', id: '1', unread }] : [] }),
      'message.mark_delivered': () => ({}),
      'message.mark_read': () => ({ moved: true }),
      'message.receipts': ({ id }) => ({ id, receipts: Object.entries(receipts[id] ?? {}).map(([user_id, state]) => ({ user_id, state })) }),
    });
  });

  test('is in the order of the server, whatever comes when, and each is there once', async () => {
    rows = [row(1), row(2)];
    await begin();
    come(row(5));
    come(row(4));
    come(row(5));
    come(row(2));
    assert.equal(bodies(), 'b1 b2 b4 b5');
  });

  test('what is sent is last and sending, then sent, under one key, whether the answer or the event is first', async () => {
    for (const isEventFirst of [false, true]) {
      rows = [row(1)];
      await begin();
      const sent = thread.send('mine');
      const [, { key, id, isOwn }] = thread.state.messages;
      assert.deepEqual([bodies(), states(), id, isOwn], ['b1 mine', 'read sending', key, true]);
      const call = calls('message.send').at(-1);
      assert.deepEqual([call.params, call.key, call.options.order], [{ project_id: '1', body: 'mine' }, key, 'project:1']);
      come(row(2));
      assert.equal(bodies(), 'b1 b2 mine');
      const answer = () => call.answer(own(3, { body: 'mine' }), '5000');
      const event = () => come(own(3, { body: 'mine' }), { key });
      const both = isEventFirst ? [event, answer] : [answer, event];
      for (const one of both) {
        one();
        await settle();
        assert.deepEqual([bodies(), states().split(' ').at(-1)], ['b1 b2 mine', 'sent']);
        assert.deepEqual([thread.state.messages.at(-1).key, thread.state.messages.at(-1).id], [key, 'm003']);
      }
      assert.equal(await sent, 'm003');
      thread.close();
    }
  });

  test('what failed stays, with its reason, and is tried again with the same key or given up', async () => {
    await begin();
    const sent = thread.send('mine', { mentions: ['V'] });
    calls('message.send')[0].refuse(REFUSAL);
    await assert.rejects(sent, { code: 'forbidden' });
    const [failed] = thread.state.messages;
    assert.deepEqual([failed.state, failed.error.message, errors, thread.state.error.code], ['failed', 'not for you', ['forbidden'], 'forbidden']);
    const again = thread.retry(failed.id);
    assert.deepEqual([states(), thread.state.messages[0].error, thread.state.error], ['sending', undefined, null]);
    const [first, second] = calls('message.send');
    assert.deepEqual([second.key, second.params], [first.key, first.params]);
    assert.equal(thread.retry(failed.id) instanceof Promise, true);
    assert.equal(calls('message.send').length, 2, 'one under way is not sent again');
    second.answer(own(1, { body: 'mine' }), '5000');
    assert.equal(await again, 'm001');
    thread.send('other').catch(() => {});
    calls('message.send')[2].refuse(REFUSAL);
    await settle();
    thread.discard(thread.state.messages[1].id);
    assert.equal(bodies(), 'mine');
    await assert.rejects(thread.retry('gone'), { code: 'not_found' });
  });

  test('whose answer never came, but whose event did, has not failed', async () => {
    await begin();
    const sent = thread.send('mine');
    const [call] = calls('message.send');
    come(own(1, { body: 'mine' }), { key: call.key });
    call.refuse({ code: 'timeout' });
    assert.equal(await sent, 'm001');
    assert.deepEqual([states(), errors], ['sent', []]);
  });

  test('an answer that is older than what is there does not replace it', async () => {
    await begin();
    thread.send('mine');
    const [call] = calls('message.send');
    come(own(1, { body: 'mine' }), { key: call.key });
    change(own(1, { body: 'edited', edited_at: at(9) }));
    call.answer(own(1, { body: 'mine' }), '1001');
    await settle();
    assert.equal(bodies(), 'edited');
  });

  test('edits and deletions are shown at once, and taken back when they are refused', async () => {
    rows = [own(1), own(2)];
    await begin();
    const edit = thread.edit('m001', 'B1');
    const gone = thread.remove('m002');
    assert.equal(bodies(), 'B1 ');
    assert.deepEqual(thread.state.messages.map(({ isPending }) => isPending), [true, true]);
    assert.deepEqual(calls('message.edit')[0].params, { id: 'm001', body: 'B1' });
    calls('message.edit')[0].refuse({ ...REFUSAL, message: 'a message may be edited for 15 minutes' });
    await assert.rejects(edit, { code: 'forbidden' });
    assert.deepEqual([bodies(), thread.state.error.message], ['b1 ', 'a message may be edited for 15 minutes']);
    const { key } = calls('message.delete')[0];
    change(own(2, { body: '', deleted_at: at(9) }), { key });
    calls('message.delete')[0].answer({ id: 'm002' }, null);
    await gone;
    assert.deepEqual(thread.state.messages.map(({ isPending }) => isPending), [false, false]);
    await assert.rejects(thread.edit('m009', 'x'), { code: 'not_found' });
  });

  test('messages that have not changed stay the same objects', async () => {
    rows = [own(1), row(2)];
    await begin();
    const [one, two] = thread.state.messages;
    come(row(3));
    thread.send('x');
    assert.deepEqual([thread.state.messages[0] === one, thread.state.messages[1] === two], [true, true]);
    channel.emit('message.read', { id: 'm001', user_id: 'V' });
    assert.deepEqual([thread.state.messages[0] === one, thread.state.messages[0].state, thread.state.messages[1] === two], [false, 'read', true]);
  });

  test('sent, delivered, read: by anybody else, up to a message, and never back', async () => {
    rows = [own(1), own(2), own(3)];
    await begin();
    assert.equal(states(), 'sent sent sent');
    channel.emit('message.delivered', { id: 'm002', user_id: 'V' });
    channel.emit('message.read', { id: 'm003', user_id: 'U' });
    assert.equal(states(), 'delivered delivered sent');
    channel.emit('message.read', { id: 'm001', user_id: 'W' });
    assert.equal(states(), 'read delivered sent');
    channel.emit('message.read', { id: 'm003', user_id: 'V' });
    channel.emit('message.delivered', { id: 'm001', user_id: 'V' });
    assert.equal(states(), 'read read read');
  });

  test('how far others had got before is asked for, with few calls', async () => {
    rows = Array.from({ length: 64 }, (_, i) => own(i));
    receipts = Object.fromEntries(rows.map(({ id }, i) => [id, { V: i <= 20 ? 'read' : 'delivered', U: 'read' }]));
    await begin({ page: 64 });
    await clock.advance(10);
    assert.deepEqual(thread.state.messages.map(({ state }) => state), rows.map((_, i) => (i <= 20 ? 'read' : 'delivered')));
    assert.ok(calls('message.receipts').length <= 8, `${calls('message.receipts').length} calls`);
  });

  test('whether that is known yet is said, or all would be taken for unread by who looks too early', async () => {
    rows = [row(1), row(2)];
    delete client.methods['message.unread']; // it is asked, and takes its time
    await begin();
    assert.deepEqual([bodies(), thread.state.unread, thread.state.isCounted], ['b1 b2', 2, false]);
    calls('message.unread').at(-1).answer({ total: 0, threads: [] });
    await settle();
    assert.deepEqual([thread.state.unread, thread.state.isCounted], [0, true]);
  });

  test('what is unread is the number of the server with what comes, of others', async () => {
    rows = [row(1), row(2), own(3)];
    unread = 7; // five of them are older than this page
    await begin({ page: 3 });
    assert.equal(thread.state.unread, 7);
    assert.equal(calls('message.mark_delivered').length, 1);
    come(row(4));
    come(own(5));
    assert.equal(thread.state.unread, 8);
    change(row(4, { deleted_at: at(9) }));
    assert.equal(thread.state.unread, 7);
  });

  test('marking is shown at once and told a moment later, once for all, and never goes back', async () => {
    rows = [row(1), row(2), row(3)];
    unread = 3;
    await begin();
    thread.markRead('m001');
    assert.equal(thread.state.unread, 2);
    thread.markRead('m002');
    thread.markRead();
    thread.markRead('m001');
    assert.deepEqual([thread.state.unread, states()], [0, 'read read read']);
    await clock.advance(1000);
    assert.deepEqual(calls('message.mark_read').map(({ params }) => params), [{ id: 'm003' }]);
    thread.markRead();
    await clock.advance(1000);
    assert.equal(calls('message.mark_read').length, 1);
    come(row(4));
    thread.markRead();
    thread.close();
    assert.deepEqual(calls('message.mark_read').map(({ params }) => params.id), ['m003', 'm004'], 'told when it is closed');
  });

  test('another window of the same person has read', async () => {
    rows = [row(1), row(2)];
    unread = 2;
    await begin();
    channel.emit('message.read', { id: 'm001', user_id: 'U' });
    assert.equal(thread.state.unread, 1);
  });

  test('what is read while it is being counted is not counted', async () => {
    rows = [row(1), row(2)];
    delete client.methods['message.unread'];
    await begin();
    thread.markRead();
    calls('message.unread')[0].answer({ total: 2, threads: [{ kind: 'project', id: '1', unread: 2 }] });
    await settle();
    assert.equal(thread.state.unread, 0);
  });

  test('older ones come page by page, without a gap, and what is heard of them meanwhile is in them', async () => {
    rows = Array.from({ length: 8 }, (_, i) => row(i + 1));
    await begin();
    assert.deepEqual([bodies(), thread.state.hasOlder], ['b6 b7 b8', true]);
    change(row(2, { body: 'B2', edited_at: at(99) })); // not there yet: no gap
    assert.equal(bodies(), 'b6 b7 b8');
    const older = thread.loadOlder();
    assert.equal(thread.loadOlder(), older);
    assert.equal(thread.state.isLoadingOlder, true);
    change(row(4, { body: 'B4', edited_at: at(99) }));
    await older;
    assert.deepEqual([bodies(), thread.state.isLoadingOlder], ['b3 B4 b5 b6 b7 b8', false]);
    await thread.loadOlder();
    await thread.loadOlder();
    assert.deepEqual([bodies(), thread.state.hasOlder, calls('message.list').length], ['b1 B2 b3 B4 b5 b6 b7 b8', false, 3]);
  });

  test('a page that was asked for before a resync does not count', async () => {
    rows = Array.from({ length: 9 }, (_, i) => row(i + 1));
    await begin();
    const list = client.methods['message.list'];
    delete client.methods['message.list'];
    const older = thread.loadOlder();
    rows.push(row(10), row(11));
    client.methods['message.list'] = list;
    channel.signal('resync');
    await settle();
    calls('message.list')[1].answer(list({ after: 'm007', limit: 3 }));
    await older;
    assert.deepEqual([bodies(), thread.state.hasOlder], ['b9 b10 b11', true]);
  });

  test('with a type there are only those, and what is sent is one', async () => {
    rows = [row(1, { type: 'ops' }), row(2), row(3), row(4), row(5), row(6)];
    await begin({ type: 'ops' });
    assert.deepEqual([bodies(), thread.state.hasOlder], ['', true]);
    await thread.loadOlder();
    assert.deepEqual([bodies(), thread.state.hasOlder], ['b1', false]);
    thread.send('x');
    assert.equal(calls('message.send')[0].params.type, 'ops');
    come(row(7));
    come(row(8, { type: 'ops' }));
    assert.deepEqual([bodies(), thread.state.unread], ['b1 b8 x', 1]);
  });

  test('past so many it begins anew with its last page', async () => {
    rows = Array.from({ length: 5 }, (_, i) => row(i + 1));
    await begin({ most: 8 });
    for (let i = 6; i < 30; i++) {
      rows.push(row(i));
      come(row(i));
      await settle();
    }
    assert.ok(thread.state.messages.length <= 8, `${thread.state.messages.length} messages`);
    assert.equal(bodies().split(' ').at(-1), 'b29');
    assert.equal(thread.state.hasOlder, true);
  });

  test('a message too large for an event is read', async () => {
    await begin();
    rows = [row(1, { body: 'large' })];
    channel.emit('message.created', { id: 'm001', oversize: true });
    await settle();
    assert.equal(bodies(), 'large');
  });

  test('of a room they are of type chat', async () => {
    thread = new MessageThread(client, 'chat:7', { env: client.env });
    await thread.open();
    thread.send('x');
    assert.deepEqual([calls('message.list')[0].params.room_id, calls('message.send')[0].params, thread.state.messages[0].type], ['7', { room_id: '7', body: 'x' }, 'chat']);
  });

  test('closed, what is under way is sent all the same, and nothing more is told', async () => {
    await begin();
    const changes = [];
    thread.on('change', (state) => changes.push(state));
    const sent = thread.send('mine');
    const before = changes.length;
    thread.close();
    calls('message.send')[0].answer(own(1), '5000');
    assert.equal(await sent, 'm001');
    come(row(2));
    await clock.advance(60000);
    assert.deepEqual([changes.length, channel.refs, clock.pending], [before, 0, 0]);
  });

  // A server whose answers and events come late and in any order of the two; some sends are refused, some events lost
  // with a resync after them.
  test('whatever happens in whatever order, in the end what the server has is shown, once and in its order', async () => {
    const seed = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
    for (let run = 0; run < 60; run++) {
      const d = dice(seed + run);
      clock = new FakeClock();
      client = new FakeClient({ clock });
      channel = client.channel('project:1');
      const table = new Map();
      let [eventId, last, isLossy] = [0, 0, false];
      const soon = (fn) => clock.setTimeout(fn, d.below(400));
      const tell = (type, payload, key) => {
        const id = String(++eventId);
        last = Math.max(last, clock.now() + d.below(300));
        if (!isLossy) clock.setTimeout(() => channel.emit(type, structuredClone(payload), { id, key }), last - clock.now());
        return id;
      };
      const put = (data, type, key) => (table.set(data.id, data), tell(type, { id: data.id, data }, key));
      const write = (body, author_id, key) => {
        const made = row(eventId + 1, { body, author_id, id: `x${String(eventId).padStart(4, '0')}`, created_at: at(clock.now() / 1000 - 1_700_000_000 + eventId / 1e6) });
        return [made, put(made, 'message.created', key)];
      };
      client.call = (method, params, { key } = {}) =>
        new Promise((resolve, reject) =>
          soon(() => {
            const answer = (payload, id = null) => soon(() => resolve({ payload: structuredClone(payload), eventId: id, key }));
            const all = [...table.values()].sort((a, b) => (a.created_at + a.id < b.created_at + b.id ? 1 : -1));
            if (method === 'message.list') {
              const from = params.after ? all.findIndex(({ id }) => id === params.after) + 1 : 0;
              const messages = all.slice(from, from + params.limit);
              answer({ messages, next: from + params.limit < all.length ? messages.at(-1).id : null });
            } else if (method === 'message.send') {
              if (d.chance(0.2)) return soon(() => reject(REFUSAL));
              answer(...write(params.body, 'U', key));
            } else if (method === 'message.edit' || method === 'message.delete') {
              const before = table.get(params.id);
              if (!before || before.deleted_at || d.chance(0.2)) return soon(() => reject(REFUSAL));
              const stamp = at(clock.now() / 1000 - 1_700_000_000);
              const next = method === 'message.edit' ? { ...before, body: params.body, edited_at: stamp } : { ...before, body: '', deleted_at: stamp };
              answer(next, put(next, 'message.updated', key));
            } else answer({ threads: [], receipts: [] });
          }),
        );
      for (let i = 0; i < 6; i++) write(`early ${i}`, 'V');
      const shown = new MessageThread(client, 'project:1', { env: { ...client.env, random: () => d.next() }, page: 4 });
      shown.open();
      for (let i = 0; i < 30; i++) {
        const { id } = shown.state.messages.length ? d.pick(shown.state.messages) : { id: 'none' };
        if (d.chance(0.3)) shown.send(`mine ${i}`);
        else if (d.chance(0.3)) write(`theirs ${i}`, 'V');
        else if (d.chance(0.3)) shown.edit(id, `edited ${i}`);
        else if (d.chance(0.2)) shown.remove(id);
        else if (d.chance(0.3)) shown.loadOlder();
        else if (d.chance(0.2)) shown.retry(id);
        else if (d.chance(0.2)) {
          isLossy = true;
          write(`missed ${i}`, 'V');
          isLossy = false;
          // a resync comes where the events would have been
          clock.setTimeout(() => channel.signal('resync'), Math.max(0, last - clock.now()));
        }
        const keys = shown.state.messages.map(({ key }) => key);
        assert.equal(new Set(keys).size, keys.length, `seed ${seed + run}: a message is there twice`);
        await clock.advance(d.below(300));
      }
      await clock.advance(20000);
      while (shown.state.hasOlder) {
        shown.loadOlder();
        await clock.advance(2000);
      }
      const expected = [...table.values()].sort((a, b) => (a.created_at + a.id < b.created_at + b.id ? -1 : 1)).map(({ id, body }) => [id, body]);
      const got = shown.state.messages.filter(({ state }) => state !== 'failed');
      assert.deepEqual(got.map(({ id, body }) => [id, body]), expected, `seed ${seed + run}`);
      assert.ok(got.every(({ isPending, state }) => !isPending && state !== 'sending'), `seed ${seed + run}: something is pending`);
      shown.close();
    }
  });
});

describe('UnreadCounts', () => {
  test('counts of the server; an event changes a thread that is watched at once, and has all counted a moment later', async () => {
    const clock = new FakeClock();
    const client = new FakeClient({ clock });
    let threads = [{ kind: 'project', id: '1', unread: 2 }, { kind: 'chat', id: '7', unread: 1 }];
    client.methods['message.unread'] = () => ({ total: 3, threads });
    const counts = new UnreadCounts(client, { watch: ['project:1'], env: client.env });
    await counts.open();
    assert.deepEqual([counts.state.total, counts.of('project:1'), counts.of('chat:7'), counts.of('chat:8')], [3, 2, 1, 0]);
    for (let i = 0; i < 5; i++) client.channel('project:1').emit('message.created', { id: `m${i}`, data: row(i) });
    client.channel('project:1').emit('message.created', { id: 'm9', data: own(9) });
    assert.deepEqual([counts.of('project:1'), counts.state.total, client.calls.length], [7, 8, 1]);
    threads = [{ kind: 'project', id: '1', unread: 6 }];
    await clock.advance(1100);
    assert.deepEqual([counts.state.total, counts.of('chat:7'), client.calls.length], [6, 0, 2]);
    threads = [];
    client.channel('project:1').emit('message.read', { id: 'm1', user_id: 'V' });
    await clock.advance(1100);
    assert.equal(client.calls.length, 2, 'what others have read changes nothing');
    client.channel('project:1').emit('message.read', { id: 'm9', user_id: 'U' });
    await clock.advance(1100);
    assert.deepEqual([counts.state.total, counts.state.threads], [0, []]);
    counts.close();
    assert.equal(clock.pending, 0);
  });
});
