// Two people use each of the application's caches, through the real gateway and the real extension.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { World, northwind, people, until } from '../../test/e2e.mjs';
import {
  Cursors,
  MessageThread,
  Notifications,
  PresenceManager,
  ProjectStore,
  StatusChip,
  TaskList,
  Typing,
  UnreadCounts,
} from '../src/app.js';
import { createRealtimeClient } from '../src/index.js';
import { NodeWebSocket } from './node_websocket.mjs';

const { clara, oskar, bruno, bea, ada } = people;
const PROJECT = `project:${northwind.project}`;

describe('the application in two browsers', { timeout: 240000 }, () => {
  // messages that arrive are delivered
  const world = new World('client_app', { receipts: true });
  const open = [];
  const errors = [];

  const client = (person) => {
    const one = createRealtimeClient({
      url: world.gateway.url,
      getToken: () => world.token(person),
      backoff: { base: 50, stable: 1000 },
      env: { WebSocket: NodeWebSocket },
    });
    open.push(one);
    return one;
  };
  // one of a kind for each person, opened
  const each = (Kind, ...given) => (person) => use(Kind, client(person), ...given);
  const use = async (Kind, one, ...given) => {
    const cache = new Kind(one, ...given);
    open.unshift(cache);
    cache.client = one;
    cache.on('error', (error) => errors.push(error));
    await cache.open();
    return cache;
  };
  const both = (Kind, ...given) => Promise.all([clara, oskar].map(each(Kind, ...given)));
  const bodies = ({ state }) => state.messages.map(({ body }) => body);
  const states = ({ state }) => state.messages.map((message) => message.state);
  const cut = async (...all) => {
    [...NodeWebSocket.open].forEach((socket) => socket.cut());
    for (const { client: one } of all) await until('back', () => one.state === 'connected' && one.transport === 'websocket');
  };

  before(() => world.open());
  after(() => world.close());
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
    errors.splice(0);
  });

  test('messages: sent, there for both in one order, delivered, read; edited, deleted; once each across a cut', async () => {
    const [mine, theirs] = await both(MessageThread, PROJECT);
    assert.deepEqual([bodies(mine), bodies(theirs)], [[], []]);
    const first = mine.send('one');
    assert.deepEqual([bodies(mine), states(mine)], [['one'], ['sending']]);
    const [{ key }] = mine.state.messages;
    const id = await first;
    assert.equal(mine.state.messages[0].id, id);
    assert.equal(mine.state.messages[0].key, key);
    await until('delivered', () => states(mine)[0] === 'delivered');
    await until('unread at the other', () => theirs.state.unread === 1);
    assert.equal(theirs.state.messages[0].isOwn, false);
    assert.deepEqual([mine, theirs].map(({ state }) => state.messages[0].author_name), ['Clara', 'Clara']);
    theirs.markRead();
    assert.equal(theirs.state.unread, 0);
    await until('read', () => states(mine)[0] === 'read');

    await mine.edit(id, 'one!');
    await until('the edit', () => bodies(theirs)[0] === 'one!');
    assert.ok(theirs.state.messages[0].edited_at);
    await cut(mine, theirs);
    await Promise.all([mine.send('two'), mine.send('three'), theirs.send('four')]);
    await until('all', () => theirs.state.messages.length === 4 && mine.state.messages.length === 4);
    assert.deepEqual(bodies(mine), bodies(theirs));
    assert.deepEqual(bodies(mine).filter((body) => body !== 'four'), ['one!', 'two', 'three']);
    await mine.remove(id);
    await until('deleted', () => theirs.state.messages[0].deleted_at);
    assert.deepEqual([bodies(theirs)[0], bodies(mine)[0], errors], ['', '', []]);
  });

  test('messages: a later page has what is unread, how far others have read, and older pages', async () => {
    const other = await each(MessageThread, PROJECT)(oskar);
    for (let i = 0; i < 12; i++) await other.send(`m${i}`);
    const reader = await each(MessageThread, PROJECT, { page: 5 })(clara);
    await until('unread', () => reader.state.unread >= 12);
    assert.deepEqual([bodies(reader), reader.state.hasOlder], [['m7', 'm8', 'm9', 'm10', 'm11'], true]);
    await reader.loadOlder();
    assert.equal(reader.state.messages.length, 10);
    assert.deepEqual(bodies(reader), bodies(reader).slice(0, 0).concat([2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((i) => `m${i}`)));
    reader.markRead(reader.state.messages.at(-3).id);
    assert.equal(reader.state.unread, 2);
    await until('the mark', () => states(other).filter((state) => state === 'read').length >= 10);
    const again = await each(MessageThread, PROJECT, { page: 5 })(oskar);
    await until('known', () => states(again).join() === 'read,read,read,delivered,delivered');
    const counts = await each(UnreadCounts, { watch: [PROJECT] })(clara);
    assert.equal(counts.of(PROJECT), 2);
    await again.send('one more');
    await until('counted', () => counts.of(PROJECT) === 3 && reader.state.unread === 3);
    reader.markRead();
    await until('none', () => counts.state.total === 0);
  });

  test('messages: internal notes are for operations, and what may not be sent has failed, with a reason', async () => {
    const mine = await each(MessageThread, PROJECT)(clara);
    const theirs = await each(MessageThread, PROJECT, { type: 'internal_note' })(oskar);
    await theirs.send('between us');
    assert.deepEqual(bodies(theirs), ['between us']);
    assert.ok(!bodies(mine).includes('between us'));
    const refused = mine.send('me, too', { type: 'internal_note' });
    await assert.rejects(refused, { code: 'forbidden' });
    const failed = mine.state.messages.at(-1);
    assert.deepEqual([failed.state, failed.error.code, mine.state.error.code], ['failed', 'forbidden', 'forbidden']);
    await assert.rejects(mine.retry(failed.id), { code: 'forbidden' });
    mine.discard(failed.id);
    assert.ok(!bodies(mine).includes('me, too'));
  });

  test('tasks: made, changed, done and taken away for both; a refusal takes back what it was for', async () => {
    const [mine, theirs] = await Promise.all([each(TaskList, PROJECT)(oskar), each(TaskList, PROJECT)(ada)]);
    const before = mine.state.tasks.length;
    const made = mine.create({ title: 'Call Ann', priority: 'high' });
    assert.deepEqual([mine.state.tasks[0].title, mine.isPending(mine.state.tasks[0].id)], ['Call Ann', true]);
    const { key } = mine.state.tasks[0];
    await made;
    await until('there', () => theirs.state.tasks.length === before + 1 && mine.state.pending === 0);
    const [task] = theirs.state.tasks;
    assert.deepEqual([task.title, mine.state.tasks[0].key, mine.state.tasks[0].id], ['Call Ann', key, task.id]);
    await mine.update(task.id, { assignee_id: northwind.bruno.id });
    await until('assigned', () => theirs.state.tasks[0].assignee_name === 'Bruno' && mine.state.tasks[0].assignee_name === 'Bruno');
    await theirs.toggle(task.id);
    await until('done', () => mine.state.tasks[0].status === 'done' && theirs.state.pending === 0);
    await cut(mine, theirs);
    await mine.toggle(task.id);
    await mine.update(task.id, { title: 'Call Ann again', description: 'soon' });
    await until('changed', () => theirs.state.tasks[0].title === 'Call Ann again');
    await mine.remove(task.id);
    await until('gone', () => theirs.state.tasks.length === before && mine.state.tasks.length === before);
    await assert.rejects(mine.update(task.id, { status: 'done' }), ({ status }) => status === 422);
    assert.equal(mine.state.error.status, 422);
  });

  test('a status chip has the legal next steps, takes one, and shows the refusal of the database', async () => {
    const id = northwind.version;
    const builder = await each(StatusChip, id)(bruno);
    const ops = await each(StatusChip, id, { mode: 'optimistic' })(oskar);
    assert.deepEqual([ops.state.status, ops.state.version.status, 'blueprint_json' in ops.state.version], ['build_in_progress', 'build_in_progress', false]);
    assert.deepEqual(builder.state.allowed.map(({ to }) => to).sort(), ['blocked', 'qa_testing']);
    assert.ok(builder.state.allowed.find(({ to }) => to === 'blocked').needsReason);
    await assert.rejects(builder.transition('live'), ({ status, message }) => status === 422 && message.length > 0);
    assert.deepEqual([builder.state.status, builder.state.isPending, builder.state.error.status], ['build_in_progress', false, 422]);
    const step = ops.transition('blocked', 'no access');
    assert.deepEqual([ops.state.status, ops.state.allowed, ops.state.isPending], ['blocked', [], true]);
    await step;
    await until('both', () => builder.state.status === 'blocked' && builder.state.allowed.length > 0 && ops.state.allowed.length > 0);
    assert.ok(builder.state.allowed.some(({ returns }) => returns));
    await cut(builder, ops);
    await builder.transition('previous');
    await until('back', () => ops.state.status === 'build_in_progress' && builder.state.status === 'build_in_progress');
    await assert.rejects(each(StatusChip, id)(bea), { code: 'not_found' });
  });

  test('a project says what it is now, and who takes part', async () => {
    const [mine, theirs] = await both(ProjectStore, northwind.project);
    assert.equal(mine.state.project.name, northwind.projectName);
    assert.ok(mine.state.project.members.length > 0);
    await theirs.client.call('project.update', { id: northwind.project, name: 'Freight, renamed' });
    await until('renamed', () => mine.state.project.name === 'Freight, renamed');
    assert.ok(mine.state.project.members.length > 0);
    await assert.rejects(each(ProjectStore, northwind.project)(bea), { code: 'not_found' });
  });

  test('notifications come, are counted, and are read in all windows', async () => {
    const mine = await each(Notifications)(clara);
    const window = await each(Notifications)(clara);
    const before = mine.state.unread;
    const theirs = await each(MessageThread, PROJECT)(oskar);
    await theirs.send('look, Clara', { mentions: [clara.id] });
    await theirs.send('and here', { mentions: [clara.id] });
    await theirs.send('and there', { mentions: [clara.id] });
    await until('three', () => mine.state.unread === before + 3 && window.state.unread === before + 3);
    assert.deepEqual(mine.state.items[0].payload.excerpt, 'and there');
    const marked = mine.markRead(mine.state.items[0].id);
    assert.deepEqual([mine.state.unread, mine.state.items[0].read_at !== null], [before + 2, true]);
    await marked;
    await until('in both', () => window.state.unread === before + 2 && window.state.items[0].read_at);
    await cut(mine, window);
    await window.markRead('all');
    await until('none', () => mine.state.unread === 0 && window.state.unread === 0);
    assert.deepEqual(mine.state.items.filter(({ read_at }) => !read_at), []);
    const later = await each(Notifications, { page: 2 })(clara);
    assert.deepEqual([later.state.unread, later.state.items.length, later.state.hasMore], [0, 2, true]);
    await later.loadMore();
    assert.ok(later.state.items.length > 2);
  });

  test('who is there, who types, and where their cursors are', async () => {
    const [mine, theirs] = await both(PresenceManager, PROJECT);
    const place = theirs.enter({ meta: { colour: 'teal' } });
    const own = mine.enter();
    await until('both there', () => mine.state.count === 2 && theirs.state.count === 2);
    assert.deepEqual(mine.state.members.map(({ name }) => name), ['Clara', 'Oskar']);
    assert.deepEqual([mine.state.self.name, theirs.state.self.meta.colour], ['Clara', 'teal']);
    place.update({ status: 'idle' });
    await until('idle', () => mine.state.members[1].status === 'idle');

    const type = await use(Typing, mine.client, PROJECT, { presence: mine });
    const seen = await use(Typing, theirs.client, PROJECT, { presence: theirs });
    type.type();
    await until('typing', () => seen.state.typists.map(({ name }) => name).join() === 'Clara');
    assert.deepEqual(type.state.typists, []);
    type.stop();
    await until('not any more', () => seen.state.typists.length === 0);

    const pointer = await use(Cursors, mine.client, PROJECT);
    const shown = await use(Cursors, theirs.client, PROJECT, { presence: theirs });
    for (let x = 0; x < 10; x++) pointer.move({ x, y: 1, node: 'n1' });
    await until('the last one', () => shown.state.cursors[0]?.x === 9);
    assert.deepEqual([shown.state.cursors[0].user.name, shown.state.cursors[0].node, shown.state.cursors.length], ['Clara', 'n1', 1]);
    pointer.hide();
    await until('hidden', () => shown.state.cursors.length === 0);
    pointer.move({ x: 1, y: 1 });
    await until('back', () => shown.state.cursors.length === 1);

    await cut(mine, theirs);
    await until('both there', () => mine.state.count === 2 && theirs.state.count === 2);
    own.leave();
    await until('gone, and their cursor', () => theirs.state.count === 1 && shown.state.cursors.length === 0);
    assert.ok(Date.now() - theirs.lastSeen(clara.id) < 10000);
    assert.deepEqual(errors, []);
  });
});
