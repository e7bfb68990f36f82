// What all caches of the application have in common, shown with ProjectStore and TaskList on a client without a connection.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { ProjectStore, StatusChip, TaskList } from '../src/app.js';
import { FakeClient, FakeClock, settle } from './fake.mjs';

const REFUSAL = { code: 'not_found', status: 404, message: 'project not found', retry: 'no' };
const at = (n) => `2026-11-21T12:00:${String(n).padStart(2, '0')}+00:00`;
const project = (name, n = 1) => ({ id: '1', name, members: [], created_at: at(0), updated_at: at(n) });

describe('a cache', () => {
  let clock, client, channel, store, changes, errors;
  const name = () => store.state.project?.name;
  const change = (data, more) => channel.emit('project.updated', { id: '1', data }, more);
  const last = () => client.calls.at(-1);
  const watch = (cache) => {
    changes = [];
    errors = [];
    cache.on('change', (state) => changes.push(state));
    cache.on('error', ({ code }) => errors.push(code));
    return cache;
  };

  beforeEach(() => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    channel = client.channel('project:1');
    store = watch(new ProjectStore(client, '1', { env: client.env }));
  });

  const opened = async () => {
    store.open();
    await settle();
    last().answer(project('one'));
    await settle();
  };

  test('does nothing before it is opened', async () => {
    await clock.advance(60000);
    assert.deepEqual([channel.refs, client.calls.length, store.state], [0, 0, { project: null, isLoaded: false, error: null }]);
  });

  test('is read after it was subscribed to, not before', async () => {
    let join;
    channel.subscribe = () => new Promise((resolve) => (join = resolve));
    const open = store.open();
    await settle();
    assert.equal(client.calls.length, 0);
    join({});
    await settle();
    assert.equal(last().method, 'project.get');
    last().answer(project('one'));
    await open;
    assert.equal(name(), 'one');
  });

  test('opened twice is opened once, and its state is the same object until something changes', async () => {
    assert.equal(store.open(), store.open());
    await settle();
    last().answer(project('one'));
    await settle();
    assert.equal(store.state, store.state);
    assert.deepEqual(changes, [store.state]);
    assert.equal(channel.refs, 1);
    const before = store.state;
    change(project('two', 2));
    assert.notEqual(store.state, before);
    assert.equal(before.project.name, 'one');
  });

  test('what is heard while it is read is not lost, and told with it', async () => {
    store.open();
    await settle();
    change(project('later', 5));
    change(project('latest', 6));
    last().answer(project('one', 1));
    await settle();
    assert.deepEqual([name(), changes.length], ['latest', 1]);
  });

  test('nor does what was heard replace what was read and is later', async () => {
    store.open();
    await settle();
    change(project('earlier', 5));
    last().answer(project('read', 6));
    await settle();
    assert.equal(name(), 'read');
  });

  test('after a resync it is read again, once for several, and old answers do not count', async () => {
    await opened();
    channel.signal('resync');
    await settle();
    channel.signal('resync');
    channel.signal('resync');
    client.calls[1].answer(project('too early', 9));
    await settle();
    assert.equal(name(), 'one');
    client.calls[2].answer(project('three', 10));
    await settle();
    assert.deepEqual([name(), client.calls.length], ['three', 3]);
  });

  test('more than can be held is read anew', async () => {
    store.open();
    await settle();
    for (let i = 0; i < 1500; i++) change(project(`v${i}`, 5));
    client.calls[0].answer(project('old'));
    await settle();
    assert.equal(store.state.isLoaded, false);
    client.calls[1].answer(project('new', 8));
    await settle();
    assert.equal(name(), 'new');
  });

  test('what was not answered is read again: after a while, or with the next connection', async () => {
    store.open();
    await settle();
    last().refuse({ code: 'timeout', retry: 'backoff' });
    await clock.advance(2900);
    assert.equal(client.calls.length, 1);
    await clock.advance(200);
    assert.equal(client.calls.length, 2);
    last().refuse({ code: 'unavailable', status: 503, retry: 'backoff' });
    await settle();
    client.setState('connected');
    await settle();
    last().answer(project('one'));
    await settle();
    assert.deepEqual([name(), errors, store.state.error], ['one', [], null]);
  });

  test('a refusal is told once, is in the state, and the next connection asks again', async () => {
    const open = store.open();
    await settle();
    last().refuse(REFUSAL);
    await assert.rejects(open, { code: 'not_found' });
    assert.deepEqual([errors, store.state.error.message, channel.refs], [['not_found'], 'project not found', 0]);
    await clock.advance(60000);
    assert.equal(client.calls.length, 1);
    client.setState('connected');
    await settle();
    last().answer(project('one'));
    await settle();
    assert.deepEqual([name(), store.state.error, channel.refs], ['one', null, 1]);
  });

  test('so is a channel that is refused', async () => {
    channel.subscribe = () => Promise.reject(Object.assign(new Error('no'), REFUSAL));
    await assert.rejects(store.open(), { code: 'not_found' });
    await settle();
    assert.deepEqual([errors, client.calls.length], [['not_found'], 0]);
    delete channel.subscribe;
    const again = store.refetch();
    await settle();
    last().answer(project('one'));
    await again;
    assert.equal(name(), 'one');
  });

  test('who loses the channel is told, and reads when it is back', async () => {
    await opened();
    channel.signal('unsubscribed', { code: 'not_found', reason: 'access has ended' });
    assert.deepEqual([errors, store.state.error.code], [['not_found'], 'not_found']);
    channel.signal('subscribed');
    await settle();
    last().answer(project('again', 2));
    await settle();
    assert.deepEqual([name(), store.state.error], ['again', null]);
  });

  test('a listener that throws is reported, and stops nothing', async () => {
    const reported = [];
    store = new ProjectStore(client, '1', { env: client.env, onError: (error, where) => reported.push([error.message, where]) });
    store.on('change', () => {
      throw new Error('mine');
    });
    await opened();
    assert.deepEqual([reported, name()], [[['mine', 'change']], 'one']);
  });

  test('closed: nothing is told, nothing waits, and what was under way is not heard', async () => {
    const open = store.open();
    await settle();
    store.close();
    store.close();
    last().answer(project('one'));
    await assert.rejects(open, { code: 'closed' });
    change(project('two', 2));
    channel.signal('resync');
    client.setState('connected');
    await assert.rejects(store.refetch(), { code: 'closed' });
    await clock.advance(60000);
    assert.deepEqual([changes, errors, channel.refs, client.calls.length, clock.pending], [[], [], 0, 1, 0]);
  });

  test('closed and opened at once: the second reading counts', async () => {
    store.open().catch(() => {});
    await settle();
    store.close();
    const open = store.open();
    await settle();
    client.calls[0].answer(project('first'));
    client.calls[1].answer(project('second'));
    await open;
    assert.deepEqual([name(), channel.refs], ['second', 1]);
    change(project('three', 3));
    assert.equal(name(), 'three');
  });

  test('a project that is deleted is gone', async () => {
    await opened();
    channel.emit('project.deleted', { id: '1' });
    assert.deepEqual([store.state.project, store.state.error.code], [null, 'not_found']);
  });

  test('a row too large for an event is read', async () => {
    await opened();
    channel.emit('project.updated', { id: '1', oversize: true });
    await settle();
    last().answer(project('large', 3));
    await settle();
    assert.equal(name(), 'large');
  });
});

