// Notifications on a client without a connection.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Notifications } from '../src/app.js';
import { FakeClient, FakeClock, settle } from './fake.mjs';

const REFUSAL = { code: 'forbidden', status: 403, message: 'not for you', retry: 'no' };
const at = (n) => new Date(1_700_000_000_000 + n * 1000).toISOString().replace('Z', '+00:00');

describe('Notifications', () => {
  let clock, client, me, list, errors, items, count;
  const item = (n, more) => ({ id: `n${n}`, kind: 'mention', title: `T${n}`, payload: {}, created_at: at(n), read_at: null, ...more });
  const ids = () => list.state.items.map(({ id, read_at }) => id + (read_at ? '' : '*')).join(' ');
  const calls = (method) => client.calls.filter((call) => call.method === `notification.${method}`);
  const come = (n) => me.emit('notification.created', { id: `n${n}`, data: item(n) });
  const begin = async (options) => {
    list = new Notifications(client, { env: client.env, page: 3, ...options });
    list.on('error', ({ code }) => errors.push(code));
    await list.open();
  };

  beforeEach(() => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    me = client.channel('me');
    [errors, items, count] = [[], [item(3), item(2), item(1, { read_at: at(1) })], 2];
    client.methods['notification.list'] = ({ after }) => (after ? { notifications: [item(0, { read_at: at(1) })], next: null } : { notifications: items, next: 'more' });
    client.methods['notification.unread_count'] = () => ({ unread: count, more: false });
  });

  test('newest first, with what comes, each once; older ones by page', async () => {
    await begin();
    come(4);
    come(4);
    assert.deepEqual([ids(), list.state.unread, list.state.hasMore], ['n4* n3* n2* n1', 3, true]);
    await list.loadMore();
    await list.loadMore();
    assert.deepEqual([ids(), list.state.hasMore, calls('list').length], ['n4* n3* n2* n1 n0', false, 2]);
  });

  test('what came while it was read is counted again, so that the number is right in the end', async () => {
    list = new Notifications(client, { env: client.env });
    list.open();
    await settle(1);
    count = 3;
    come(3); // in the list already, and in the number or not
    await settle();
    await clock.advance(300);
    assert.equal(list.state.unread, 3);
  });

  test('single ones are marked at once, told together, and end with their event', async () => {
    await begin();
    const [done, other] = [list.markRead('n3'), list.markRead('n2')];
    assert.deepEqual([ids(), list.state.unread], ['n3 n2 n1', 0]);
    await clock.advance(150);
    const [call] = calls('mark_read');
    assert.deepEqual([calls('mark_read').length, call.params], [1, { ids: ['n3', 'n2'] }]);
    me.emit('notification.read', { ids: ['n3', 'n2'], count: 2 }, { key: call.key });
    assert.deepEqual([ids(), list.state.unread], ['n3 n2 n1', 0]);
    call.answer({ marked: 2, unread: 0 });
    await Promise.all([done, other]);
    await list.markRead('n3');
    await clock.advance(150);
    assert.equal(calls('mark_read').length, 1);
    await assert.rejects(list.markRead('n99'), { code: 'not_found' });
  });

  test('refused, it is as it was', async () => {
    await begin();
    const done = list.markRead('n3');
    await clock.advance(150);
    calls('mark_read')[0].refuse(REFUSAL);
    await assert.rejects(done, { code: 'forbidden' });
    assert.deepEqual([ids(), list.state.unread, errors, list.state.error.code], ['n3* n2* n1', 2, ['forbidden'], 'forbidden']);
  });

  test('all: those that were there, not what comes after', async () => {
    count = 500;
    await begin();
    const done = list.markRead('all');
    come(4);
    assert.deepEqual([ids(), list.state.unread], ['n4* n3 n2 n1', 1]);
    const [call] = calls('mark_all_read');
    assert.deepEqual(call.params, { until: at(3) });
    items = [item(4), item(3, { read_at: at(9) }), item(2, { read_at: at(9) })];
    count = 1;
    me.emit('notification.read', { ids: null, count: 500 }, { key: call.key });
    call.answer({ marked: 500, unread: 1 });
    await done;
    await clock.advance(300);
    assert.deepEqual([ids(), list.state.unread], ['n4* n3 n2', 1]);
  });

  test('another window has read', async () => {
    await begin();
    count = 1;
    me.emit('notification.read', { ids: ['n2', 'n77'], count: 1 });
    assert.deepEqual([ids(), list.state.unread], ['n3* n2 n1', 1]);
  });

  test('a mark whose event was missed ends with what is read after its answer', async () => {
    await begin();
    const done = list.markRead('n3');
    await clock.advance(150);
    calls('mark_read')[0].answer({ marked: 1, unread: 1 });
    await done;
    [items, count] = [[item(3, { read_at: at(9) }), item(2)], 1];
    me.signal('resync');
    await settle();
    assert.deepEqual([ids(), list.state.unread], ['n3 n2*', 1]);
    // and does not keep the server's number from being taken
    count = 7;
    come(4);
    await clock.advance(300);
    assert.equal(list.state.unread, 7);
  });

  test('the newest are kept, and closing tells what is marked and stops everything', async () => {
    await begin({ most: 4 });
    for (let n = 4; n < 20; n++) {
      items = [item(n), ...items].slice(0, 3);
      come(n);
      await settle();
    }
    assert.ok(list.state.items.length <= 4);
    assert.equal(list.state.items[0].id, 'n19');
    list.markRead('n19');
    list.close();
    assert.deepEqual(calls('mark_read').map(({ params }) => params), [{ ids: ['n19'] }]);
    await settle();
    assert.deepEqual([clock.pending, me.refs], [0, 0]);
  });
});
