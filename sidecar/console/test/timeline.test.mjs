// The history view's logic: which change made which version, what is other, who did it, what the log says.
import assert from 'node:assert/strict';
import test from 'node:test';
import { register } from 'node:module';

// the name that the page's build knows
const documents = new URL('../../client/src/documents.js', import.meta.url).href;
const hooks = `export const resolve = (name, context, next) =>
  next(name === '@wrk-copilot/realtime/documents' ? ${JSON.stringify(documents)} : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const { blamed, fieldsChanged, lastTouched, overlay, toldAll, versionsOf } = await import('../src/views/history/timeline.js');
const { actionWords, changesOf, filtersOf, pretty, summary, verdict } = await import('../src/views/history/audit_words.js');

const node = (id, label, x = 0) => ({ id, position: { x, y: 0 }, data: { label } });
const before = { nodes: [node('a', 'A'), node('b', 'B'), node('c', 'C')], edges: [{ id: 'a-b', source: 'a', target: 'b' }, { id: 'b-c', source: 'b', target: 'c' }] };
const after = { nodes: [node('a', 'A', 40), node('b', 'Bee'), node('d', 'D')], edges: [{ id: 'a-b', source: 'a', target: 'b' }] };

const of = (id, diff, more) => ({ id, by: 'u1', name: 'Ann', at: '2026-01-01', op: 'u', changes: { diff: { blueprint_json: diff } }, ...more });
const entries = [
  of(9, { nodes: { updated: [{ id: 'b', set: [[['data', 'label'], 'Bee']] }] } }),
  { id: 8, by: 'u2', name: 'Bob', at: '2026-01-01', op: 'u', changes: { old: { status: 'a' }, new: { status: 'b' } } },
  of(7, { nodes: { added: [node('b', 'B')] } }, { by: null, name: null }),
  { id: 3, by: null, name: null, at: '2026-01-01', op: 'i', changes: { new: { blueprint_json: before, status: 'a' } } },
];

test('versions are counted back over the changes of the blueprint alone', () => {
  assert.deepEqual(versionsOf(entries, 12).map(({ id, version }) => [id, version]), [[9, 12], [7, 11], [3, 10]]);
});

test('a change is told with its author, and one that made the document as that', () => {
  const versions = versionsOf(entries, 12);
  assert.deepEqual([...toldAll(versions, null).values()], ['Ann changed Bee.', 'System added B.', 'System created the blueprint.']);
  const [first, ...rest] = versions;
  assert.equal(toldAll([{ ...first, reverts: 7 }, ...rest], after).get(12), 'Ann reverted version 11.');
  assert.equal(toldAll([{ ...first, reverts: 1 }], after).get(12), 'Ann reverted an earlier change.');
  assert.equal(toldAll([{ ...first, diff: null }], after).get(12), 'Ann replaced the whole blueprint.');
});

test('nodes are called what they were called at that version, not what they are called now', () => {
  const rename = (id, from, to) => ({
    diff: { nodes: { updated: [{ id, set: [[['data', 'label'], to]] }] } },
    inverse: { nodes: { updated: [{ id, set: [[['data', 'label'], from]] }] } },
  });
  const tune = { diff: { nodes: { updated: [{ id: 'a', set: [[['data', 'tries'], 3]] }] } }, inverse: { nodes: { updated: [{ id: 'a', unset: [['data', 'tries']] }] } } };
  const link = { diff: { edges: { added: [{ id: 'e', source: 'a', target: 'b' }] } }, inverse: { edges: { deleted: ['e'] } } };
  const drop = { diff: { nodes: { deleted: ['b'] }, edges: { deleted: ['e'] } }, inverse: { nodes: { added: [node('b', 'Old B')] }, edges: { added: [{ id: 'e', source: 'a', target: 'b' }] } } };
  const steps = [rename('a', 'Two', 'Three'), drop, rename('a', 'One', 'Two'), link, tune];
  const list = versionsOf(steps.map(({ diff, inverse }, i) => ({ ...of(i, diff), changes: { diff: { blueprint_json: diff }, inverse: { blueprint_json: inverse } } })), 5);
  const told = [...toldAll(list, { nodes: [{ ...node('a', 'Three'), data: { label: 'Three', tries: 3 } }], edges: [] }).values()];
  assert.deepEqual(told, ['Ann renamed Two to Three.', 'Ann deleted Old B and deleted a connection.', 'Ann renamed One to Two.', 'Ann connected One to Old B.', 'Ann changed One.']);
  // where the document is not known, no id is shown either
  assert.deepEqual([...toldAll(list.slice(3), null).values()], ['Ann connected a node to a node.', 'Ann changed a node.']);
});

test('who last touched a node is found at or before a version', () => {
  const versions = versionsOf(entries, 12);
  assert.equal(lastTouched(versions, 12, 'nodes', 'b').version, 12);
  assert.equal(lastTouched(versions, 11, 'nodes', 'b').version, 11);
  assert.equal(lastTouched(versions, 12, 'nodes', 'a').version, 10);
  assert.equal(lastTouched(versions.slice(0, 2), 12, 'nodes', 'a'), null);
});

test('two versions are drawn as one, with what is gone', () => {
  const drawing = overlay(before, after);
  assert.deepEqual([...drawing.nodes].sort(), [['a', 'changed'], ['b', 'changed'], ['c', 'removed'], ['d', 'added']]);
  assert.deepEqual([...drawing.edges], [['b-c', 'removed']]);
  assert.deepEqual(drawing.document.nodes.map(({ id }) => id), ['a', 'b', 'd', 'c']);
  assert.deepEqual(drawing.items.find(({ id }) => id === 'a').fields, ['position']);
  assert.deepEqual(drawing.items.find(({ id }) => id === 'b').fields, ['label']);
});

test('a document that began or ended as a whole is all added or all removed', () => {
  assert.equal(overlay({}, before).items.every(({ how }) => how === 'added'), true);
  assert.deepEqual(overlay(before, { nodes: [] }).items.map(({ how }) => how), ['removed', 'removed', 'removed', 'removed', 'removed']);
  assert.deepEqual(overlay(before, before).items, []);
});

test('fields are named by their path', () => {
  assert.deepEqual(fieldsChanged({ set: [[['position', 'x'], 1], [['position', 'y'], 2], [['data', 'options', 'tries'], 1]], unset: [['type']] }), [
    'position',
    'options › tries',
    'type',
  ]);
});

test('blame names each field with its value, the newest first', () => {
  const answer = {
    leaves: [
      { path: ['blueprint_json', 'nodes', 'b', 'id'], change: 7 },
      { path: ['blueprint_json', 'nodes', 'b', 'data', 'label'], change: 9 },
      { path: ['blueprint_json', 'nodes', 'b', 'position', 'x'], change: null },
    ],
    changes: [{ id: 9, by: 'u1', name: 'Ann', at: '2026-01-01' }, { id: 7, by: null, name: null, at: '2026-01-01' }],
  };
  assert.deepEqual(blamed(answer, node('b', 'Bee')).map(({ field, value, change }) => [field, value, change?.id]), [
    ['label', 'Bee', 9],
    ['position', '0, 0', undefined],
  ]);
});

test('the light is green only when all fits, and says where it does not', () => {
  const whole = { ok: true, seals: 3, rows: 1200, unsealed: 2, dropped: 0, problem: null };
  assert.equal(verdict(whole).tone, 'good');
  assert.match(verdict(whole).text, /entries in 3 seals intact, 2 entries not sealed yet/);
  assert.equal(verdict({ ...whole, seals: 0, rows: 0 }).tone, 'none');
  const broken = verdict({ ...whole, ok: false, problem: 'bad_signature', seal: 2, audit_id: null, detail: 'key k1' });
  assert.deepEqual([broken.tone, broken.title, broken.text], ['bad', 'Tampered with: bad signature', 'at seal 2: key k1']);
  assert.equal(verdict({ ...whole, ok: false, problem: 'changed', seal: 2, audit_id: 77, detail: null }).text, 'at entry 77');
});

test('filters leave out what is empty, and days are whole', () => {
  assert.deepEqual(filtersOf({ action: 'task.', user: '', row: '' }), { action: 'task.' });
  assert.deepEqual(filtersOf({ row: 'automation_version:1-2' }), { type: 'automation_version', id: '1-2' });
  const { from, to } = filtersOf({ from: '2026-03-01', to: '2026-03-01' });
  assert.equal(new Date(to) - new Date(from), 24 * 3600 * 1000);
});

test('an entry says what of its row is other', () => {
  assert.equal(summary({ changes: { old: { status: 'open' }, new: { status: 'in_progress' } } }), 'Status: Open → In progress');
  assert.equal(summary({ changes: { diff: { blueprint_json: { nodes: {} } } } }), 'Blueprint: order of nodes changed');
  assert.equal(summary({ changes: { diff: { blueprint_json: { nodes: { added: [1, 2], updated: [3] } } } } }), 'Blueprint: 2 nodes added, 1 node changed');
  assert.equal(summary({ changes: { new: { id: 'x', project_id: 'y', tags: [], kind: 'todo', title: 'Call' } } }), 'Title: Call; Kind: Todo');
  assert.equal(summary({ changes: null, metadata: { reason: 'moved on' } }), 'Reason: moved on');
});

test('people are named in an entry, whose ids say nothing to anybody', () => {
  const entry = { changes: { old: { assignee_id: 'u1' }, new: { assignee_id: 'u2', body: '' } } };
  const nameOf = (id) => ({ u1: 'Ann', u2: 'Bob' })[id];
  assert.deepEqual(changesOf(entry, nameOf), [{ name: 'assignee_id', field: 'Assignee', before: 'Ann', after: 'Bob' }]);
  assert.equal(summary(entry, nameOf), 'Assignee: Ann → Bob');
});

test('what was done, and what was refused, is said in words', () => {
  const done = (action, resource_type, more) => actionWords({ action, resource_type, op: 'u', ...more });
  assert.equal(done('task.created', 'task'), 'Task created');
  assert.equal(done('automation_version.status.qa_testing', 'automation_version'), 'Automation version status: QA & Testing');
  assert.equal(done('task.status.in_progress', 'task'), 'Task status: In progress');
  const refused = (action, resource_id, code, more) => done(action, action.split('.')[0], { op: 'f', resource_id, roles: ['client'], metadata: { code }, ...more });
  assert.equal(refused('call.refused', 'audit.list', 'forbidden'), 'Refused: a client cannot read the audit log');
  assert.equal(refused('call.refused', 'task.create', 'forbidden'), 'Refused: a client cannot create tasks');
  assert.equal(refused('channel.refused', 'tenant:1:project:2', 'not_found'), 'Refused: follow a project: it does not exist, or belongs to someone else');
  assert.equal(refused('login.refused', null, 'token_expired', { roles: [] }), 'Refused: log in: the login had expired');
  assert.equal(refused('call.refused', 'task.update', 'forbidden', { metadata: { code: 'forbidden', left_out: 4 } }), 'Refused: a client cannot update tasks, and 4 more like it');
  assert.equal(done('member.deactivated', 'tenant_user', { op: 'f' }), 'Member deactivated');
});

test('JSON that fits into a line is on one, and all of it is there', () => {
  const value = { nodes: { updated: [{ id: 'n', set: [[['data', 'label'], 'x'.repeat(60)], [['position', 'x'], 4]] }] }, none: null };
  assert.deepEqual(JSON.parse(pretty(value)), value);
  assert.ok(pretty(value).split('\n').includes('          [["position","x"],4]'));
  assert.equal(pretty({ a: [1, 2] }), '{"a":[1,2]}');
});
