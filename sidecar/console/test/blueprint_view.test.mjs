// The project view's logic: what is drawn again, what an edit leaves alone, what is said of changes and conflicts.
import assert from 'node:assert/strict';
import test from 'node:test';

import { patch } from '../../client/src/documents.js';
import { asked, questions } from '../src/views/project/conflicts.js';
import { sentence, touched } from '../src/views/project/describe.js';
import { added, connected, fieldsOf, moved, removed, renamed, withValue } from '../src/views/project/edits.js';
import { FlowEdges, FlowNodes, kindOf, labelOf } from '../src/views/project/flow.js';
import { marksOf } from '../src/views/project/marks.js';
import { taken } from '../src/views/project/use_selection.js';

const blueprint = {
  nodes: [
    { id: 'a', type: 'trigger', position: { x: 0, y: 0 }, data: { label: 'Mail arrives' } },
    { id: 'b', type: 'extract', position: { x: 200, y: 0 }, data: { label: 'Read it', options: { tries: 3, isStrict: true } } },
    { id: 3, position: { x: 400, y: 0 }, data: {} },
  ],
  edges: [
    { id: 'a-b', source: 'a', target: 'b' },
    { id: 'b-3', source: 'b', target: 3, label: 'yes' },
  ],
};

test('what has not changed is the same object for React Flow', () => {
  const nodes = new FlowNodes();
  const edges = new FlowEdges();
  const first = nodes.of(blueprint, { selected: new Set(['a']) });
  const lines = edges.of(blueprint);
  const after = renamed(blueprint, 'b', 'Read all of it');
  const second = nodes.of(after, { selected: new Set(['a']) });
  assert.equal(second[0], first[0]);
  assert.notEqual(second[1], first[1]);
  assert.equal(second[2], first[2]);
  const other = edges.of(moved(blueprint, new Map([['a', { x: 5, y: 5 }]])));
  assert.deepEqual(other.map((line, i) => line === lines[i]), [true, true]);
});

test('a node that is dragged, selected or marked is another object, and the rest stays', () => {
  const nodes = new FlowNodes();
  const first = nodes.of(blueprint, {});
  const second = nodes.of(blueprint, { places: new Map([['a', { x: 9, y: 9 }]]), selected: new Set(['b']) });
  assert.deepEqual(second.map((node, i) => node === first[i]), [false, false, true]);
  assert.deepEqual(second[0].position, { x: 9, y: 9 });
});

test('an edge whose node is gone is not drawn, ids that are numbers are', () => {
  const lines = new FlowEdges().of({ ...blueprint, edges: [...blueprint.edges, { id: 'x', source: 'a', target: 'gone' }] });
  assert.deepEqual(lines.map(({ id, source, target, label }) => [id, source, target, label]), [
    ['a-b', 'a', 'b', undefined],
    ['b-3', 'b', '3', 'yes'],
  ]);
});

test('a node without a label has its name or its id, and a kind by its type', () => {
  assert.equal(labelOf({ id: 7, data: { label: ' ' }, name: 'HTTP Request' }), 'HTTP Request');
  assert.equal(labelOf({ id: 7 }), '7');
  assert.deepEqual(kindOf({ type: 'n8n-nodes-base.httpRequest' }), { kind: 'call', icon: 'link', type: 'httpRequest' });
  assert.equal(kindOf({ data: { kind: 'decision' } }).kind, 'logic');
});

test('edits leave alone what they are not about', () => {
  const named = renamed(blueprint, 'b', 'B');
  assert.equal(named.nodes[0], blueprint.nodes[0]);
  assert.equal(named.edges, blueprint.edges);
  assert.deepEqual(named.nodes[1].data.options, blueprint.nodes[1].data.options);
  const set = withValue(blueprint, 'b', ['data', 'options', 'tries'], 4);
  assert.deepEqual(set.nodes[1].data, { label: 'Read it', options: { tries: 4, isStrict: true } });
  const same = moved(blueprint, new Map([['a', { x: 0.2, y: 0 }]]));
  assert.equal(same.nodes[0], blueprint.nodes[0]);
});

