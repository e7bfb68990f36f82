// What a diff of blueprints says and does, here as in the database: the cases that regress/t/062_blueprint_vectors.t
// and sql/blueprint_merge.sql run there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { checkDiff, diff, merge, patch, strip } from '../src/documents.js';

const read = (name) => JSON.parse(readFileSync(new URL(`../../../regress/vectors/${name}.json`, import.meta.url), 'utf8'));

const functions = {
  diff: ({ old, new: after, options }) => diff(old, after, options),
  patch: (v) => {
    checkDiff(v.diff);
    return patch(v.doc, v.diff);
  },
  merge: ({ base, ours, theirs, options }) => merge(base, ours, theirs, options),
  strip: ({ doc, options }) => strip(doc, options),
};

const outcome = (vector) => {
  try {
    return { expected: functions[vector.fn](vector) };
  } catch (error) {
    if (!error.status) throw error;
    return { error: `WK${error.status}`, detail: error.details };
  }
};

const check = (vector) => {
  const before = JSON.stringify(vector);
  const { expected, error, detail } = vector;
  assert.deepEqual(JSON.parse(JSON.stringify(outcome(vector))), error ? { error, detail } : { expected });
  assert.equal(JSON.stringify(vector), before, 'nothing that was given is changed');
};

describe('blueprint.json', () => {
  const vectors = read('blueprint');
  // undoing is the server's business
  const mine = vectors.filter(({ fn }) => fn !== 'invert');

  test('there are all kinds of cases', () => {
    assert.deepEqual(new Set(mine.map(({ fn }) => fn)), new Set(Object.keys(functions)));
    assert.ok(mine.length >= 75);
  });
  for (const vector of mine) test(`${vector.fn}: ${vector.name}`, () => check(vector));
  for (const { old, new: after, options, expected } of vectors.filter(({ fn }) => fn === 'diff'))
    test(`patching with ${JSON.stringify(expected).slice(0, 60)} makes the new document of the old one`, () =>
      assert.deepEqual(strip(patch(old, expected), options), strip(after, options)));
});

describe('blueprint_merge.json', () => {
  for (const { name, result, conflicts, dropped_edges, ...versions } of read('blueprint_merge'))
    test(name, () => check({ fn: 'merge', ...versions, expected: { result, conflicts, dropped_edges } }));
});