describe('TaskList', () => {
  let clock, client, channel, tasks, errors;
  const row = (n, more) => ({ id: `t${n}`, project_id: '1', title: `T${n}`, status: 'open', created_at: at(n), updated_at: at(n), ...more });
  const titles = () => tasks.state.tasks.map(({ title }) => title);
  const last = () => client.calls.at(-1);

  beforeEach(async () => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    channel = client.channel('project:1');
    errors = [];
    client.methods['task.list'] = () => ({ tasks: [row(2), row(1)], next: null });
    tasks = new TaskList(client, 'project:1', { env: client.env });
    tasks.on('error', ({ code }) => errors.push(code));
    await tasks.open();
  });

  test('newest first, whatever comes when; those that are being made are first of all', () => {
    channel.emit('task.created', { id: 't4', data: row(4) });
    channel.emit('task.created', { id: 't3', data: row(3) });
    tasks.create({ title: 'A' });
    tasks.create({ title: 'B' });
    assert.deepEqual(titles(), ['B', 'A', 'T4', 'T3', 'T2', 'T1']);
  });

  test('a task keeps its key when it gets its id, and the others stay the same objects', async () => {
    const [two] = tasks.state.tasks;
    const done = tasks.create({ title: 'new', status: 'done' });
    const [{ key }] = tasks.state.tasks;
    assert.deepEqual(last().params, { title: 'new', project_id: '1' });
    last().answer({ id: 't9' }, '5000');
    await done;
    channel.emit('task.created', { id: 't9', data: row(9) }, { key: last().key, id: '5000' });
    assert.deepEqual([tasks.state.tasks[0].id, tasks.state.tasks[0].key, tasks.state.pending], ['t9', key, 0]);
    assert.equal(tasks.state.tasks[1], two);
  });

  test('what is refused is taken back, told, and in the state until the next one', async () => {
    const done = tasks.toggle('t1');
    assert.deepEqual([tasks.state.tasks[1].status, tasks.isPending('t1')], ['done', true]);
    last().refuse({ code: 'forbidden', status: 403, message: 'not yours' });
    await assert.rejects(done, { code: 'forbidden' });
    assert.deepEqual([tasks.state.tasks[1].status, errors, tasks.state.error.message], ['open', ['forbidden'], 'not yours']);
    tasks.toggle('t1');
    assert.equal(tasks.state.error, null);
  });

  test('what is cancelled is not shown, unless that was asked for', async () => {
    tasks.remove('t1');
    assert.deepEqual([titles(), last().params], [['T2'], { id: 't1', status: 'cancelled' }]);
    const all = new TaskList(client, 'project:1', { env: client.env, cancelled: true });
    await all.open();
    channel.emit('task.updated', { id: 't1', data: row(1, { status: 'cancelled', updated_at: at(9) }) });
    assert.deepEqual(all.state.tasks.map(({ status }) => status), ['open', 'cancelled']);
  });

  test('a task has the name of its assignee, whoever gave it to them, and never that of the one before', () => {
    const names = () => tasks.state.tasks.map(({ assignee_name }) => assignee_name);
    channel.emit('task.updated', { id: 't1', data: row(1, { assignee_id: 'A', assignee_name: 'Ann', updated_at: at(8) }) });
    assert.deepEqual(names(), [null, 'Ann']);
    tasks.update('t2', { assignee_id: 'A' });
    tasks.update('t1', { assignee_id: 'B' });
    assert.deepEqual(names(), ['Ann', null]);
    channel.emit('task.updated', { id: 't1', data: row(1, { assignee_id: 'B', assignee_name: 'Bob', updated_at: at(9) }) }, { key: last().key, id: '5000' });
    tasks.update('t1', { assignee_id: null });
    assert.deepEqual(names(), ['Ann', null]);
  });

  test('what is about another project now is not here any more', () => {
    channel.emit('task.updated', { id: 't1', data: row(1, { project_id: '2', updated_at: at(9) }) });
    assert.deepEqual(titles(), ['T2']);
  });

  test('an operation whose event was missed ends with what is read after its answer', async () => {
    const done = tasks.update('t1', { title: 'mine' });
    client.methods['task.list'] = () => ({ tasks: [row(2), row(1, { title: 'theirs' })], next: null });
    channel.signal('resync');
    await settle();
    assert.deepEqual([titles(), tasks.state.pending], [['T2', 'mine'], 1]);
    client.calls.find(({ method }) => method === 'task.update').answer({ id: 't1' }, '7000');
    await done;
    assert.equal(tasks.state.pending, 1);
    channel.signal('resync');
    await settle();
    assert.deepEqual([titles(), tasks.state.pending], [['T2', 'theirs'], 0]);
  });

  test('all pages are read, up to so many', async () => {
    let pages = 0;
    client.methods['task.list'] = ({ after = 0 }) => ({ tasks: [row(50 - after)], next: (pages++, after + 1) });
    const few = new TaskList(client, 'project:1', { env: client.env, most: 3 });
    await few.open();
    assert.deepEqual([few.state.tasks.length, few.state.hasMore, pages], [3, true, 3]);
  });

  test('tasks of an automation version are asked for as such', async () => {
    const version = new TaskList(client, 'automation_version:v1', { env: client.env });
    await version.open();
    assert.deepEqual(last().params, { automation_version_id: 'v1', limit: 200 });
  });
});

