// What the chaos bar counts, and when it calls two documents equal.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { canonical } from '../src/chaos/canonical.js';
import { Tally } from '../src/chaos/tally.js';
import { canonical as another } from './canonical.mjs';

const burst = (n, written, more = {}) => ({ n, project: 'p', total: 3, written, ...more });
const ids = (n) => [1, 2, 3].map((i) => `${n}-${i}`);

test('a burst counts from its beginning: what is written is expected, what is not heard is missing', () => {
  const tally = new Tally();
  assert.deepEqual(tally.learn([], 'p'), []);
  assert.deepEqual(tally.learn([burst(1, 0)], 'p'), [1]);
  tally.hear('1-1');
  tally.begin(1, ids(1));
  tally.learn([burst(1, 2)], 'p');
  assert.deepEqual(tally.figures, { expected: 2, seen: 1, missing: 1, twice: 0, isOver: false });
  tally.hear('1-2');
  tally.hear('1-3');
  assert.deepEqual(tally.figures, { expected: 3, seen: 3, missing: 0, twice: 0, isOver: false });
  tally.learn([burst(1, 3)], 'p');
  assert.deepEqual(tally.figures, { expected: 3, seen: 3, missing: 0, twice: 0, isOver: true });
});

test('an event that is heard again is counted as twice, and is not seen twice', () => {
  const tally = new Tally();
  tally.learn([], 'p');
  tally.learn([burst(1, 3)], 'p');
  tally.begin(1, ids(1));
  tally.learn([burst(1, 3)], 'p');
  for (const id of ['1-1', '1-1', '1-1', '1-2']) tally.hear(id);
  assert.deepEqual(tally.figures, { expected: 3, seen: 2, missing: 1, twice: 2, isOver: true });
});

test('bursts of other projects, and those before the pane listened, do not count', () => {
  const tally = new Tally();
  tally.learn([burst(4, 1)], 'p');
  assert.deepEqual(tally.learn([burst(4, 3), burst(5, 3, { project: 'q' }), burst(6, 0)], 'p'), [6]);
  tally.hear('4-3');
  assert.deepEqual(tally.figures, { expected: 0, seen: 0, missing: 0, twice: 0, isOver: true });
});

test('a burst that the demo has forgotten still counts', () => {
  const tally = new Tally();
  tally.learn([], 'p');
  tally.begin(1, ids(1));
  tally.learn([burst(1, 3)], 'p');
  for (const id of ids(1)) tally.hear(id);
  tally.learn([], 'p');
  assert.equal(tally.figures.seen, 3);
});

test('the order of members makes no difference to a document, the order of elements does', () => {
  const [a, b] = [{ x: [1, { b: null, a: '"' }], y: {} }, { y: {}, x: [1, { a: '"', b: null }] }];
  assert.equal(canonical(a), canonical(b));
  assert.equal(canonical(a), another(a));
  assert.notEqual(canonical([1, 2]), canonical([2, 1]));
  assert.equal(canonical({ a: undefined, b: 1 }), '{"b":1}');
});
