// What the side panel makes of messages, names, tasks and notifications before it draws them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Directory } from '../src/parts/directory.js';
import { hueOf, initials, typingSentence } from '../src/parts/people.js';
import { groupComments } from '../src/views/talk/comment_groups.js';
import { kindsFor } from '../src/views/talk/kinds.js';
import { leadOf, placeOf, titleOf } from '../src/views/talk/leads.js';
import { nameBeingTyped, namedIn, splitAt, whoFits, withName } from '../src/views/talk/mentions.js';
import { chunksOf, firstUnread, isSameRow, newSince, rowsOf } from '../src/views/talk/rows.js';
import { dueWords, groupTasks } from '../src/views/talk/task_groups.js';

const noon = new Date(2026, 2, 3, 12).getTime();
const message = (id, author_id, minutes, more) => ({ id, author_id, type: 'client', body: id, created_at: noon + minutes * 60000, ...more });
const shape = (rows) => rows.map(({ kind, message: of, isFirst }) => (kind === 'message' ? of.id + (isFirst ? '*' : '') : kind)).join(' ');

test('messages that one person wrote in one go stand under one name', () => {
  const messages = [message('a', 'ann', 0), message('b', 'ann', 4), message('c', 'ann', 10), message('d', 'bob', 11)];
  assert.equal(shape(rowsOf(messages)), 'day a* b c* d*');
});

test('a new day, another kind and the line above the unread begin anew', () => {
  const messages = [message('a', 'ann', 0), message('b', 'ann', 1, { type: 'ops' }), message('c', 'ann', 2, { type: 'ops' }), message('d', 'ann', 1440)];
  assert.equal(shape(rowsOf(messages, 'c')), 'day a* b* unread c* day d*');
});

test('a message keeps its line when its id comes', () => {
  const [, before] = rowsOf([message('t_1', 'ann', 0, { key: 'k' })]);
  const [, after] = rowsOf([message('real', 'ann', 0, { key: 'k' })]);
  assert.equal(before.key, after.key);
});

test('what comes at either end changes no piece of the thread but the one there', () => {
  const messages = Array.from({ length: 2000 }, (_, i) => message(`m${i * 7919}`, 'ann', i * 10));
  const middle = chunksOf(rowsOf(messages.slice(500, 1500)));
  const all = new Map(chunksOf(rowsOf(messages)).map((chunk) => [chunk.key, chunk]));
  const isKept = ({ key, rows }) => all.get(key)?.rows.length === rows.length && rows.every((row, i) => isSameRow(row, all.get(key).rows[i]));
  assert.ok(middle.length > 10 && middle.every(({ rows }) => rows.length <= 128));
  assert.deepEqual(middle.slice(2, -1).filter((chunk) => !isKept(chunk)), []);
});

test('the unread begins at the count of messages of others', () => {
  const messages = [message('a', 'bob', 0), message('b', 'ann', 1), message('c', 'bob', 2), message('d', 'ann', 3)];
  assert.equal(firstUnread(messages, 'ann', 1), 'c');
  assert.equal(firstUnread(messages, 'ann', 2), 'a');
  assert.equal(firstUnread(messages, 'ann', 9), 'a');
  assert.equal(firstUnread(messages, 'ann', 0), null);
});

test('only what others wrote behind the last one seen is new', () => {
  const messages = [message('a', 'bob', 0), message('b', 'ann', 1), message('c', 'bob', 2)];
  assert.equal(newSince(messages, 'a', 'ann'), 1);
  assert.equal(newSince(messages, 'c', 'ann'), 0);
});

test('a name is being typed behind an @ that begins a word', () => {
  assert.deepEqual(nameBeingTyped('hello @An', 9), { query: 'An', from: 6 });
  assert.deepEqual(nameBeingTyped('@', 1), { query: '', from: 0 });
  assert.equal(nameBeingTyped('mail ann@example', 16), null);
  assert.equal(nameBeingTyped('@Ann went', 9), null);
});

const people = [
  { id: '1', name: 'Ann' },
  { id: '2', name: 'Ann Lindqvist' },
  { id: '3', name: 'Bob Okafor' },
  { id: '4', name: null },
];

test('people fit by the beginning of any of their names', () => {
  assert.deepEqual(whoFits(people, 'oka').map(({ id }) => id), ['3']);
  assert.deepEqual(whoFits(people, 'ann').map(({ id }) => id), ['1', '2']);
  assert.equal(whoFits(people, '', 2).length, 2);
});

test('a name takes the place of what was typed of it', () => {
  assert.deepEqual(withName('hello @bo and', 9, 'Bob Okafor'), { text: 'hello @Bob Okafor and', caret: 18 });
});

test('the longer of two names is the one that is meant, and half a name is none', () => {
  assert.deepEqual(namedIn('@Ann Lindqvist, look', people), ['2']);
  assert.deepEqual(namedIn('@Ann look', people), ['1']);
  assert.deepEqual(namedIn('@Annabel look', people), []);
  assert.deepEqual(splitAt('a @Ann b', ['Ann', null]), [{ text: 'a ' }, { text: '@Ann', name: 'Ann' }, { text: ' b' }]);
  assert.deepEqual(splitAt('no @one', ['Ann']), [{ text: 'no @one' }]);
});

test('everybody is offered the kinds that the database lets them write, and nothing before it has said so', () => {
  assert.deepEqual(kindsFor(['send_client']), ['client']);
  assert.deepEqual(kindsFor(['create_task', 'send_ops']), ['ops']);
  assert.deepEqual(kindsFor(['send_client', 'send_internal_note', 'send_ops']), ['client', 'ops', 'internal_note']);
  assert.deepEqual(kindsFor(undefined), []);
});

