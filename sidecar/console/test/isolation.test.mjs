// Whether an attempt on another tenant's things has let something out.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attempts, byHand, possible } from '../src/views/isolation/attempts.js';
import { differences, forNobody, judge, newId, sum } from '../src/views/isolation/judge.js';

const theirs = '11111111-1111-4111-8111-111111111111';
const mine = '22222222-2222-4222-8222-222222222222';
const error = (code, message, more) => ({ type: 'error', payload: { code, status: 404, message, retry: 'no', ...more } });

test('a refusal in the same words teaches nothing, whatever the ids in it', () => {
  const verdict = judge(error('not_found', `no channel "project:${theirs}"`), error('not_found', `no channel "project:${newId()}"`));
  assert.deepEqual(verdict, { outcome: 'refused', differs: [] });
});

test('a refusal in other words does: code, message, or what is beside them', () => {
  const nobodys = error('not_found', 'task not found');
  assert.deepEqual(judge(error('forbidden', 'task not found'), nobodys), { outcome: 'learnt', differs: ['payload.code'] });
  assert.equal(judge(error('not_found', 'not yours'), nobodys).outcome, 'learnt');
  assert.equal(judge(error('not_found', 'task not found', { details: { status: 'live' } }), nobodys).outcome, 'learnt');
});

test('an answer is an alarm, also when nobody has it too', () => {
  const answer = { type: 'result', payload: { name: 'Referrals' } };
  assert.equal(judge(answer, error('not_found', 'project not found')).outcome, 'open');
  assert.equal(judge(answer, answer).outcome, 'open');
  assert.equal(judge({ type: 'subscribed', payload: { can: ['read'] } }, error('not_found', 'x')).outcome, 'open');
});

test('the same answer with nothing in it is no alarm', () => {
  const nothing = { type: 'result', payload: { tasks: [], next: null } };
  assert.equal(judge(nothing, nothing).outcome, 'empty');
  assert.equal(judge({ type: 'result', payload: { tasks: [{ id: theirs }], next: null } }, nothing).outcome, 'open');
});

test('a limit or a lost connection is no verdict', () => {
  assert.equal(judge(error('rate_limited', 'too many'), error('not_found', 'x')).outcome, 'unknown');
  assert.equal(judge(error('not_found', 'x'), error('unavailable', 'x')).outcome, 'unknown');
  assert.equal(judge(null, error('not_found', 'x')).outcome, 'unknown');
});

test('the order of members and the time to wait are no difference', () => {
  const a = { type: 'error', payload: { code: 'x', message: 'y', retryAfter: 3 } };
  const b = { type: 'error', payload: { message: 'y', retryAfter: 700, code: 'x' } };
  assert.equal(judge(a, b).outcome, 'refused');
});

test('a connection that is not taken up is refused', () => {
  const isRefusal = ({ payload }) => payload.resumed === false;
  const refused = { type: 'connected', payload: { resumed: false } };
  assert.equal(judge(refused, refused, isRefusal).outcome, 'refused');
  assert.equal(judge({ type: 'connected', payload: { resumed: true } }, refused, isRefusal).outcome, 'open');
});

test("the control asks the same for nobody's ids and leaves one's own alone", () => {
  const request = { type: 'call', payload: { params: { project_id: theirs, again: theirs.toUpperCase(), by: mine } } };
  const { params } = forNobody(request, [mine, null]).payload;
  assert.equal(params.by, mine);
  assert.notEqual(params.project_id, theirs);
  assert.equal(params.again, params.project_id);
  assert.match(params.project_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('differences are named by their path', () => {
  assert.deepEqual(differences({ a: { b: 1, c: [1] } }, { a: { b: 2, c: [1, 2] } }), ['a.b', 'a.c.1']);
  assert.deepEqual(differences(1, 2), ['all of it']);
});

test('the sum says that nothing was learnt only then', () => {
  assert.equal(sum(Array(12).fill('refused')).sentence, '12 attempts, 12 refused, nothing disclosed');
  assert.equal(sum(['refused', 'open']).sentence, '2 attempts, 1 refused, 1 disclosed something');
  assert.equal(sum(['refused', 'empty', 'unknown']).sentence, '3 attempts, 1 refused, 1 empty, 1 inconclusive, nothing disclosed');
  assert.equal(sum(['learnt']).alarms, 1);
});

test('every attempt asks for what is theirs and can be asked for nobody', () => {
  const known = { tenant: theirs, project: newId(), version: newId(), user: newId(), task: newId(), position: 'p', session: 's', key: 'k' };
  assert.equal(possible(known).length, attempts.length);
  for (const { key, ask, nobody } of attempts) {
    const request = ask(known);
    const control = nobody?.() ?? forNobody(request, []);
    assert.notDeepEqual(control, request, key);
    assert.equal(control.type, request.type, key);
  }
  assert.equal(new Set(attempts.map(({ key }) => key)).size, attempts.length);
});

test('what is not known is not tried', () => {
  assert.ok(possible({ project: theirs }).every(({ needs }) => needs.join() === 'project'));
  assert.deepEqual(possible({}), []);
});

test('an attempt by hand is a frame, or says what is wrong with it', () => {
  assert.deepEqual(byHand({ kind: 'call', name: ' task.list ', params: '{"limit": 1}' }).ask(), {
    type: 'call',
    payload: { method: 'task.list', params: { limit: 1 } },
  });
  assert.equal(byHand({ kind: 'presence', name: 'presence:project/1', params: '' }).ask().type, 'presence:join');
  assert.throws(() => byHand({ kind: 'call', name: 'x', params: '{' }), /not valid JSON/);
  assert.throws(() => byHand({ kind: 'subscribe', name: ' ', params: '' }), /Enter a channel/);
});