test('a node is added where nothing is, and goes with its edges', () => {
  const [after, id] = added(blueprint, { type: 'http request', label: 'Ask', at: { x: 0, y: 0 } });
  assert.match(id, /^http-request-/);
  assert.deepEqual(after.nodes.at(-1).position, { x: 40, y: 40 });
  const [begun] = added({}, { type: 'note', label: 'N', at: { x: 1, y: 1 } });
  assert.deepEqual(begun.edges, []);
  const without = removed(blueprint, { nodes: new Set(['3']) });
  assert.deepEqual(without.edges.map(({ id: edge }) => edge), ['a-b']);
});

test('nodes are connected once, by their own ids, and not to themselves', () => {
  const after = connected(blueprint, { source: 'a', target: '3' });
  assert.deepEqual([after.edges.at(-1).source, after.edges.at(-1).target], ['a', 3]);
  for (const ends of [{ source: 'a', target: 'b' }, { source: 'a', target: 'a' }, { source: 'a', target: 'gone' }]) {
    assert.equal(connected(blueprint, ends), blueprint);
  }
});

test('a form has the texts, numbers and truths of a node, however deep', () => {
  assert.deepEqual(fieldsOf(blueprint.nodes[1]).map(({ name, value }) => [name, value]), [
    ['options › tries', 3],
    ['options › isStrict', true],
  ]);
});

test('what others did is said in one sentence', () => {
  const diff = {
    nodes: { updated: [{ id: 'a', set: [[['position', 'x'], 4]] }, { id: 'b', set: [[['data', 'label'], 'X']] }], deleted: [3] },
    edges: { added: [{ id: 'e', source: 'a', target: 'b' }] },
  };
  assert.equal(sentence('Ann', diff, blueprint), 'Ann moved Mail arrives and renamed Read it to X and deleted 3 and connected Mail arrives to X.');
  assert.deepEqual(touched(diff), ['a', 'b']);
  assert.equal(sentence('Ann', { meta: { set: [[['name'], 'x']] } }, blueprint), 'Ann changed the blueprint.');
  assert.ok(patch(blueprint, diff));
});

const nameOf = (id) => (id === 'u2' ? 'Ann' : 'Somebody');
const about = { by: 'u2', version: 4, won: 'theirs', at: 3 };

test('two numbers of one move are one question, without "both"', () => {
  const of = (axis, ours, theirs) => ({ kind: 'edit_edit', path: ['nodes', 'a', 'position', axis], base: 0, ours, theirs, ...about });
  const asking = questions([of('x', 10, 20), of('y', 11, 21)], blueprint);
  assert.equal(asking.length, 1);
  const said = asked(asking[0], blueprint, nameOf);
  assert.deepEqual([said.label, said.field, said.ours, said.theirs], ['Mail arrives', 'position', 'x 10, y 11', 'x 20, y 21']);
  assert.deepEqual(said.choices.map(({ name }) => name), ['Keep yours', 'Keep theirs']);
});

test('an edit against a deletion names what both did, on the node or on none', () => {
  const conflict = { kind: 'edit_delete', path: ['nodes', 'gone'], base: { id: 'gone' }, ours: { id: 'gone', data: { label: 'Old' } }, ...about };
  const [question] = questions([conflict], blueprint);
  const said = asked(question, blueprint, nameOf);
  assert.deepEqual([question.node, said.label, said.ours, said.theirs, said.who], ['gone', 'Old', 'Changed it', 'Deleted it', 'Ann']);
  assert.deepEqual(said.choices.map(({ name }) => name), ['Keep yours', 'Keep theirs', 'Keep both']);
});

test('marks that say the same are the same objects', () => {
  const others = [{ id: 'u2', name: 'Ann', meta: { node: 'a', field: 'Label' } }, { id: 'u3', name: 'Bob', meta: {} }];
  const first = marksOf({ others });
  assert.deepEqual(first.get('a'), { people: [{ id: 'u2', name: 'Ann', field: 'Label' }] });
  assert.equal(marksOf({ others: structuredClone(others) }, first), first);
  const second = marksOf({ others, questions: [{ node: 'b', conflicts: [1, 2] }, { node: null, conflicts: [1] }] }, first);
  assert.equal(second.get('a'), first.get('a'));
  assert.equal(second.get('b').conflicts, 2);
});

test('a selection that says the same is the same', () => {
  const before = { nodes: new Set(['a']), edges: new Set() };
  assert.equal(taken(before, 'nodes', [{ id: 'a', selected: true }]), before);
  assert.deepEqual([...taken(before, 'nodes', [{ id: 'a', selected: false }, { id: 'b', selected: true }]).nodes], ['b']);
});