test('tasks stand by weight, done ones apart, cancelled ones not at all', () => {
  const tasks = [
    { id: 'a', status: 'open', priority: 'normal', created_at: '2' },
    { id: 'b', status: 'open', priority: 'urgent', created_at: '3' },
    { id: 'c', status: 'cancelled', priority: 'urgent' },
    { id: 'd', status: 'done', completed_at: '1' },
    { id: 'e', status: 'done', completed_at: '2' },
    { id: 'f', status: 'in_progress', priority: 'normal', created_at: '1' },
  ];
  const { open, done } = groupTasks(tasks);
  assert.deepEqual(open.map(({ id }) => id), ['b', 'a', 'f']);
  assert.deepEqual(done.map(({ id }) => id), ['e', 'd']);
});

test('a task is overdue until it is done', () => {
  assert.equal(dueWords({ status: 'open', due_at: noon - 1 }, noon), 'overdue');
  assert.equal(dueWords({ status: 'done', due_at: noon - 1 }, noon), null);
  assert.equal(dueWords({ status: 'open', due_at: noon + 60000 }, noon), 'due today');
  assert.equal(dueWords({ status: 'open' }, noon), null);
});

test('a notification leads to what can be opened here only', () => {
  const of = (resource_type, project_id) => ({ resource_type, resource_id: 'x', payload: project_id ? { project_id } : {} });
  assert.deepEqual(leadOf(of('message', 'p'), 'p'), { type: 'message', id: 'x' });
  assert.equal(leadOf(of('message', 'q'), 'p'), null);
  assert.deepEqual(leadOf(of('task'), 'p'), { type: 'task', id: 'x' });
  assert.equal(leadOf(of('quote'), 'p'), null);
  assert.equal(placeOf(of('quote')), 'a quote');
  const comment = { resource_type: 'message', resource_id: 'x', payload: { automation_version_id: 'v' } };
  assert.deepEqual(leadOf(comment, 'p', 'v'), { type: 'comment', id: 'x', version: 'v' });
  assert.equal(leadOf(comment, 'p', 'w'), null);
  const versions = [{ id: 'v', automation_name: 'Invoices', number: 3 }];
  assert.deepEqual(leadOf(comment, 'p', 'w', versions), { type: 'comment', id: 'x', version: 'v' });
  const step = { resource_type: 'automation_version', resource_id: 'v', payload: {} };
  assert.deepEqual(leadOf(step, 'p', 'w', versions), { type: 'version', id: 'v', version: 'v' });
  assert.deepEqual([leadOf(step, 'p', 'w'), leadOf(step, 'p', 'v', versions)], [null, null]);
  assert.deepEqual([placeOf(step, versions), placeOf(step)], ['Invoices, version 3', 'an automation version']);
  assert.equal(titleOf({ title: 'Call Ann', payload: { what: 'task_assigned' } }), 'Assigned to you: Call Ann');
});

test('comments stand by their node, the latest first, and stay when it is gone', () => {
  const on = (node) => ({ anchor: node && { node } });
  const messages = [message('a', 'ann', 0, on('n1')), message('b', 'ann', 1), message('c', 'ann', 2, on('n2')), message('d', 'ann', 3, on('n1')), message('e', 'ann', 4, on('n3'))];
  const groups = groupComments(messages, new Map([['n1', 'Read'], ['n2', 'Write']]));
  assert.deepEqual(
    groups.map(({ title, comments }) => `${title}: ${comments.map(({ id }) => id).join(' ')}`),
    ['Deleted node: e', 'Read: a d', 'Write: c', 'Whole blueprint: b'],
  );
  assert.deepEqual(groups.map(({ isGone }) => isGone), [true, false, false, false]);
});

test('people are written the same everywhere', () => {
  assert.equal(initials('Ann Maria Lindqvist'), 'AL');
  assert.equal(initials('ann'), 'A');
  assert.equal(initials(null), '?');
  assert.equal(hueOf('a'), hueOf('a'));
  assert.equal(typingSentence(['Ann', 'Bob', 'Cy', 'Di']), 'Ann, Bob and 2 others are typing');
});

test('people are read once, page by page, and once more when somebody unknown is met', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const member = (id, name) => ({ user_id: id, name, roles: ['client'], status: 'active' });
  const pages = { '': { members: [member('a', 'Ann')], next: 'x' }, x: { members: [member('b', 'Bob')], next: null } };
  const asked = [];
  const directory = new Directory(async (method, { after = '' }) => (asked.push(`${method} ${after}`), pages[after]));
  const settle = () => new Promise(setImmediate);
  const tick = async () => (t.mock.timers.tick(1000), settle());
  directory.get().nameOf('b');
  assert.deepEqual(asked, [], 'nobody looks yet');
  directory.subscribe(() => {});
  await settle();
  const { nameOf, list } = directory.get();
  assert.deepEqual([asked, list.map(({ name }) => name)], [['member.list ', 'member.list x'], ['Ann', 'Bob']]);
  assert.deepEqual([nameOf('a'), nameOf('a', 'Anne'), nameOf(null), nameOf('c', 'Cy'), nameOf('c')], ['Ann', 'Ann', 'System', 'Cy', 'Someone']);
  pages.x.members.push(member('c', 'Cyrus'));
  await tick();
  assert.equal(directory.get().nameOf('c'), 'Cyrus');
  for (let i = 0; i < 3; i++) {
    directory.get().nameOf('nobody');
    await tick();
  }
  assert.equal(asked.length, 6, 'who is not there is asked for once');
});
