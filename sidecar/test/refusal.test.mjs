// What somebody was refused is told to the database: once, in time, without secrets, and within bounds.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stand, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';
const bob = 't2:bob:client';

let cluster;
let gateway;

stand({ rate_limit: 100000, rate_burst: 100000, abuse_limit: 100000, user_calls_second: 0, user_calls_minute: 0, user_others_second: 0 }, (made) => ({ cluster, gateway } = made));

const told = () =>
  JSON.parse(cluster.sql(`SELECT coalesce(json_agg(json_build_array(kind, code, name, address, token) ORDER BY n), '[]')
    FROM wrk.mock_refused`));
const forget = () => cluster.sql('TRUNCATE wrk.mock_refused');
const metric = (name) => gateway.metric(name);

// What was told once there are n of them; they go side by side, so their order is nobody's.
async function toldSoon(n) {
  await until(() => told().length >= n, { what: `${n} refusals to be told` });
  const lines = told().map((line) => JSON.stringify(line));
  return lines.sort().map((line) => JSON.parse(line));
}

describe('what is told', () => {
  test('a refused login, without the token', async () => {
    forget();
    const c = await connect(gateway.url);
    await c.request({ type: 'connect', payload: { token: 'a-secret-that-is-not-good' } });
    await c.waitClosed();
    assert.deepEqual(await toldSoon(1), [['login', 'unauthorized', null, '127.0.0.1', null]]);
  });

  test('the token of somebody else on an open connection, as what its owner did', async () => {
    forget();
    const c = await connect(gateway.url, { token: alice });
    assert.equal((await c.request({ type: 'auth', payload: { token: bob } })).payload.code, 'forbidden');
    assert.equal((await c.request({ type: 'auth', payload: { token: 'none' } })).payload.code, 'unauthorized');
    assert.deepEqual(await toldSoon(2), [
      ['login', 'forbidden', null, '127.0.0.1', alice],
      ['login', 'unauthorized', null, '127.0.0.1', alice],
    ]);
    await c.close();
  });

  test('a forbidden call, but none that was wrong in another way', async () => {
    forget();
    const c = await connect(gateway.url, { token: alice });
    for (const method of ['fail.internal', 'fail.transition', 'no.such', 'echo', 'fail.forbidden'])
      await c.request({ type: 'call', payload: { method, params: { password: 'hunter2' } } });
    assert.deepEqual(await toldSoon(1), [['call', 'forbidden', 'fail.forbidden', '127.0.0.1', alice]]);
    await c.close();
  });

  test('a channel of another tenant by its full name, but none that is only not there', async () => {
    forget();
    const c = await connect(gateway.url, { token: alice });
    for (const channel of ['project:404', 'nonsense', 'tenant:t1', 'tenant:t2', 'tenant:t2:project:1', 'tenant:t10:x'])
      await c.request({ type: 'subscribe', channel });
    assert.deepEqual(
      (await toldSoon(3)).map(([kind, code, name, , token]) => [kind, code, name, token]),
      ['tenant:t10:x', 'tenant:t2', 'tenant:t2:project:1'].map((name) => ['channel', 'not_found', name, alice]),
    );
    await c.close();
  });
});

describe('at what cost', () => {
  test('nobody waits for the telling', async () => {
    forget();
    const c = await connect(gateway.url, { token: alice });
    const started = Date.now();
    assert.equal((await c.request({ type: 'call', payload: { method: 'slow.forbidden' } })).payload.code, 'forbidden');
    assert.deepEqual((await c.call('echo', { n: 1 })).payload, { n: 1 });
    assert.ok(Date.now() - started < 1500, `took ${Date.now() - started} ms`);
    assert.equal(told().length, 0, 'and it was not told yet');
    await toldSoon(1);
    await c.close();
  });

  test('a flood is cut, and what was cut is counted; others are told of nevertheless', async () => {
    forget();
    const c = await connect(gateway.url, { token: 't3:mallory:client' });
    const left = await metric('refusals_left_out_total');
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 25; i++) await c.request({ type: 'call', payload: { method: 'fail.forbidden' } });
      }),
    );
    const other = await connect(gateway.url, { token: bob });
    await until(async () => {
      await other.request({ type: 'call', payload: { method: 'fail.forbidden' } });
      return told().some(([, , , , token]) => token === bob);
    });
    const mallory = told().filter(([, , , , token]) => token.startsWith('t3:')).length;
    assert.ok(mallory >= 1 && mallory < 100, `${mallory} of 500 were told`);
    assert.ok((await metric('refusals_left_out_total')) >= left + 500 - mallory, 'the rest was counted');
    await c.close();
    await other.close();
  });

  test('what the database had enough of counts as left out', async () => {
    const [left, recorded] = [await metric('refusals_left_out_total'), await metric('refusals_recorded_total')];
    const c = await connect(gateway.url, { token: 't4:eve:client' });
    await c.request({ type: 'call', payload: { method: 'enough' } });
    await until(async () => (await metric('refusals_left_out_total')) === left + 1);
    assert.equal(await metric('refusals_recorded_total'), recorded);
    await c.close();
  });
});
