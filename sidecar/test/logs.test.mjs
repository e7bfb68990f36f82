// The log: one line an entry, valid JSON if asked for, whatever clients send; whose entry it is; never a token.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import net from 'node:net';
import { Gateway, stand, until } from './harness.mjs';
import { bearer, connect, encodeFrame } from './ws_client.mjs';

// a user whose name is as bad as names get; the mock takes tokens of the form tenant:user:roles
const evil = 'ev"il\\ \n{"level"="error"}\t\u2028\u0001ü';
const token = `t1:${evil}:client`;

let cluster;
let gateway;

stand({ log_format: 'json', log_level: 'debug', origins: 'https://good.example' }, (made) => ({ cluster, gateway } = made));

const entries = (log) => {
  assert.ok(log.endsWith('\n'));
  return log.slice(0, -1).split('\n').map((line) => {
    assert.ok(!/[\u0000-\u001f\u007f]/.test(line), JSON.stringify(line));
    const entry = JSON.parse(line);
    assert.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(['error', 'warn', 'info', 'debug'].includes(entry.level));
    assert.equal(typeof entry.msg, 'string');
    return entry;
  });
};
const logged = (pred) => until(() => entries(gateway.log).find(pred), { what: `an entry: ${pred}` });

describe('as JSON', () => {
  test('an entry about a client says who, and which request', async () => {
    const c = await connect(gateway.url, { token });
    await c.call('echo', { n: 1 });
    const entry = await logged(({ msg, method }) => msg === 'call' && method === 'echo');
    assert.deepEqual([entry.address, entry.tenant, entry.user, entry.code], ['127.0.0.1', 't1', evil, 'ok']);
    assert.match(entry.request, /^t\d+$/);
    assert.equal(typeof entry.ms, 'number');
    await c.close();
  });

  test('a failure inside the database is said to the operator, with whose request it was', async () => {
    const c = await connect(gateway.url, { token });
    await c.request({ type: 'call', payload: { method: 'fail.internal' } });
    const entry = await logged(({ msg }) => msg === 'a request failed inside the database');
    assert.deepEqual([entry.level, entry.tenant, entry.user], ['warn', 't1', evil]);
    assert.ok(entry.reason.length > 0 && entry.sqlstate.length === 5);
    await c.close();
  });

  const hostile = ['a\nlevel=error msg="forged"', '","level":"error', '\\', '\\"', '"', '\u0000', '\u2028', '{}', '=', 'x'.repeat(3000), '\ud800', 'ü'.repeat(400)];
  test('names of methods, request ids, channels and origins, as bad as they come', async () => {
    const c = await connect(gateway.url, { token });
    for (const [i, text] of hostile.entries()) {
      c.send({ type: 'call', requestId: text.slice(0, 100) + i, payload: { method: text } });
      c.send({ type: 'subscribe', requestId: `s${i}`, channel: text });
      c.send({ type: text, requestId: `x${i}` });
    }
    await c.request({ type: 'ping' });
    for (const text of hostile) {
      const Origin = text.replace(/[\0\n\r]|[^\x20-\x7e]/g, '?').slice(0, 2000);
      const page = await connect(gateway.url, { headers: { Origin, 'X-Forwarded-For': Origin } }).catch(() => null);
      await page?.waitClosed();
    }
    assert.equal((await logged(({ msg }) => msg === 'origin refused')).level, 'info');
    assert.ok(entries(gateway.log).every(({ msg }) => !msg.includes('forged')));
    await c.close();
  });

  test('bytes that are no UTF-8, in a head and in a message', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x22, 0x5c]);
    const head = Buffer.concat([Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: '), bytes, Buffer.from('\r\n\r\n')]);
    const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
    const seen = entries(gateway.log).length;
    socket.write(head);
    socket.resume();
    await until(() => entries(gateway.log).slice(seen).some(({ msg, origin }) => msg === 'origin refused' && origin.includes('\ufffd')));
    socket.destroy();
    const c = await connect(gateway.url, { token });
    c.raw(encodeFrame(Buffer.concat([Buffer.from('{"type":"call","payload":{"method":"'), bytes, Buffer.from('"}}')])));
    assert.equal((await c.waitClosed()).code, 4400);
    await logged(({ msg, code }) => msg === 'closing' && code === 4400);
  });
});

describe('secrets', () => {
  test('no token is in the log at level debug, however it was presented', async () => {
    const secrets = ['s3cret-first', 's3cret-bearer', 's3cret-refresh', 's3cret-query', 's3cret-header', 's3cret-forbidden'];
    const of = (i) => `t1:${secrets[i]}:client`;
    for (const format of ['json', 'logfmt']) {
      const mine = await Gateway.start(cluster, { log_format: format, log_level: 'debug', token_in_query: 1 });
      const quiet = (promise) => promise.catch(() => null);
      const a = await connect(mine.url, { token: `t9:${secrets[0]}-x:client`.replace('t9:', 'bad ') }).catch(() => null);
      a?.destroy();
      const b = await quiet(connect(mine.url, { protocols: ['wrk.v1', bearer(`nonsense ${secrets[1]}`)] }));
      await quiet(b?.waitClosed() ?? Promise.resolve());
      const c = await connect(mine.url, { token: 't1:alice:client' });
      await c.request({ type: 'auth', payload: { token: `nonsense ${secrets[2]}` } });
      await c.request({ type: 'call', payload: { method: 'fail.internal', params: { password: secrets[5] } } });
      await quiet(fetch(`http://127.0.0.1:${mine.port}/sse?channel=project:1&token=${secrets[3]}`));
      await quiet(fetch(`http://127.0.0.1:${mine.port}/rpc/echo`, { method: 'POST', body: '{}', headers: { Authorization: `Bearer ${secrets[4]}` } }));
      await c.close();
      await mine.stop();
      for (const secret of secrets) {
        assert.ok(!mine.log.includes(secret), `${secret}: ${mine.log.split('\n').find((line) => line.includes(secret))}`);
        assert.ok(!mine.log.includes(Buffer.from(secret).toString('base64url').slice(2, -2)), `${secret} encoded`);
      }
      assert.ok(of(0).length > 0 && mine.log.length > 500);
    }
  });
});

test('a format that is none ends it with 2', async () => {
  const lost = await Gateway.start(cluster, { log_format: 'xml', wait: false });
  assert.deepEqual(await lost.exited, { code: 2, signal: null });
  assert.match(lost.log, /log_format: "xml"/);
});
