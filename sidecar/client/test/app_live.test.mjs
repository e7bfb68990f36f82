// PresenceManager, Typing and Cursors on a client without a connection.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Cursors, PresenceManager, Typing } from '../src/app.js';
import { FakeClient, FakeClock, settle } from './fake.mjs';

const member = (id, more) => ({ id, name: `Name of ${id}`, status: 'active', connections: 1, lastSeen: 5, meta: {}, ...more });

let clock, client, channel, presence, window, document, env;
beforeEach(() => {
  clock = new FakeClock();
  client = new FakeClient({ clock });
  channel = client.channel('project:1');
  presence = channel.presence();
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  env = { ...client.env, window, document };
});

describe('PresenceManager', () => {
  let manager, changes;
  const ids = () => manager.state.members.map(({ id }) => id).join('');
  const said = () => presence.sent.map(([what, me]) => [what, me?.status, me?.meta]);
  const last = () => said().at(-1);
  const begin = async () => {
    manager = new PresenceManager(client, 'project:1', { env });
    changes = [];
    manager.on('change', (state) => changes.push(state));
    await manager.open();
  };

  test('who is there: oneself first, the others by name; nobody before the list has come', async () => {
    presence.members.set('OLD', member('OLD'));
    await begin();
    assert.deepEqual([ids(), manager.state.count], ['', 0]);
    presence.tell('sync', [member('C'), member('U', { name: 'Zoe' }), member('B', { name: null }), member('A')]);
    assert.deepEqual([ids(), manager.state.count, manager.state.self.name], ['UBAC', 4, 'Zoe']);
    assert.equal(client.channel('presence:project/1').refs, 1);
    assert.deepEqual(presence.sent, [], 'who only watches is not there');
  });

  test('who comes, changes and goes, and when those were last seen', async () => {
    await begin();
    presence.tell('sync', [member('A')]);
    const before = manager.state;
    assert.equal(manager.state, before);
    presence.tell('join', [member('B')]);
    presence.tell('update', [member('B', { status: 'away' })]);
    assert.deepEqual([ids(), manager.state.members[1].status, before.count], ['AB', 'away', 1]);
    presence.tell('leave', [member('A', { lastSeen: 77 })]);
    assert.deepEqual([ids(), manager.lastSeen('A'), manager.lastSeen('B')], ['B', 77, null]);
    presence.tell('join', [member('A')]);
    assert.equal(manager.lastSeen('A'), null);
    for (let i = 0; i < 600; i++) presence.tell('leave', [member(`x${i}`)]);
    assert.deepEqual([manager.lastSeen('x0'), manager.lastSeen('x599')], [null, 5], 'the first are forgotten');
  });

  test('idle after a minute without input, away while hidden, active again at the first input', async () => {
    await begin();
    manager.enter({ meta: { a: 1 } });
    assert.deepEqual(said(), [['join', 'active', { a: 1 }]]);
    await clock.advance(50000);
    window.dispatchEvent(new Event('keydown'));
    await clock.advance(59000);
    assert.equal(said().length, 1);
    await clock.advance(1500);
    assert.equal(last()[1], 'idle');
    window.dispatchEvent(new Event('pointermove'));
    assert.equal(last()[1], 'active');
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(last()[1], 'away');
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.deepEqual([last()[1], said().length], ['active', 5]);
    for (let i = 0; i < 1000; i++) window.dispatchEvent(new Event('pointermove'));
    assert.deepEqual([said().length, clock.pending], [5, 1]);
  });

  test('a status that was given is what is said, whatever the page does', async () => {
    await begin();
    const place = manager.enter({ status: 'away' });
    await clock.advance(120000);
    assert.deepEqual(said(), [['join', 'away', {}]]);
    place.update({ status: undefined });
    assert.equal(last()[1], 'idle');
  });

  test('who enters twice is there until both have left; who is back at once has not left', async () => {
    await begin();
    const one = manager.enter({ meta: { a: 1, b: 1 } });
    const two = manager.enter({ meta: { b: 2 } });
    assert.deepEqual(last(), ['join', 'active', { a: 1, b: 2 }]);
    one.leave();
    await clock.advance(1000);
    assert.deepEqual(last(), ['join', 'active', { b: 2 }]);
    one.leave();
    manager.enter({ meta: { a: 2 } }).leave();
    two.update({ meta: { b: 2 } });
    two.leave();
    two.leave();
    const three = manager.enter({ meta: { b: 2 } });
    await clock.advance(1000);
    assert.deepEqual([last(), said().length], [['join', 'active', { b: 2 }], 5]);
    three.update({ meta: { c: 3 } });
    assert.deepEqual(last(), ['join', 'active', { c: 3 }]);
    three.leave();
    await clock.advance(1000);
    assert.deepEqual([last()[0], clock.pending], ['leave', 0]);
    window.dispatchEvent(new Event('keydown'));
    assert.equal(said().length, 7);
  });

  test('who says something else by leaving and entering again says it once, also beside another', async () => {
    await begin();
    manager.enter({ meta: { a: 1 } });
    const place = manager.enter({ meta: { b: 1 } });
    const before = said().length;
    place.leave();
    manager.enter({ meta: { b: 2 } });
    await clock.advance(1000);
    assert.deepEqual(said().slice(before), [['join', 'active', { a: 1, b: 2 }]]);
  });

  test('what is entered before it is open is said then; closed, one has left and nothing waits', async () => {
    manager = new PresenceManager(client, 'project:1', { env });
    manager.enter();
    assert.deepEqual(presence.sent, []);
    await manager.open();
    assert.equal(last()[0], 'join');
    manager.close();
    await settle();
    assert.deepEqual([last()[0], clock.pending, client.channel('presence:project/1').refs], ['leave', 0, 0]);
    presence.tell('join', [member('A')]);
    window.dispatchEvent(new Event('keydown'));
    assert.equal(said().length, 2);
  });

  test('who may not know is told so, and sees nobody', async () => {
    await begin();
    presence.tell('sync', [member('A')]);
    client.channel('presence:project/1').signal('unsubscribed', { code: 'not_found', reason: 'gone' });
    assert.deepEqual([manager.state.error.code, ids()], ['not_found', '']);
  });
});

