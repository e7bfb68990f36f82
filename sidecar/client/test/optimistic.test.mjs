// OptimisticManager on a client without a connection, and against a model in any order of things.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { OptimisticManager } from '../src/documents.js';
import { FakeClient, FakeClock, dice, settle } from './fake.mjs';

const REFUSAL = { code: 'forbidden', status: 403 };

describe('OptimisticManager', () => {
  let client, channel, tasks, errors, ids;
  const titles = () => tasks.items.map(({ title }) => title);
  const happen = (kind, data, more) => channel.emit(`task.${kind}`, { id: data.id, ...(kind !== 'deleted' && { data }) }, more);
  const confirm = (kind, data, call) => happen(kind, data, { key: call.key });

  beforeEach(() => {
    client = new FakeClient();
    channel = client.channel('project:1');
    errors = [];
    ids = [];
    tasks = new OptimisticManager(client, { env: client.env });
    tasks.on('error', (error, { id }) => errors.push([error.code, id]));
    tasks.on('id', (...both) => ids.push(both));
    tasks.follow(channel, 'task');
    tasks.load([{ id: '1', title: 'one' }, { id: '2', title: 'two' }]);
  });

  test('what is created, updated and deleted is shown at once, in its order', () => {
    tasks.create({ title: 'three' }, 'task.create');
    tasks.update('1', { title: 'ONE' }, 'task.update');
    tasks.update('1', (task) => ({ ...task, title: `${task.title}!` }), 'task.update');
    tasks.delete('2', 'task.delete', { id: '2' });
    assert.deepEqual([titles(), tasks.pending, tasks.isPending('1')], [['ONE!', 'three'], 4, true]);
  });

  test('an operation ends with the event of its own call, not with others', () => {
    tasks.update('1', { title: 'mine' }, 'task.update');
    happen('updated', { id: '1', title: 'theirs', status: 'done' }, { key: 'another' });
    assert.deepEqual([tasks.get('1'), tasks.pending], [{ id: '1', title: 'mine', status: 'done' }, 1]);
    confirm('updated', { id: '1', title: 'mine', status: 'done' }, client.calls[0]);
    happen('updated', { id: '1', title: 'later', status: 'done' });
    assert.deepEqual([tasks.get('1').title, tasks.pending], ['later', 0]);
  });

  test('an event that its call had for another entity does not end it', () => {
    tasks.update('1', { title: 'mine' }, 'task.update');
    confirm('updated', { id: '2', title: 'moved' }, client.calls[0]);
    assert.deepEqual([titles(), tasks.pending], [['mine', 'moved'], 1]);
  });

  test('or with the last event of the call, by its id, whichever comes first', async () => {
    tasks.update('1', { title: 'mine' }, 'task.update');
    tasks.update('2', { title: 'mine' }, 'task.update');
    client.calls[0].answer({}, '99999999999999999999');
    client.calls[1].answer({}, '1001');
    await settle();
    assert.equal(tasks.pending, 2);
    happen('updated', { id: '3', title: 'three' }, { id: '1001' });
    assert.deepEqual([tasks.pending, titles()], [1, ['mine', 'two', 'three']]);
    happen('updated', { id: '1', title: 'mine' }, { id: '100000000000000000000' });
    assert.equal(tasks.pending, 0);
  });

  test('or with the answer, when no event is to come', async () => {
    const { done } = tasks.update('1', { title: 'one' }, 'task.update');
    client.calls[0].answer({ id: '1' }, null);
    assert.deepEqual([(await done).payload, tasks.pending], [{ id: '1' }, 0]);
  });

  test('only what is refused is taken back', async () => {
    tasks.update('1', { title: 'a' }, 'task.update');
    const { done } = tasks.update('1', { status: 'done' }, 'task.update');
    tasks.update('2', { title: 'b' }, 'task.update');
    client.calls[1].refuse(REFUSAL);
    await assert.rejects(done, { code: 'forbidden' });
    assert.deepEqual([tasks.items, errors], [[{ id: '1', title: 'a' }, { id: '2', title: 'b' }], [['forbidden', '1']]]);
  });

  test('what is refused without anybody waiting for it is told by the event alone', async () => {
    tasks.delete('2', 'task.delete', { id: '2' });
    client.calls[0].refuse(REFUSAL);
    await settle();
    assert.deepEqual([titles(), errors.length], [['one', 'two'], 1]);
  });

  test('a temporary id is never sent, and replaced everywhere by the real one', async () => {
    const { id } = tasks.create({ title: 'parent' }, 'task.create', { title: 'parent' });
    tasks.create({ title: 'child', parent: id }, 'task.create', { title: 'child', parent: id });
    tasks.update(id, { title: 'renamed' }, 'task.update', { id, title: 'renamed' });
    assert.equal(client.calls.length, 1);
    client.calls[0].answer({ id: '7' }, '2000');
    await settle();
    assert.deepEqual(client.calls.slice(1).map(({ params }) => params), [{ title: 'child', parent: '7' }, { id: '7', title: 'renamed' }]);
    assert.deepEqual([tasks.get(id), tasks.get('7'), ids], [tasks.get('7'), { id: '7', title: 'renamed' }, [[id, '7']]]);
    assert.equal(tasks.items[3].parent, '7');
    confirm('created', { id: '7', title: 'parent' }, client.calls[0]);
    assert.deepEqual(titles(), ['one', 'two', 'renamed', 'child']);
    tasks.update(id, { title: 'again' }, 'task.update', { id });
    assert.deepEqual([client.calls[3].params, client.calls[3].options.order], [{ id: '7' }, '7']);
  });

  test('also when the event comes before the answer', async () => {
    const { id, done } = tasks.create({ title: 'new' }, 'task.create');
    confirm('created', { id: '7', title: 'new' }, client.calls[0]);
    assert.deepEqual([titles(), tasks.get(id).id, tasks.pending], [['one', 'two', 'new'], '7', 0]);
    client.calls[0].answer({ id: '7' }, '2000');
    assert.equal((await done).id, '7');
    assert.deepEqual(ids, [[id, '7']]);
  });

  test('what needs an entity that was refused is taken back with it', async () => {
    const { id } = tasks.create({ title: 'parent' }, 'task.create', { title: 'parent' });
    const child = tasks.create({ title: 'child', parent: id }, 'task.create', { parent: id });
    const grandchild = tasks.update(child.id, { title: 'x' }, 'task.update', { id: child.id });
    tasks.update('1', { title: 'kept' }, 'task.update', { id: '1' });
    client.calls[0].refuse(REFUSAL);
    await assert.rejects(child.done, { code: 'forbidden' });
    await assert.rejects(grandchild.done, { code: 'forbidden' });
    assert.deepEqual([titles(), tasks.pending, client.calls.length], [['kept', 'two'], 1, 2]);
    await assert.rejects(tasks.update(id, {}, 'task.update', { id }).done, { code: 'forbidden' });
    await assert.rejects(tasks.update('1', {}, 'task.update', { id: '1', parent: id }).done, { code: 'forbidden' });
    assert.equal(client.calls.length, 2);
  });

  test('an answer that does not come is asked for again, with the same key', async () => {
    tasks.create({ title: 'new' }, 'task.create', { title: 'new' });
    client.calls[0].refuse({ code: 'timeout' });
    await settle();
    assert.deepEqual([client.calls[1].key, titles()], [client.calls[0].key, ['one', 'two', 'new']]);
    client.calls[1].refuse({ code: 'closed' });
    await settle();
    assert.deepEqual([titles(), client.calls.length], [['one', 'two'], 2]);
  });

  test('reading again replaces what is confirmed, not what is under way', () => {
    const stale = [];
    tasks.on('stale', (id) => stale.push(id));
    tasks.update('1', { title: 'mine' }, 'task.update');
    channel.signal('resync');
    channel.emit('task.updated', { id: '2', oversize: true });
    assert.deepEqual(stale, [null, '2']);
    tasks.load([{ id: '1', title: 'new' }]);
    assert.deepEqual(titles(), ['mine']);
  });

  test('an older page is added to what is there, under what is under way', () => {
    tasks.update('1', { title: 'mine' }, 'task.update');
    tasks.add([{ id: '0', title: 'zero' }, { id: '1', title: 'one, again' }]);
    assert.deepEqual(titles(), ['mine', 'two', 'zero']);
  });

  test('the later state of an entity is kept, where that can be told', () => {
    const later = (known, heard) => (known?.n > heard.n ? known : heard);
    const versions = new OptimisticManager(client, { env: client.env, later });
    versions.follow(channel, 'task');
    versions.load([{ id: '1', n: 5 }]);
    happen('updated', { id: '1', n: 4 });
    assert.equal(versions.get('1').n, 5);
    happen('updated', { id: '1', n: 6 });
    versions.add([{ id: '1', n: 3 }]);
    assert.equal(versions.get('1').n, 6);
  });

  test('an operation whose event was missed ends with what is read after its answer, not with what was read before', async () => {
    const { done } = tasks.update('1', { title: 'mine' }, 'task.update');
    const before = tasks.answers;
    client.calls[0].answer({}, '9000');
    await done;
    tasks.load([{ id: '1', title: 'read before' }], before);
    assert.deepEqual([titles(), tasks.pending], [['mine'], 1]);
    tasks.load([{ id: '1', title: 'read after' }], tasks.answers);
    assert.deepEqual([titles(), tasks.pending], [['read after'], 0]);
  });

  test('more than may wait are refused, and not shown', async () => {
    const few = new OptimisticManager(client, { limit: 1, env: client.env });
    few.load([{ id: '1', title: 'one' }]);
    few.update('1', { title: 'a' }, 'task.update');
    await assert.rejects(few.update('1', { title: 'b' }, 'task.update').done, { code: 'queue_full' });
    assert.equal(few.get('1').title, 'a');
  });

  test('who stops following hears nothing more', () => {
    const other = new OptimisticManager(client, { env: client.env });
    other.follow(channel, 'task')();
    happen('created', { id: '9', title: 'nine' });
    assert.deepEqual(other.items, []);
  });
});

