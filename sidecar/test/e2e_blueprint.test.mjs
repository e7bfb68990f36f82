// Two browsers edit one blueprint: each keeps its copy true by the other's diffs alone, different
// things both stay, and of one thing the loser is told.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, fence, northwind, people } from './e2e.mjs';

const { clara, oskar, bruno, nils, bea } = people;
const id = northwind.revision;
const CHANNEL = `automation_version:${id}`;

const set = (node, field, value) => ({
  nodes: { updated: [{ id: node, set: [[field.split('.'), value]] }] },
});

describe('a blueprint in two browsers', { timeout: 120000 }, () => {
  const world = new World('blueprint');
  const at = {};
  const follows = {};

  before(async () => {
    await world.open();
    for (const person of [clara, oskar, bruno, bea, nils])
      at[person.name] = await world.client(person);
    for (const person of [clara, bruno, oskar])
      follows[person.name] = await world.follower(person, [CHANNEL]);
    follows.Bea = await world.follower(bea);
  });
  after(() => world.close());

  const call = (person, method, params = {}, key = undefined) =>
    at[person.name].call(`blueprint.${method}`, { id, ...params }, key);
  const get = async (person, params) => (await call(person, 'get', params)).payload;
  const apply = async (person, version, diff, more = {}) =>
    (await call(person, 'apply', { version, diff, ...more })).payload;
  const refusal = async (promise) => {
    const { code, status, frame } = await promise.then(
      () => assert.fail('it was not refused'),
      (error) => error,
    );
    return { code, status, ...frame.payload };
  };
  const settle = () => fence(world.sql, Object.values(follows));
  const seen = (person, type) => follows[person.name].events.filter((e) => e.type === type);

  test('a whole document is saved, and everybody who follows it gets what changed', async () => {
    const { version, document } = await get(clara);
    assert.deepEqual([version, document], [1, {}]);
    const { payload } = await call(clara, 'replace', {
      version,
      document: {
        nodes: [
          { id: 'mail', data: { label: 'Mail' } },
          { id: 'read', data: { label: 'Read' } },
        ],
        edges: [],
      },
    });
    assert.deepEqual([payload.version, payload.changed], [2, true]);
    await settle();
    for (const person of [clara, bruno]) {
      const [event] = seen(person, 'blueprint.updated');
      assert.deepEqual(
        [event.payload.base, event.payload.version, event.payload.by, event.sender_id],
        [1, 2, clara.id, clara.id],
      );
      assert.equal(event.id, String(payload.event_id));
    }
    assert.deepEqual(
      follows.Bea.events.filter(({ type }) => type.startsWith('blueprint')),
      [],
    );
  });

  test('edits of different things, made from one version at once, both stay', async () => {
    const [first, second] = await Promise.all([
      apply(clara, 2, set('mail', 'data.label', 'Inbox')),
      apply(bruno, 2, {
        nodes: { added: [{ id: 'write', data: { label: 'Write' } }] },
        edges: { added: [{ id: 'e', source: 'read', target: 'write' }] },
      }),
    ]);
    assert.deepEqual([first.version, second.version].sort(), [3, 4]);
    assert.deepEqual([first.conflicts, second.conflicts], [[], []]);
    const { document, version } = await get(oskar);
    assert.equal(version, 4);
    assert.deepEqual(
      document.nodes.map((n) => n.data.label),
      ['Inbox', 'Read', 'Write'],
    );
  });

  test('the diffs that arrive lead from version to version', async () => {
    await settle();
    const events = seen(bruno, 'blueprint.updated');
    events.forEach(({ payload }, i) =>
      assert.deepEqual([payload.base, payload.version], [i + 1, i + 2]),
    );
    // what a browser that knows nothing but the diffs would show
    let nodes = [];
    for (const { payload } of events) {
      for (const [[name], value] of payload.meta?.set ?? [])
        if (name === 'nodes') nodes = structuredClone(value);
      const { added = [], updated = [] } = payload.nodes ?? {};
      for (const { id: node, set: members } of updated)
        for (const [[, field], value] of members)
          nodes.find((n) => n.id === node).data[field] = value;
      nodes.push(...added);
    }
    assert.deepEqual(nodes, (await get(clara)).document.nodes);
  });

  test('of one field the last wins, and who lost is told, by nobody but the one who did it', async () => {
    await apply(clara, 4, set('read', 'data.label', 'Scan'));
    const { version, conflicts } = await apply(bruno, 4, set('read', 'data.label', 'Parse'));
    assert.equal(version, 6);
    const conflict = {
      kind: 'edit_edit',
      path: ['nodes', 'read', 'data', 'label'],
      base: 'Read',
      ours: 'Scan',
      theirs: 'Parse',
    };
    assert.deepEqual(conflicts, [{ ...conflict, by: clara.id, name: 'Clara' }]);
    await settle();
    const [told, ...more] = seen(clara, 'conflict.detected');
    assert.deepEqual(more, []);
    assert.deepEqual(told.payload, {
      automation_version_id: id,
      version: 6,
      by: bruno.id,
      name: 'Bruno',
      conflicts: [conflict],
    });
    for (const person of [bruno, oskar]) assert.deepEqual(seen(person, 'conflict.detected'), []);
  });

  test('who asks for strict gets conflict with what is in the way, and nothing is changed', async () => {
    const { code, details } = await refusal(
      apply(clara, 4, set('read', 'data.label', 'Look'), { mode: 'strict' }),
    );
    assert.deepEqual([code, details.version], ['conflict', 6]);
    assert.deepEqual(
      details.conflicts.map(({ path }) => path.join('/')),
      ['nodes/read/data/label'],
    );
    assert.equal((await get(clara)).version, 6);
  });

  test('an edit is made once per key, and its answer names its event', async () => {
    const once = { version: 6, diff: set('mail', 'data.label', 'Post') };
    const first = await call(clara, 'apply', once, 'once');
    const again = await call(clara, 'apply', once, 'once');
    assert.deepEqual(again.payload, first.payload);
    assert.deepEqual([first.payload.version, String(first.payload.event_id)], [7, first.id]);
  });

  test('older versions can be read, those that never were are too_stale', async () => {
    const { document, current } = await get(clara, { version: 2 });
    assert.equal(current, 7);
    assert.deepEqual(
      document.nodes.map((n) => n.data.label),
      ['Mail', 'Read'],
    );
    const { code, status, retry, details } = await refusal(apply(clara, 99, {}));
    assert.deepEqual([code, status, retry], ['too_stale', 409, 'refetch']);
    assert.deepEqual(details, { version: 7, oldest: 1 });
  });

  test('another tenant and a builder of another project get not_found', async () => {
    for (const person of [bea, nils]) {
      assert.equal((await refusal(call(person, 'get'))).code, 'not_found');
      assert.equal((await refusal(apply(person, 7, {}))).code, 'not_found');
    }
  });

  test('what a client decides on cannot be edited meanwhile, and the next version begins with it', async () => {
    const step = (person, to) => at[person.name].call('automation_version.transition', { id, to });
    await step(clara, 'needs_pricing');
    await step(oskar, 'awaiting_client_approval');
    const { code, details } = await refusal(apply(bruno, 7, set('mail', 'data.label', 'x')));
    assert.deepEqual([code, details.status], ['forbidden', 'awaiting_client_approval']);
    const { payload } = await at.Clara.call('automation_version.create_version', {
      automation_id: northwind.automation,
    });
    assert.deepEqual([payload.number, payload.status], [3, 'intake_in_progress']);
    assert.deepEqual(payload.blueprint_json, (await get(clara)).document);
  });
});
