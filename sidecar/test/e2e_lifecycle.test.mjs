// The life of an automation, asked for over the socket: what may be done, what is refused and in
// which words, and who sees it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, fence, northwind, people } from './e2e.mjs';

const { clara, oskar, bruno, nils, ada, bea } = people;
const id = northwind.revision;

describe('a life over the socket', { timeout: 120000 }, () => {
  const world = new World('lifecycle');
  const at = {};

  before(async () => {
    await world.open();
    for (const person of [clara, oskar, bruno, ada, bea, nils])
      at[person.name] = await world.client(person);
  });
  after(() => world.close());

  const go = (person, to, more = {}, key = undefined) =>
    at[person.name].call('automation_version.transition', { id, to, ...more }, key);
  const next = async (person) =>
    (await at[person.name].call('automation_version.available_transitions', { id })).payload;
  const refusal = async (promise) => {
    const { code, status, frame } = await promise.then(
      () => assert.fail('it was not refused'),
      (error) => error,
    );
    return { code, status, ...frame.payload };
  };

  test('what is offered is what may be done, with its label', async () => {
    const offered = async (person) => (await next(person)).transitions.map((t) => t.to_state);
    assert.deepEqual(await offered(clara), ['needs_pricing']);
    assert.deepEqual(await offered(bruno), ['blocked']);
    assert.deepEqual(await offered(oskar), ['needs_pricing', 'blocked', 'archived']);
    assert.deepEqual((await next(clara)).transitions, [
      {
        to_state: 'needs_pricing',
        state_label: 'Needs Pricing',
        label: 'Submit intake',
        needs_reason: false,
        returns: false,
      },
    ]);
  });

  test('a step there is not is invalid_transition, with where one may go', async () => {
    const { code, status, retry, details } = await refusal(go(clara, 'live'));
    assert.deepEqual([code, status, retry], ['invalid_transition', 422, 'refetch']);
    assert.deepEqual(details, {
      machine: 'automation_version',
      from: 'intake_in_progress',
      to: 'live',
      allowed: ['needs_pricing'],
    });
  });

  test('a step for others is forbidden, one without its reason bad_request', async () => {
    const forbidden = await refusal(go(clara, 'blocked', { reason: 'x' }));
    assert.equal(forbidden.code, 'forbidden');
    assert.deepEqual(forbidden.details.allowed, ['needs_pricing']);
    assert.ok(forbidden.details.roles.includes('builder'));
    const { code, details } = await refusal(go(bruno, 'blocked'));
    assert.deepEqual([code, details], ['bad_request', { param: 'reason' }]);
  });

  test('another tenant and a builder of another project get not_found, as for nothing', async () => {
    for (const person of [bea, nils]) {
      const { message, code } = await refusal(go(person, 'needs_pricing'));
      const nowhere = await refusal(
        go(person, 'needs_pricing', { id: '00000000-0000-4000-8000-00000000dead' }),
      );
      assert.deepEqual([code, message], ['not_found', nowhere.message]);
    }
  });

  test('each step reaches everybody of the tenant who may see it, in order, and nobody else', async () => {
    const readers = [];
    for (const person of [clara, bruno])
      readers.push(await world.follower(person, [`automation_version:${id}`]));
    const other = await world.follower(bea);
    await go(clara, 'needs_pricing');
    await go(oskar, 'blocked', { reason: 'The price list is late' });
    await go(oskar, 'previous');
    await go(oskar, 'awaiting_client_approval');
    await go(clara, 'needs_pricing', { reason: 'Too expensive' });
    await refusal(go(clara, 'live'));
    await fence(world.sql, [...readers, other]);
    const seen = ({ events }) =>
      events
        .filter((e) => e.channel.endsWith(id) && e.type === 'automation_version.status_changed')
        .map(({ payload: { from, to, by, reason } }) => [from, to, by, reason]);
    const steps = [
      ['intake_in_progress', 'needs_pricing', clara.id, undefined],
      ['needs_pricing', 'blocked', oskar.id, 'The price list is late'],
      ['blocked', 'needs_pricing', oskar.id, undefined],
      ['needs_pricing', 'awaiting_client_approval', oskar.id, undefined],
      ['awaiting_client_approval', 'needs_pricing', clara.id, 'Too expensive'],
    ];
    for (const reader of readers) assert.deepEqual(seen(reader), steps);
    assert.deepEqual(
      other.events.filter((e) => e.type.startsWith('automation_version')),
      [],
    );
  });

  test('the history is what happened', async () => {
    const { changes } = (await at.Clara.call('automation_version.history', { id })).payload;
    assert.deepEqual(
      changes.map(({ from, to, name, reason }) => [from, to, name, reason]),
      [
        [null, 'intake_in_progress', null, null],
        ['intake_in_progress', 'needs_pricing', 'Clara', null],
        ['needs_pricing', 'blocked', 'Oskar', 'The price list is late'],
        ['blocked', 'needs_pricing', 'Oskar', null],
        ['needs_pricing', 'awaiting_client_approval', 'Oskar', null],
        ['awaiting_client_approval', 'needs_pricing', 'Clara', 'Too expensive'],
      ],
    );
  });

  test('who expected another status gets conflict and changes nothing', async () => {
    const { code, details } = await refusal(
      go(oskar, 'awaiting_client_approval', { expected: 'awaiting_client_approval' }),
    );
    const expected = 'awaiting_client_approval';
    assert.deepEqual([code, details], ['conflict', { from: 'needs_pricing', expected }]);
    assert.equal((await next(oskar)).status, 'needs_pricing');
  });

  test('a step is taken once per key, and its answer names its event', async () => {
    const first = await go(oskar, 'awaiting_client_approval', {}, 'once');
    const again = await go(oskar, 'awaiting_client_approval', {}, 'once');
    assert.deepEqual(again.payload, first.payload);
    // on the tenant's channel, which every connection has from the start
    const { type, payload, key } = await at.Clara.waitFor((f) => f.channel && f.id === first.id);
    assert.deepEqual(
      [type, payload.change_id, key],
      ['automation_version.status_changed', first.payload.change_id, 'once'],
    );
  });

  test('of two who decide at once, one does and the other learns what was decided', async () => {
    const [yes, no] = await Promise.all([
      go(clara, 'build_in_progress').catch((error) => error),
      go(ada, 'needs_pricing', { reason: 'A better offer' }).catch((error) => error),
    ]);
    const [done, refused] = yes.code ? [no, yes] : [yes, no];
    assert.equal(refused.code, 'invalid_transition');
    assert.equal(refused.frame.payload.details.from, done.payload.to);
  });
});