// A server with rows, whose events and answers come late and in any order of the two; some operations are refused.
test('whatever happens in whatever order, in the end all that were accepted are shown, and nothing else', async () => {
  const seed = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
  for (let run = 0; run < 100; run++) {
    const d = dice(seed + run);
    const clock = new FakeClock();
    const rows = new Map();
    const seen = new Map();
    const managers = [];
    let eventId = 0;
    let last = clock.now();
    const late = (fn) => clock.setTimeout(fn, d.below(500));
    // events come in their order
    const emit = (type, payload, key) => {
      const id = String(++eventId);
      last = Math.max(last, clock.now() + d.below(300));
      clock.setTimeout(() => managers.forEach(({ channel }) => channel.emit(type, structuredClone(payload), { id, key })), last - clock.now());
      return id;
    };
    const serve = (method, params, key) => {
      if (seen.has(key)) return seen.get(key);
      const { id = `r${eventId}`, ...rest } = params;
      assert.doesNotMatch(JSON.stringify(params), /"t_/, 'a temporary id was sent');
      const kind = method.split('.')[1];
      let answer = [{ code: 'forbidden', status: 403 }];
      if (d.chance(0.8) && (kind === 'created' || rows.has(id))) {
        if (kind === 'deleted') rows.delete(id);
        else rows.set(id, { ...rows.get(id), ...rest, id });
        answer = [null, { id }, emit(`task.${kind}`, { id, ...(kind !== 'deleted' && { data: rows.get(id) }) }, key)];
      }
      seen.set(key, answer);
      return answer;
    };
    for (let n = 0; n < 2; n++) {
      const client = new FakeClient({ clock });
      const queues = new Map(); // by order
      client.call = (method, params, { key, order }) => {
        const go = () =>
          new Promise((resolve, reject) =>
            late(() => {
              const [error, payload, id] = serve(method, params, key);
              late(() => (d.chance(0.1) ? reject({ code: 'timeout' }) : error ? reject(error) : resolve({ payload, eventId: id, key })));
            }),
          );
        const result = (queues.get(order) ?? Promise.resolve()).then(go, go);
        queues.set(order, result);
        return result;
      };
      const manager = new OptimisticManager(client, { env: { ...client.env, random: () => d.next() } });
      manager.follow(client.channel('p'), 'task');
      managers.push({ manager, channel: client.channel('p'), made: [] });
    }
    for (let i = 0; i < 40; i++) {
      const { manager, made } = d.pick(managers);
      const id = d.pick([...made, ...manager.items.map((task) => task.id)]);
      const value = `v${i}`;
      if (!id || d.chance(0.4)) made.push(manager.create({ value, parent: id ?? null }, 'task.created', { value, parent: id ?? null }).id);
      else if (d.chance(0.7)) manager.update(id, { value }, 'task.updated', { id, value });
      else manager.delete(id, 'task.deleted', { id });
      const shown = manager.get(id);
      if (shown && d.chance(0.5)) assert.ok(manager.items.includes(shown));
      await clock.advance(d.below(300));
    }
    await clock.advance(60000);
    const sorted = (all) => [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const { manager } of managers) {
      assert.equal(manager.pending, 0, `seed ${seed + run}`);
      assert.deepEqual(sorted(manager.items), sorted(rows.values()), `seed ${seed + run}`);
    }
  }
});
