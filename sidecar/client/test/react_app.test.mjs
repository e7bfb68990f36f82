// The application's hooks in StrictMode, against a gateway in memory.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { ReactWorld, calm, hooks, pause, until } from './react_world.mjs';

const {
  useAutomationVersion,
  useBlueprint,
  useCursors,
  useMessages,
  useNotifications,
  usePresence,
  useProjectRealtime,
  useTasks,
  useTyping,
  useUnread,
} = hooks;

const LINGER = 700; // ms, more than a store is kept for
const CHANNEL = 'project:1';
const at = (n) => `2026-11-21T12:00:${String(n).padStart(2, '0')}.5+00:00`;
const message = (n, more) => ({ id: `m${n}`, project_id: '1', type: 'client', body: `b${n}`, author_id: 'V', created_at: at(n), ...more });
const member = (id, more) => ({ id, name: `Name of ${id}`, status: 'active', connections: 1, lastSeen: 1, meta: {}, ...more });

describe('hooks of the application', { timeout: 60000 }, () => {
  let world, client, gateway, rows;
  beforeEach(() => {
    world = new ReactWorld();
    client = world.client();
    ({ gateway } = world);
    rows = [message(2), message(1)];
    Object.assign(gateway.methods, {
      'message.list': () => ({ messages: rows, next: null }),
      'message.unread': () => ({ total: 2, threads: [{ kind: 'project', id: '1', unread: 2 }] }),
      'message.mark_delivered': () => ({ moved: true }),
      'message.mark_read': () => ({ moved: true }),
      'message.receipts': ({ id }) => ({ id, receipts: [] }),
      'message.send': ({ body, project_id }, { key }) => {
        const row = message(10 + gateway.log.length, { body, project_id, author_id: 'U' });
        gateway.clock.setTimeout(() => gateway.fetchNow(), 1);
        gateway.commit(CHANNEL, 'message.created', { id: row.id, data: row }, { key });
        return row;
      },
      'project.get': ({ id }) => ({ id, name: 'Freight', members: [], updated_at: at(1) }),
      'task.list': () => ({ tasks: [{ id: 't1', project_id: '1', title: 'one', status: 'open', created_at: at(1), updated_at: at(1) }], next: null }),
      'task.update': ({ id, ...change }, { key }) => {
        if (change.title === '') throw { code: 'bad_request', status: 400, message: 'no title', retry: 'no' };
        const data = { id, project_id: '1', title: 'one', status: 'open', created_at: at(1), updated_at: at(9), ...change };
        gateway.clock.setTimeout(() => gateway.fetchNow(), 1);
        gateway.commit(CHANNEL, 'task.updated', { id, data }, { key });
        return data;
      },
      'notification.list': () => ({ notifications: [{ id: 'n1', kind: 'mention', title: 'x', payload: {}, created_at: at(1), read_at: null }], next: null }),
      'notification.unread_count': () => ({ unread: 1, more: false }),
      'notification.mark_read': () => ({ marked: 0, unread: 0, more: false }),
      'automation_version.get': ({ id }) => ({ id, status: 'live', number: 1, blueprint_json: {}, updated_at: at(1) }),
      'automation_version.available_transitions': ({ id }) => ({ id, status: 'live', transitions: [{ to_state: 'paused', label: 'Pause', state_label: 'Paused', needs_reason: false, returns: false }] }),
      'automation_version.transition': () => {
        throw { code: 'invalid_transition', status: 422, message: 'not from here', retry: 'no' };
      },
      'blueprint.get': ({ id }) => ({ id, version: 1, current: 1, oldest: 1, status: 'live', document: { nodes: [{ id: 'n1' }] } }),
      'blueprint.apply': ({ id, version, diff }, { key }) => {
        gateway.clock.setTimeout(() => gateway.fetchNow(), 1);
        gateway.commit(`automation_version:${id}`, 'blueprint.updated', { id, base: version, version: version + 1, by: 'U', ...diff }, { key });
        return { version: version + 1, base: version, changed: true, conflicts: [], dropped_edges: [] };
      },
    });
  });
  afterEach(() => {
    const { errors } = world;
    world.close();
    assert.deepEqual(errors, []);
  });

  const everything = {
    project: [useProjectRealtime, '1'],
    version: [useAutomationVersion, 'v1'],
    blueprint: [useBlueprint, 'v1'],
    presence: [usePresence, CHANNEL, { meta: { colour: 'red' } }],
    typing: [useTyping, CHANNEL],
    cursors: [useCursors, CHANNEL],
    messages: [useMessages, '1'],
    tasks: [useTasks, '1'],
    notifications: [useNotifications],
    unread: [useUnread, [CHANNEL]],
  };

  for (const [name, [hook, ...args]] of Object.entries(everything)) {
    test(`${name}: the same object until something changes, one reading for all, and nothing after the last has gone`, async () => {
      const probe = world.mount(client, hook, ...args);
      const other = world.mount(client, hook, ...args);
      await until('the state', () => probe.now && probe.now.isLoaded !== false && client.state === 'connected');
      await calm(world, probe);
      const { now } = probe;
      probe.render(...args);
      other.render(...args);
      await pause(30);
      assert.equal(probe.now, now, 'rendering gave another object');
      const reads = world.sent('call').filter(({ payload }) => /\.(get|list|available_transitions)$/.test(payload.method)).map(({ payload }) => payload.method);
      assert.deepEqual(reads, [...new Set(reads)]);
      other.unmount();
      probe.unmount();
      await pause(LINGER + 200);
      assert.equal(gateway.conns.size, 1);
      const [conn] = gateway.conns;
      const left = [...conn.subs.keys()].filter((channel) => channel !== 'tenant:T' && channel !== 'tenant:T:user:U');
      assert.deepEqual(left, []);
      const before = gateway.received.length;
      gateway.emit(CHANNEL, 'message.created', { id: 'm9', data: message(9) });
      gateway.emit('me', 'notification.created', { id: 'n9', data: {} });
      await pause(400);
      assert.deepEqual(gateway.received.slice(before).filter(({ type }) => type === 'call'), []);
    });

    test(`${name}: unmounted and mounted again at once, nothing is read or subscribed to anew`, async () => {
      const probe = world.mount(client, hook, ...args);
      await until('the state', () => probe.now && probe.now.isLoaded !== false && client.state === 'connected');
      await calm(world, probe);
      const before = [world.sent('subscribe').length, world.sent('call').length, world.sent('presence:leave').length];
      probe.unmount();
      const again = world.mount(client, hook, ...args);
      await until('the state', () => again.now);
      // what was there is there from the first rendering on
      if ('isLoaded' in again.seen[0]) assert.equal(again.seen[0].isLoaded, true);
      await pause(LINGER);
      assert.deepEqual([world.sent('subscribe').length, world.sent('call').length, world.sent('presence:leave').length], before);
    });

    if (args.length > 0 && name !== 'unread')
      test(`${name}: of null there is nothing, and its functions are refused or do nothing`, async () => {
        const probe = world.mount(client, hook, null);
        await until('rendered', () => probe.now);
        for (const run of [probe.now.send, probe.now.create, probe.now.transition, probe.now.refetch, probe.now.undo].filter(Boolean))
          await assert.rejects(run('x'), { code: 'closed' });
        for (const run of [probe.now.move, probe.now.type, probe.now.markRead].filter(Boolean)) run({});
        await pause(50);
        assert.deepEqual([gateway.received, client.state], [[], 'idle']);
      });
  }

  test('useMessages: shown at once, sent, read by another; retried with the same key', async () => {
    const probe = world.mount(client, useMessages, '1');
    await until('two', () => probe.now?.messages.length === 2 && probe.now.unread === 2);
    const { send } = probe.now;
    const sent = send('hello');
    const id = await sent;
    const { key } = await until('shown', () => probe.seen.flatMap(({ messages }) => messages).find(({ state }) => state === 'sending'));
    await until('sent', () => probe.now.messages.at(-1).state === 'sent');
    assert.deepEqual([probe.now.messages.at(-1).key, probe.now.messages.at(-1).id, probe.now.messages.length], [key, id, 3]);
    gateway.emit(CHANNEL, 'message.read', { id, user_id: 'V', thread_id: '1' });
    await until('read', () => probe.now.stateOf(probe.now.messages.at(-1)) === 'read');
    const works = gateway.methods['message.send'];
    gateway.methods['message.send'] = () => {
      throw { code: 'forbidden', status: 403, message: 'no', retry: 'no' };
    };
    send('again');
    await until('failed', () => probe.now.messages.at(-1).state === 'failed' && probe.now.error.code === 'forbidden');
    gateway.keys.clear();
    gateway.methods['message.send'] = works;
    const failed = probe.now.messages.at(-1);
    await probe.now.retry(failed.id);
    const keys = world.sent('call').filter(({ payload }) => payload.params.body === 'again').map(({ payload }) => payload.key);
    assert.deepEqual(keys, [failed.key, failed.key]);
    probe.now.markRead();
    await until('none unread', () => probe.now.unread === 0);
    assert.equal(probe.now.send, send);
  });

  test('useTasks: a check-box is checked at once, and what is refused is taken back with its reason', async () => {
    const probe = world.mount(client, useTasks, '1');
    await until('one', () => probe.now?.tasks.length === 1);
    gateway.latency = () => 50;
    const done = probe.now.toggle('t1');
    await until('done', () => probe.now.tasks[0].status === 'done' && probe.now.isPending('t1'));
    await done;
    await until('confirmed', () => !probe.now.isPending('t1') && probe.now.pending === 0);
    probe.now.update('t1', { title: '' }); // nobody waits
    await until('the refusal', () => probe.now.error?.message === 'no title');
    assert.equal(probe.now.tasks[0].title, 'one');
  });

  test('useAutomationVersion: the steps, live, and the reason why one was refused', async () => {
    const probe = world.mount(client, useAutomationVersion, 'v1');
    await until('the steps', () => probe.now?.allowed.length === 1);
    assert.deepEqual(probe.now.allowed[0], { to: 'paused', label: 'Pause', stateLabel: 'Paused', needsReason: false, returns: false });
    await assert.rejects(probe.now.transition('archived'), { code: 'invalid_transition' });
    await until('the reason', () => probe.now.error?.message === 'not from here' && !probe.now.isPending);
    gateway.methods['automation_version.available_transitions'] = ({ id }) => ({ id, status: 'paused', transitions: [] });
    gateway.emit('automation_version:v1', 'automation_version.status_changed', { id: 'v1', from: 'live', to: 'paused' });
    await until('the step of another', () => probe.now.status === 'paused' && probe.now.allowed.length === 0);
  });

  test('useBlueprint: the document, edits at once, saved; the status is live', async () => {
    const probe = world.mount(client, useBlueprint, 'v1', { delay: 20 });
    await until('the document', () => probe.now?.document);
    assert.ok(probe.now.store);
    probe.now.edit((draft) => void draft.nodes.push({ id: 'n2' }));
    await until('pending', () => probe.now.pending && probe.now.document.nodes.length === 2);
    await probe.now.saved();
    await until('saved', () => !probe.now.pending && probe.now.version === 2);
    gateway.emit('automation_version:v1', 'automation_version.status_changed', { id: 'v1', from: 'live', to: 'paused' });
    await until('the status', () => probe.now.status === 'paused');
  });

  test('usePresence: who is there, oneself first; me may be a new object each time', async () => {
    const probe = world.mount(client, usePresence, CHANNEL, { meta: { colour: 'red' } });
    await until('joined', () => world.sent('presence:join').length === 1);
    await calm(world, probe);
    gateway.ephemeral('presence:project/1', 'presence:sync', { users: [member('A'), member('U'), member('B', { status: 'idle' })] });
    await until('three', () => probe.now.count === 3);
    assert.deepEqual([probe.now.members.map(({ id }) => id), probe.now.self.id], [['U', 'A', 'B'], 'U']);
    for (let i = 0; i < 3; i++) probe.render(CHANNEL, { meta: { colour: 'red' } });
    await pause(150); // longer than one lingers
    assert.deepEqual([world.sent('presence:update').length, world.sent('presence:leave').length], [0, 0]);
    probe.render(CHANNEL, { meta: { colour: 'blue' } });
    await until('said', () => world.sent('presence:update').length === 1);
    assert.deepEqual(world.sent('presence:update')[0].payload.meta, { colour: 'blue' });
    probe.now.update({ status: 'away' });
    await until('said', () => world.sent('presence:update').at(-1).payload.status === 'away');
    gateway.ephemeral('presence:project/1', 'presence:leave', { users: [member('A', { status: 'offline', lastSeen: 77 })] });
    await until('two', () => probe.now.count === 2);
    assert.equal(probe.now.lastSeen('A'), 77);
    probe.render(CHANNEL, null);
    await until('left, and looks on', () => world.sent('presence:leave').length === 1);
    assert.equal(probe.now.count, 2);
  });

  test('useTyping and useCursors: others by name; their own part is sent', async () => {
    const typing = world.mount(client, useTyping, CHANNEL);
    const cursors = world.mount(client, useCursors, CHANNEL);
    await until('subscribed', () => client.channel(CHANNEL).state === 'subscribed' && client.channel('presence:project/1').state === 'subscribed');
    gateway.ephemeral('presence:project/1', 'presence:sync', { users: [member('A')] });
    gateway.ephemeral(CHANNEL, 'typing_start', {}, { sender_id: 'A' });
    gateway.ephemeral(CHANNEL, 'cursor', { x: 1, y: 2, node: 'n1', user: 'forged' }, { sender_id: 'A' });
    await until('typing', () => typing.now.typists[0]?.name === 'Name of A');
    await until('the cursor', () => cursors.now.cursors[0]?.node === 'n1');
    assert.equal(cursors.now.cursors[0].user.name, 'Name of A');
    gateway.ephemeral(CHANNEL, 'typing_stop', {}, { sender_id: 'A' });
    await until('stopped', () => typing.now.typists.length === 0);
    typing.now.type();
    cursors.now.move({ x: 5, y: 6 });
    await until('sent', () => gateway.published.length === 2);
    typing.unmount();
    cursors.unmount();
    await until('taken back', () => gateway.published.length === 4);
    assert.deepEqual(gateway.published.slice(2).map(([, type, data]) => [type, data]).sort(), [['cursor', { hidden: true }], ['typing_stop', {}]]);
  });

  test('useNotifications: what comes, and marking it as read', async () => {
    const probe = world.mount(client, useNotifications);
    await until('one', () => probe.now?.items.length === 1 && probe.now.unread === 1);
    gateway.methods['notification.unread_count'] = () => ({ unread: 2, more: false });
    gateway.emit('me', 'notification.created', { id: 'n2', data: { id: 'n2', kind: 'change', title: 'y', payload: {}, created_at: at(2), read_at: null } });
    await until('two', () => probe.now.unread === 2);
    assert.deepEqual(probe.now.items.map(({ id }) => id), ['n2', 'n1']);
    probe.now.markRead('n2');
    await until('one left', () => probe.now.unread === 1 && probe.now.items[0].read_at);
  });

  test('useProjectRealtime: the row, live; another id is another project', async () => {
    const probe = world.mount(client, useProjectRealtime, '1');
    await until('the row', () => probe.now?.project?.name === 'Freight');
    gateway.emit(CHANNEL, 'project.updated', { id: '1', data: { id: '1', name: 'Renamed', updated_at: at(2) } });
    await until('the change', () => probe.now.project.name === 'Renamed');
    probe.render('2');
    await until('the other', () => probe.now.project?.id === '2');
  });
});