describe('StatusChip', () => {
  let clock, client, channel, chip, errors, steps;
  const step = (to, more) => ({ to_state: to, label: `to ${to}`, state_label: to.toUpperCase(), needs_reason: false, returns: false, ...more });
  const begin = async (options) => {
    chip = new StatusChip(client, 'v1', { env: client.env, ...options });
    chip.on('error', ({ code }) => errors.push(code));
    await chip.open();
  };
  const enter = (to) => channel.emit('automation_version.status_changed', { id: 'v1', from: 'live', to });
  const asked = () => client.calls.filter(({ method }) => method.endsWith('available_transitions'));
  const taken = () => client.calls.filter(({ method }) => method.endsWith('.transition'));
  const allowed = () => chip.state.allowed.map(({ to }) => to);

  beforeEach(() => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    channel = client.channel('automation_version:v1');
    errors = [];
    steps = { id: 'v1', status: 'live', transitions: [step('paused'), step('blocked', { needs_reason: true })] };
    client.methods['automation_version.get'] = () => ({ id: 'v1', status: 'live', number: 2, blueprint_json: {}, requirements: {}, updated_at: at(1) });
    client.methods['automation_version.available_transitions'] = () => steps;
  });

  test('the status and the steps are the database\'s, without the blueprint', async () => {
    await begin();
    assert.deepEqual([chip.state.status, allowed(), Object.keys(chip.state.version)], ['live', ['paused', 'blocked'], ['id', 'status', 'number', 'updated_at']]);
    assert.deepEqual(chip.state.allowed[1], { to: 'blocked', label: 'to blocked', stateLabel: 'BLOCKED', needsReason: true, returns: false });
  });

  test('after a step of anybody there are no steps until those from there are known; late answers do not count', async () => {
    await begin();
    delete client.methods['automation_version.available_transitions'];
    enter('paused');
    enter('blocked');
    assert.deepEqual([chip.state.status, allowed(), chip.state.version.status], ['blocked', [], 'blocked']);
    asked()[2].answer({ status: 'blocked', transitions: [step('previous', { returns: true })] });
    asked()[1].answer({ status: 'paused', transitions: [step('live')] });
    await settle();
    assert.deepEqual([chip.state.status, allowed()], ['blocked', ['previous']]);
  });

  test('pending: the status stays until the step was taken, with the status that was seen', async () => {
    await begin();
    const done = chip.transition('blocked', 'no access');
    assert.deepEqual([chip.state.status, chip.state.isPending], ['live', true]);
    assert.deepEqual(taken()[0].params, { id: 'v1', to: 'blocked', reason: 'no access', expected: 'live' });
    await assert.rejects(chip.transition('paused'), { code: 'conflict' });
    steps = { ...steps, status: 'blocked', transitions: [step('previous')] };
    taken()[0].answer({ from: 'live', to: 'blocked' });
    await done;
    assert.deepEqual([chip.state.status, chip.state.isPending], ['blocked', false]);
    await settle();
    assert.deepEqual(allowed(), ['previous']);
  });

  test('optimistic: the new status at once; refused, the old one with the reason of the database', async () => {
    await begin({ mode: 'optimistic' });
    const done = chip.transition('paused');
    assert.deepEqual([chip.state.status, allowed()], ['paused', []]);
    taken()[0].refuse({ code: 'invalid_transition', status: 422, message: 'the checklist is not done', retry: 'no' });
    await assert.rejects(done, { code: 'invalid_transition' });
    assert.deepEqual([chip.state.status, chip.state.error.message, errors], ['live', 'the checklist is not done', ['invalid_transition']]);
    await settle();
    assert.deepEqual([allowed(), asked().length], [['paused', 'blocked'], 2]);
  });

  test('optimistic does not guess where "previous" leads', async () => {
    await begin({ mode: 'optimistic' });
    chip.transition('previous');
    assert.deepEqual([chip.state.status, chip.state.isPending], ['live', true]);
  });

  test('other changes of the row are taken, and the steps are not asked for again', async () => {
    await begin();
    channel.emit('automation_version.updated', { id: 'v1', data: { id: 'v1', number: 3, updated_at: at(2) } });
    channel.emit('automation_version.updated', { id: 'v2', data: { id: 'v2', number: 9, updated_at: at(2) } });
    assert.deepEqual([chip.state.version.number, asked().length], [3, 1]);
  });
});