describe('Typing', () => {
  let typing;
  const typists = () => typing.state.typists.map(({ name, id }) => name ?? id);
  const types = (id, type = 'typing_start') => channel.emit(type, {}, { sender_id: id, ephemeral: true });
  const sent = () => channel.published.map(([type]) => type.replace('typing_', ''));
  const begin = async (options) => {
    typing = new Typing(client, 'project:1', { env, ...options });
    await typing.open();
  };

  test('others are told at once, then now and then, and that it is over when the keys are still', async () => {
    await begin();
    for (let i = 0; i < 100; i++) {
      typing.type();
      await clock.advance(100);
    }
    assert.deepEqual(sent(), ['start', 'start', 'start', 'start']);
    await clock.advance(4000);
    assert.deepEqual([sent().at(-1), sent().length, clock.pending], ['stop', 5, 0]);
    typing.stop();
    assert.equal(sent().length, 5);
    typing.type();
    typing.stop();
    assert.deepEqual(sent().slice(5), ['start', 'stop']);
  });

  test('others\' typing ends by itself, when they say so, when they have written or have gone; one\'s own is not shown', async () => {
    const manager = new PresenceManager(client, 'project:1', { env });
    await manager.open();
    presence.tell('sync', [member('A'), member('B')]);
    await begin({ presence: manager });
    for (const id of ['A', 'B', 'C', 'U']) types(id);
    assert.deepEqual(typists(), ['Name of A', 'Name of B', 'C']);
    types('A', 'typing_stop');
    channel.emit('message.created', { id: 'm1' }, { sender_id: 'C' });
    assert.deepEqual(typists(), ['Name of B']);
    presence.tell('leave', [member('B')]);
    assert.deepEqual(typists(), []);
    types('A');
    await clock.advance(6000);
    types('A');
    await clock.advance(6000);
    assert.deepEqual(typists(), ['Name of A']);
    await clock.advance(1500);
    assert.deepEqual(typists(), []);
  });

  test('so many are remembered, and closing says that one\'s own is over', async () => {
    await begin();
    for (let i = 0; i < 150; i++) types(`x${i}`);
    assert.deepEqual([typists().length, typists()[0]], [100, 'x50']);
    typing.type();
    typing.close();
    await settle();
    assert.deepEqual([sent(), typing.state.typists, clock.pending, channel.refs], [['start', 'stop'], [], 0, 0]);
    typing.type();
    types('A');
    assert.deepEqual([sent().length, typists()], [2, []]);
  });
});

