// The judge of the chaos and isolation tests must be able to say no: each fault it is there for.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Judge } from './judge.mjs';

const at = (snapshot) => `e.${snapshot}`;
const event = (id, xid, more = {}) => ({
  id, xid, channels: ['c'], audience: [], class: 'c', type: 'x', state_key: null, ...more,
});
const client = { id: 'u', roles: ['client'] };

// transaction 12 ends after 13: its event has the smaller id and comes later
const events = [event(1, 10), event(2, 12), event(3, 13), event(4, 14, { audience: ['role:ops'] })];

const stretch = (more) => ({
  channel: 'c', transport: 'ws', gateway: 0, start: at('10:10:'), asked: 0, replayed: 0, times: [], why: '',
  claims: [
    { position: at('12:14:12'), count: 2, at: 0 },
    { position: at('15:15:'), count: 3, at: 0 },
  ],
  ids: [1, 3, 2],
  ...more,
});

function complaints(stretches, more = {}) {
  const report = { name: 'n', story: '', strays: [], late: [], unrecovered: [], stretches, ...more };
  const judge = new Judge(events, [report]);
  judge.check(report, client, ['c']);
  return Object.keys(judge.counts);
}

test('what is right is not complained of', () => {
  assert.deepEqual(complaints([stretch()]), []);
});

test('what came again after the last position is right', () => {
  const first = stretch({ ids: [1, 3], claims: [{ position: at('12:14:12'), count: 1, at: 0 }] });
  first.claims[0] = { position: at('11:11:'), count: 1, at: 0 };
  const second = stretch({ start: at('11:11:'), ids: [2, 3], claims: [{ position: at('15:15:'), count: 2, at: 0 }] });
  assert.deepEqual(complaints([first, second]), []);
});

for (const [what, found, stretches, more] of [
  ['an event that did not come', ['missing'], [stretch({ ids: [1, 3] })]],
  ['one that came after the position that claims it', ['missing'],
    [stretch({ claims: [at('12:14:12'), at('15:15:')].map((position) => ({ position, count: 2, at: 0 })) })]],
  ['an event for others', ['foreign: not for this client'], [stretch({ ids: [1, 3, 2, 4] })]],
  ['one that is not there', ['foreign: no such event on this channel'], [stretch({ ids: [1, 3, 2, 9] })]],
  ['one that came twice', ['twice in a subscription', 'out of order'], [stretch({ ids: [1, 3, 2, 2] })]],
  ['one from before the position', ['from before the position'], [stretch({ start: at('11:11:') })]],
  ['a replay that is out of order', ['out of order'], [stretch({ replayed: 3 })]],
  ['a fetch that is out of order', ['out of order'],
    [stretch({ ids: [2, 3, 1], claims: [{ position: at('15:15:'), count: 3, at: 0 }] })]],
  ['a position that goes back', ['position went back'],
    [stretch({ claims: [{ position: at('15:15:'), count: 3, at: 0 }, { position: at('12:14:12'), count: 3, at: 0 }] })]],
  ['a client that skips something', ['a hole between subscriptions'],
    [stretch(), stretch({ start: at('16:16:'), ids: [], claims: [{ position: at('17:17:'), count: 0, at: 0 }] })]],
  ['a channel that brought nothing at all', ['never subscribed'], []],
  ['an event without a subscription', ['strays'], [stretch()], { strays: [{ id: 1 }] }],
  ['an event behind a gap', ['late'], [stretch()], { late: [{ id: 1 }] }],
  ['a replay that was refused', ['unrecovered'], [stretch()], { unrecovered: [{ channel: 'c' }] }],
])
  test(`${what} is found`, () => {
    assert.deepEqual(complaints(stretches, more), found);
  });

test('of a state the last one must come', () => {
  const states = [event(1, 10, { class: 's', state_key: 'k' }), event(2, 11, { class: 's', state_key: 'k' })];
  const judge = (ids) => {
    const report = { name: 'n', story: '', strays: [], late: [], unrecovered: [], stretches: [stretch({ ids, claims: [] })] };
    const one = new Judge(states, [report]);
    one.check(report, client, ['c']);
    return Object.keys(one.counts);
  };
  assert.deepEqual(judge([2]), []);
  assert.deepEqual(judge([1]), ['missing']);
});
