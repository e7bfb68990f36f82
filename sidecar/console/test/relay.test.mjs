// The demo's way from page to gateway: what it passes on, what it refuses, and that its faults are real. The gateway
// behind it is a bare TCP server here.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { CONNECTIONS_MAX } from '../../../tools/demo_front.mjs';
import { DemoServer } from '../../../tools/demo_server.mjs';
import { until } from '../../../tools/lab.mjs';
import { FrameFinder } from '../../../tools/demo_relay.mjs';

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Extensions: permessage-deflate'];

// a frame as the server sends it
function frame(value) {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const head = body.length < 126 ? [0x81, body.length] : [0x81, 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from(head), body]);
}

describe('the demo relay', { timeout: 60000 }, () => {
  const behind = []; // connections at the gateway: { socket, text }
  const gateway = net.createServer((socket) => {
    const end = { socket, text: '', error: null };
    behind.push(end);
    socket.on('data', (data) => (end.text += data.toString('latin1')));
    socket.on('error', (error) => (end.error = error.code));
  });
  const kills = [];
  let server;
  let host;

  before(async () => {
    await once(gateway.listen(0, '127.0.0.1'), 'listening');
    const { port } = gateway.address();
    const people = { ann: { id: 'a', name: 'Ann', roles: ['client'], tenant: { id: 't', name: 'T', project: 'p' } } };
    const lab = { issuer: { token: (claims, seconds) => `${claims.sub}/${seconds}` } };
    const later = (what) => new Promise((resolve) => setTimeout(() => resolve(kills.push(what)), 30));
    const process = { port, stop: later, start: () => later('start') };
    server = await new DemoServer({ lab, gateway: process, people, panes: ['ann2', 'bob'] }).start();
    host = `127.0.0.1:${server.front.port}`;
  });
  after(async () => {
    await server.close();
    for (const { socket } of behind) socket.destroy();
    gateway.close();
  });

  const ask = async (path, body, headers = { 'content-type': 'application/json' }) => {
    const options = body === undefined ? {} : { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
    const answer = await fetch(`http://${host}/demo/${path}`, options);
    return { status: answer.status, body: await answer.json() };
  };
  const chaos = async (what) => {
    const { status, body } = await ask('chaos', { pane: 'ann', ...what });
    assert.equal(status, 200, JSON.stringify(body));
    return body.way;
  };

  // A connection that sends this head, or only `text`; with `keeps` it does not end when the other end does: { socket, text, error, closed }
  async function send(path, lines = [], { name, method = 'GET', text = '', body = '', keeps = false, at = server.front } = {}) {
    const socket = net.connect({ port: at.port, host: '127.0.0.1', allowHalfOpen: keeps });
    const end = { socket, text: '', error: null };
    socket.on('data', (data) => (end.text += data.toString('latin1')));
    socket.on('error', (error) => (end.error = error.code));
    end.closed = new Promise((resolve) => socket.on('close', resolve));
    const head = [`${method} ${path} HTTP/1.1`, `Host: ${name ?? `127.0.0.1:${at.port}`}`, ...lines, '', ''].join('\r\n');
    if (path === null) await once(socket, 'connect');
    socket.write(path === null ? text : head + body);
    return end;
  }
  async function through(path, lines, options) {
    const n = behind.length;
    const near = await send(path, lines, options);
    await until('the gateway is reached', () => behind.length > n && behind[n].text.includes('\r\n\r\n'));
    return { near, far: behind[n] };
  }

  test('the path loses its prefix, and nothing but what would carry a second request or compress is left out', async () => {
    const { near, far } = await through('/via/ann', [...UPGRADE, `Origin: http://${host}`, 'X-Mine: 1']);
    assert.equal(far.text, `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nOrigin: http://${host}\r\nX-Mine: 1\r\nConnection: Upgrade\r\n\r\n`);
    near.socket.destroy();
    const call = await through('/via/ann/rpc/task.list?x=1', ['Connection: keep-alive', 'Content-Length: 2'], { method: 'POST' });
    call.near.socket.write('{}');
    await until('the body', () => call.far.text.endsWith('\r\n\r\n{}'));
    assert.match(call.far.text, /^POST \/rpc\/task\.list\?x=1 HTTP\/1\.1\r\n[^]*\r\nConnection: close\r\n/);
    call.near.socket.destroy();
    const page = await through('/viaduct.js');
    assert.match(page.far.text, /^GET \/viaduct\.js /);
    page.near.socket.destroy();
  });

  test('pages of other origins and names of other hosts reach neither the gateway nor the demo', async () => {
    const n = behind.length;
    for (const path of ['/', '/demo/people', '/via/ann/'])
      for (const [lines, name] of [
        [['Origin: http://evil.example']],
        [['Origin: null']],
        [[], 'evil.example'],
        [[], '127.0.0.1:1'],
        [[`Host: ${host}`]],
      ]) {
        const end = await send(path, lines, { name });
        await end.closed;
        assert.match(end.text, /^HTTP\/1\.1 40[03] [^]*\r\n\r\n\{"error":\{"status":40[03],/, `${path} ${lines} ${name}`);
      }
    assert.equal(behind.length, n);
    const local = await send('/demo/people', [`Origin: http://localhost:${server.front.port}`], { name: `localhost:${server.front.port}` });
    await local.closed;
    assert.match(local.text, /^HTTP\/1\.1 200 /);
  });

  test('heads that are none, or have no end, are refused', async () => {
    const long = await send('/', [`X: ${'x'.repeat(20000)}`]);
    await long.closed;
    assert.match(long.text, /^HTTP\/1\.1 431 /);
    for (const line of ['no colon', ' folded: x', 'Bad Name: x']) {
      const end = await send('/', [line]);
      await end.closed;
      assert.match(end.text, /^HTTP\/1\.1 400 /, line);
    }
  });

  test('a connection carries one request', async () => {
    const two = await send('/demo/people', []);
    two.socket.write(`GET /via/ann/sse HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const n = behind.length;
    await two.closed;
    assert.equal(two.text.match(/HTTP\/1\.1/g).length, 1);
    assert.match(two.text, /\r\nconnection: close\r\n/i);
    assert.equal(behind.length, n);
  });

  test('bytes keep their order both ways whatever the delay, and wait for it', async () => {
    const { near, far } = await through('/via/ann/file');
    const before = far.text;
    await chaos({ do: 'delay', ms: 150 });
    const began = performance.now();
    near.socket.write('1');
    far.socket.write('a');
    await chaos({ do: 'delay', ms: 0 });
    near.socket.write('2');
    far.socket.write('b');
    await until('both ends have both', () => far.text === `${before}12` && near.text === 'ab');
    assert.ok(performance.now() - began >= 145);
    near.socket.destroy();
  });

  test('drop resets both ends', async () => {
    const { near, far } = await through('/via/ann', UPGRADE);
    assert.equal((await chaos({ do: 'drop' })).lines, 0);
    await until('resets', () => near.error === 'ECONNRESET' && far.error === 'ECONNRESET');
  });

  test('another pane is not touched', async () => {
    const { near, far } = await through('/via/bob/file');
    await chaos({ do: 'drop' });
    await chaos({ do: 'offline', on: true });
    far.socket.write('still');
    await until('it is served', () => near.text === 'still');
    await chaos({ do: 'offline', on: false });
    near.socket.destroy();
  });

  test('cut passes so many bytes and not one more', async () => {
    const { near, far } = await through('/via/ann/file');
    await chaos({ do: 'cut', bytes: 5 });
    far.socket.write('abc');
    await until('the first three', () => near.text === 'abc');
    far.socket.write('defg');
    await near.closed;
    assert.equal(near.text, 'abcde');
    await until('the reset at the other end', () => far.error === 'ECONNRESET');
  });

  test('a stalled pane is a reader that reads nothing, and has everything afterwards', async () => {
    const { near, far } = await through('/via/ann/file');
    await chaos({ do: 'stall', on: true });
    const size = 16 * 1024 * 1024;
    far.socket.write(Buffer.alloc(size, 'x'));
    near.socket.write('up');
    await until('the way up is open', () => far.text.endsWith('up'));
    assert.ok(far.socket.writableLength > 0, 'the kernel took it all');
    assert.equal(near.text.length, 0);
    await chaos({ do: 'stall', on: false });
    await until('all of it', () => near.text.length === size);
    near.socket.destroy();
  });

  test('blocked WebSockets get 403, event streams only if asked for, polls never', async () => {
    const open = await through('/via/ann', UPGRADE);
    await chaos({ do: 'block', on: true });
    await open.near.closed;
    const refused = await send('/via/ann', UPGRADE);
    await refused.closed;
    assert.match(refused.text, /^HTTP\/1\.1 403 /);
    const stream = await through('/via/ann/sse?channel=x');
    await chaos({ do: 'block', on: true, sse: true });
    await stream.near.closed;
    const poll = await through('/via/ann/poll', ['Content-Length: 0'], { method: 'POST' });
    poll.near.socket.destroy();
    await chaos({ do: 'block', on: false });
    const again = await through('/via/ann', UPGRADE);
    again.near.socket.destroy();
  });

  test('offline resets what is there and what comes', async () => {
    const { near } = await through('/via/ann', UPGRADE);
    await chaos({ do: 'offline', on: true });
    await near.closed;
    const later = await send('/via/ann/sse');
    await later.closed;
    assert.deepEqual([near.error, later.error], ['ECONNRESET', 'ECONNRESET']);
    await chaos({ do: 'offline', on: false });
  });

  test('the next answer is lost and nothing before it, wherever the chunks end', () => {
    const head = Buffer.from('HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n');
    const others = [{ type: 'task.created', payload: { text: '{"type":"result"' } }, { type: 'pong' }, 'x'.repeat(300), ''].map(frame);
    const before = Buffer.concat([head, ...others]);
    const all = Buffer.concat([before, frame({ type: 'result', payload: {} }), ...others]);
    for (const size of [1, 2, 3, 7, 16, 50, all.length]) {
      const finder = new FrameFinder();
      const passed = [];
      let isFound = false;
      for (let at = 0; at < all.length && !isFound; at += size) {
        const taken = finder.take(all.subarray(at, at + size), 'result');
        passed.push(taken.bytes);
        isFound = taken.isFound;
      }
      assert.ok(isFound, `chunks of ${size}`);
      assert.ok(Buffer.concat(passed).equals(before), `chunks of ${size}`);
    }
    const calm = new FrameFinder();
    assert.ok(Buffer.concat([...all].map((_, i) => calm.take(all.subarray(i, i + 1), null).bytes)).equals(all));
  });

  test('losing an answer cuts WebSocket and call, once', async () => {
    const { near, far } = await through('/via/ann', UPGRADE);
    far.socket.write('HTTP/1.1 101 x\r\n\r\n');
    await chaos({ do: 'lose_answer' });
    far.socket.write(Buffer.concat([frame({ type: 'ping' }), frame({ type: 'result' })]));
    await near.closed;
    assert.ok(near.text.endsWith('{"type":"ping"}'), 'what came before it is there');
    await chaos({ do: 'lose_answer' });
    const call = await through('/via/ann/rpc/x', ['Content-Length: 0'], { method: 'POST' });
    call.far.socket.end('HTTP/1.1 200 OK\r\n\r\n{}');
    await call.near.closed;
    assert.equal(call.near.text, '');
    const next = await through('/via/ann/rpc/x', ['Content-Length: 0'], { method: 'POST' });
    next.far.socket.end('HTTP/1.1 200 OK\r\n\r\n{}');
    await next.near.closed;
    assert.equal(next.near.text, 'HTTP/1.1 200 OK\r\n\r\n{}');
  });

  test('the end of the gateway reaches the page behind what it said last, also when it is late', async () => {
    await chaos({ do: 'delay', ms: 50 });
    const { near, far } = await through('/via/ann/poll', ['Content-Length: 0'], { method: 'POST' });
    far.socket.end('last words');
    await near.closed;
    assert.deepEqual([near.text, near.error], ['last words', null]);
    await chaos({ do: 'delay', ms: 0 });
  });

  test('a token lives as long as asked for, and the next one of a pane shorter when that was ordered', async () => {
    const token = async (body) => (await ask('token', { person: 'ann', ...body })).body.token;
    assert.equal(await token(), 'a/600');
    assert.equal(await token({ seconds: 9 }), 'a/9');
    await chaos({ do: 'expire' });
    await chaos({ do: 'expire', pane: 'ann2', seconds: 7 });
    assert.deepEqual([await token(), await token(), await token({ pane: 'ann2' })], ['a/5', 'a/600', 'a/7']);
  });

  test('what is no request is refused as JSON, and nothing is done', async () => {
    const long = 'x'.repeat(5000);
    for (const [path, body, status, headers] of [
      ['chaos', { do: 'explode', pane: 'ann' }, 400],
      ['chaos', { do: 'constructor', pane: 'ann' }, 400],
      ['chaos', { do: 'drop' }, 404],
      ['chaos', { do: 'drop', pane: '../x' }, 404],
      ['chaos', { do: 'drop', pane: 'carl' }, 404],
      ['token', { person: 'ann', pane: 'carl' }, 404],
      ['chaos', { do: 'drop', pane: 'ann', more: 1 }, 400],
      ['chaos', { do: 'delay', pane: 'ann', ms: -1 }, 400],
      ['chaos', { do: 'delay', pane: 'ann', ms: 1e9 }, 400],
      ['chaos', { do: 'stall', pane: 'ann', on: 'yes' }, 400],
      ['chaos', { do: 'burst', n: 0 }, 400],
      ['chaos', { do: 'burst', n: 1e6 }, 400],
      ['chaos', { do: 'burst', person: '__proto__' }, 400],
      ['chaos', 'null', 400],
      ['chaos', '[]', 400],
      ['chaos', '{', 400],
      ['chaos', { do: long }, 413],
      ['chaos', { do: 'drop', pane: 'ann' }, 415, { 'content-type': 'text/plain' }],
      ['chaos', undefined, 405],
      ['token', { person: 'nobody' }, 400],
      ['token', { person: 'ann', seconds: 0 }, 400],
      ['people', {}, 405],
      ['nothing', undefined, 404],
    ]) {
      const answer = await ask(path, body, headers);
      assert.equal(answer.status, status, `${path} ${JSON.stringify(body)?.slice(0, 60)}`);
      assert.equal(answer.body.error.status, status);
      assert.ok(answer.body.error.message.length < 200);
    }
    assert.deepEqual(kills, []);
  });

  test('there is a way for each person and no other: everything else is 404, as JSON, and nothing of it is kept', async () => {
    const reached = behind.length;
    for (const name of ['carl', 'ANN', 'ann%20', 'annx', '', '..', '__proto__', 'constructor', 'x'.repeat(4000)]) {
      const end = await send(`/via/${name}/rpc/task.list`, UPGRADE);
      await end.closed;
      assert.match(end.text, /^HTTP\/1\.1 404 [^]*\r\nContent-Type: application\/json\r\n[^]*\r\n\r\n\{"error":\{"status":404,/, name);
    }
    assert.equal(behind.length, reached);
    assert.deepEqual(Object.keys((await ask('counts')).body.ways), ['ann', 'ann2', 'bob']);
  });

  // what somebody does who then says nothing more, and never closes
  const halves = {
    'says nothing': () => send(null, [], { keeps: true }),
    'says half a head': () => send(null, [], { keeps: true, text: 'GET / HTTP/1.1\r\nHost: ' }),
    'says half a body': () => send('/demo/chaos', ['Content-Type: application/json', 'Content-Length: 100'], { keeps: true, method: 'POST' }),
    'keeps what was refused': () => send('/via/carl', UPGRADE, { keeps: true }),
    'keeps what was blocked': async () => {
      await chaos({ do: 'block', on: true });
      const near = await send('/via/ann', UPGRADE, { keeps: true });
      await until('it is refused', () => near.text !== '');
      await chaos({ do: 'block', on: false });
      return near;
    },
    'keeps what the gateway has ended': async () => {
      const { near, far } = await through('/via/ann/file', [], { keeps: true });
      far.socket.end('all');
      return near;
    },
  };
  test('connections whose other end does not end them are ended, all within seconds', async () => {
    await until('nothing is left of other tests', () => server.front.connections === 0);
    const ends = [];
    for (const make of Object.values(halves)) ends.push(await make());
    assert.ok(server.front.connections >= 3);
    await until('the end of all', () => server.front.connections === 0, { timeout: 8000 });
    for (const { socket } of ends) socket.destroy();
  });

  test('connections are bounded, and who closes is let in again', async () => {
    const ends = [];
    for (let i = 0; i < CONNECTIONS_MAX + 10; i++) ends.push(await send(null));
    const closed = await Promise.race(ends.slice(-10).map((end) => end.closed.then(() => true)));
    assert.ok(closed);
    assert.equal(server.front.connections, CONNECTIONS_MAX);
    for (const { socket } of ends) socket.destroy();
    await until('they have gone', () => server.front.connections === 0);
    assert.equal((await ask('people')).status, 200);
  });

  test('the end comes at once, whatever is under way', async () => {
    const people = { ann: { id: 'a', name: 'Ann', roles: ['client'], tenant: { id: 't', name: 'T', project: 'p' } } };
    const never = new Promise(() => {});
    const lab = { session: () => ({ query: () => never }) };
    const other = await new DemoServer({ lab, gateway: { port: gateway.address().port, stop: () => never }, people }).start();
    const at = { port: other.front.port };
    const post = (what) => send('/demo/chaos', ['Content-Type: application/json', `Content-Length: ${what.length}`], { method: 'POST', at, body: what });
    const ends = [await send(null, [], { at }), await send('/via/ann', UPGRADE, { at }), await post('{"do":"kill_gateway"}'), await post('{"do":"burst"}')];
    await until('the burst', async () => ends[3].text.includes('"burst"'));
    const began = performance.now();
    await other.close();
    assert.ok(performance.now() - began < 500);
    for (const { closed } of ends) await closed;
  });

  test('the gateway is killed and started again, one after the other', async () => {
    await Promise.all([ask('chaos', { do: 'kill_gateway' }), ask('chaos', { do: 'kill_gateway' })]);
    assert.deepEqual(kills, ['SIGKILL', 'start', 'SIGKILL', 'start']);
  });

  test('it listens to this machine only', async () => {
    const { networkInterfaces } = await import('node:os');
    const [outer] = Object.values(networkInterfaces()).flat().filter(({ family, internal }) => family === 'IPv4' && !internal);
    const address = outer?.address ?? '127.0.0.2';
    const request = http.get({ host: address, port: server.front.port, path: '/demo/people' });
    const [error] = await once(request, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
  });
});