describe('Cursors', () => {
  let cursors, changes;
  const moves = (id, data) => channel.emit('cursor', data, { sender_id: id, ephemeral: true });
  const shown = () => cursors.state.cursors.map(({ user, x, y }) => [user.id, x, y]);
  const begin = async (options) => {
    cursors = new Cursors(client, 'project:1', { env, ...options });
    await cursors.open();
    changes = 0;
    cursors.on('change', () => changes++);
  };

  test('the last of each, by who sent it, told once a frame; those that did not move stay the same objects', async () => {
    await begin();
    moves('B', { x: 1, y: 1, user: 'forged', at: 0 });
    for (let x = 0; x < 100; x++) moves('A', { x, y: 2 });
    assert.ok(changes <= 1);
    await clock.advance(16);
    assert.deepEqual([shown(), changes <= 2], [[['A', 99, 2], ['B', 1, 1]], true]);
    assert.equal(cursors.state.cursors[1].at, clock.now() - 16);
    const [, b] = cursors.state.cursors;
    moves('A', { x: 5, y: 5 });
    await clock.advance(16);
    assert.equal(cursors.state.cursors[1], b);
  });

  test('what is no cursor, and one\'s own of another tab, is not shown', async () => {
    await begin();
    moves('U', { x: 1, y: 1 });
    for (const data of [{}, { x: 'a', y: 1 }, { x: 1 }, { x: 1, y: NaN }, null]) moves('A', data);
    await clock.advance(16);
    assert.deepEqual(shown(), []);
  });

  test('hidden, gone or not heard of for long, it is not shown any more', async () => {
    const manager = new PresenceManager(client, 'project:1', { env });
    await manager.open();
    await begin({ presence: manager });
    for (const id of ['A', 'B', 'C', 'D']) moves(id, { x: 1, y: 1 });
    await clock.advance(6000);
    moves('D', { x: 2, y: 2 });
    moves('A', { hidden: true });
    presence.tell('leave', [member('B')]);
    await clock.advance(16);
    assert.deepEqual(shown(), [['C', 1, 1], ['D', 2, 2]]);
    await clock.advance(4100);
    assert.deepEqual(shown(), [['D', 2, 2]]);
    await clock.advance(10000);
    assert.deepEqual([shown(), clock.pending], [[], 0]);
  });

  test('a name that comes later is shown', async () => {
    const manager = new PresenceManager(client, 'project:1', { env });
    await manager.open();
    await begin({ presence: manager });
    moves('A', { x: 1, y: 1 });
    await clock.advance(16);
    assert.equal(cursors.state.cursors[0].user.name, null);
    presence.tell('sync', [member('A')]);
    await clock.advance(16);
    assert.equal(cursors.state.cursors[0].user.name, 'Name of A');
  });

  test('so many are shown; another type is another kind of cursor', async () => {
    await begin({ type: 'selection' });
    for (let i = 0; i < 250; i++) channel.emit('selection', { x: i, y: 0 }, { sender_id: `x${i}`, ephemeral: true });
    moves('A', { x: 1, y: 1 });
    await clock.advance(16);
    assert.deepEqual([shown().length, shown().some(([id]) => id === 'x0' || id === 'A')], [200, false]);
    cursors.move({ x: 1, y: 1, nodes: ['n1'] });
    assert.deepEqual(channel.published, [['selection', { x: 1, y: 1, nodes: ['n1'] }]]);
  });

  test('hiding is told once, and by closing', async () => {
    await begin();
    cursors.hide();
    cursors.move({ x: 1, y: 1 });
    cursors.hide();
    cursors.hide();
    cursors.move({ x: 2, y: 2 });
    cursors.close();
    cursors.move({ x: 3, y: 3 });
    await settle();
    assert.deepEqual(channel.published.map(([, data]) => data), [{ x: 1, y: 1 }, { hidden: true }, { x: 2, y: 2 }, { hidden: true }]);
    assert.deepEqual([channel.refs, clock.pending], [0, 0]);
  });
});
