// The history view's logic: which change made which version, what is other, who did it, what the log says.
import assert from 'node:assert/strict';
import test from 'node:test';
import { register } from 'node:module';

// the name that the page's build knows
const documents = new URL('../../client/src/documents.js', import.meta.url).href;
const hooks = `export const resolve = (name, context, next) =>
  next(name === '@wrk-copilot/realtime/documents' ? ${JSON.stringify(documents)} : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const { blamed, fieldsChanged, lastTouched, overlay, told, versionsOf } = await import('../src/views/history/timeline.js');
const { filtersOf, pretty, summary, verdict } = await import('../src/views/history/audit_words.js');

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
  const [first, second, third] = versionsOf(entries, 12);
  assert.equal(told(first, after), 'Ann changed Bee.');
  assert.equal(told(second, before), 'The system added B.');
  assert.equal(told(third, before), 'The system set the whole document.');
  assert.equal(told({ ...first, reverts: 7 }, after), 'Ann took back change 7.');
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
  assert.deepEqual(drawing.items.find(({ id }) => id === 'a').fields, ['place']);
  assert.deepEqual(drawing.items.find(({ id }) => id === 'b').fields, ['label']);
});

test('a document that began or ended as a whole is all added or all removed', () => {
  assert.equal(overlay({}, before).items.every(({ how }) => how === 'added'), true);
  assert.deepEqual(overlay(before, { nodes: [] }).items.map(({ how }) => how), ['removed', 'removed', 'removed', 'removed', 'removed']);
  assert.deepEqual(overlay(before, before).items, []);
});

test('fields are named by their path', () => {
  assert.deepEqual(fieldsChanged({ set: [[['position', 'x'], 1], [['position', 'y'], 2], [['data', 'options', 'tries'], 1]], unset: [['type']] }), [
    'place',
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
    ['place', '0, 0', undefined],
  ]);
});

test('the light is green only when all fits, and says where it does not', () => {
  const whole = { ok: true, seals: 3, rows: 1200, unsealed: 2, dropped: 0, problem: null };
  assert.equal(verdict(whole).tone, 'good');
  assert.match(verdict(whole).text, /rows in 3 seals checked, 2 rows not sealed yet/);
  assert.equal(verdict({ ...whole, seals: 0, rows: 0 }).tone, 'none');
  const broken = verdict({ ...whole, ok: false, problem: 'bad_signature', seal: 2, audit_id: null, detail: 'key k1' });
  assert.deepEqual([broken.tone, broken.title, broken.text], ['bad', 'Not whole: bad signature', 'at seal 2: key k1']);
  assert.equal(verdict({ ...whole, ok: false, problem: 'changed', seal: 2, audit_id: 77, detail: null }).text, 'at row 77');
});

test('filters leave out what is empty, and days are whole', () => {
  assert.deepEqual(filtersOf({ action: ' task. ', user: '', type: 'task' }), { action: 'task.', type: 'task' });
  const { from, to } = filtersOf({ from: '2026-03-01', to: '2026-03-01' });
  assert.equal(new Date(to) - new Date(from), 24 * 3600 * 1000);
});

test('an entry says what of its row is other', () => {
  assert.equal(summary({ changes: { old: { status: 'open' }, new: { status: 'done' } } }), 'status: open → done');
  assert.equal(summary({ changes: { diff: { blueprint_json: { nodes: {} } } } }), 'blueprint_json: nodes');
  assert.equal(summary({ changes: { diff: { blueprint_json: { nodes: { added: [1, 2], updated: [3] } } } } }), 'blueprint_json: nodes 2 added, 1 updated');
  assert.equal(summary({ changes: { new: { id: 'x', project_id: 'y', tags: [], kind: 'todo', title: 'Call' } } }), 'title: Call; kind: todo');
  assert.equal(summary({ changes: null, metadata: { code: 'forbidden' } }), '{"code":"forbidden"}');
});

test('JSON that fits into a line is on one, and all of it is there', () => {
  const value = { nodes: { updated: [{ id: 'n', set: [[['data', 'label'], 'x'.repeat(60)], [['position', 'x'], 4]] }] }, none: null };
  assert.deepEqual(JSON.parse(pretty(value)), value);
  assert.ok(pretty(value).split('\n').includes('          [["position","x"],4]'));
  assert.equal(pretty({ a: [1, 2] }), '{"a":[1,2]}');
});
