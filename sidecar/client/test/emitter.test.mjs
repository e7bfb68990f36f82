import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Emitter } from '../src/emitter.js';

test('a name, a beginning with a star and a star alone hear an event once each', () => {
  const emitter = new Emitter();
  const heard = [];
  for (const pattern of ['task.updated', 'task.*', '*', 'task.created', 'quote.*'])
    emitter.on(pattern, (value) => heard.push([pattern, value]));
  emitter.emitMatching('task.updated', 1);
  assert.deepEqual(heard, [
    ['task.updated', 1],
    ['task.*', 1],
    ['*', 1],
  ]);
});

test('a listener that throws is reported and stops nobody else', () => {
  const reports = [];
  const emitter = new Emitter((error, where) => reports.push([error.message, where]));
  const heard = [];
  emitter.on('a', () => {
    throw new Error('no');
  });
  emitter.on('a', () => heard.push('second'));
  emitter.emit('a');
  assert.deepEqual(heard, ['second']);
  assert.deepEqual(reports, [['no', 'a']]);
});

test('who is removed while something is told does not hear of it, who is added not yet', () => {
  const emitter = new Emitter();
  const heard = [];
  emitter.on('a', () => {
    removeSecond();
    emitter.on('a', () => heard.push('added'));
  });
  const removeSecond = emitter.on('a', () => heard.push('second'));
  emitter.emit('a');
  assert.deepEqual(heard, []);
  emitter.emit('a');
  assert.deepEqual(heard, ['added']);
});

test('the same function twice is two listeners, and removing one twice removes one', () => {
  const emitter = new Emitter();
  let heard = 0;
  const listener = () => heard++;
  const remove = emitter.on('a', listener);
  emitter.on('a', listener);
  remove();
  remove();
  emitter.emit('a');
  assert.equal(heard, 1);
});
