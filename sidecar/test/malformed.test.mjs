// Whatever bytes a client sends, the gateway stays up, says why, and serves the next one.
import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { stand, until } from './harness.mjs';
import { connect, encodeFrame, OPCODE } from './ws_client.mjs';

const token = 't1:alice:client';
let cluster;
let gateway;
let pid;

stand({}, (made) => {
  ({ cluster, gateway } = made);
  pid = gateway.process.pid;
});

// after each: the same process still serves, and nothing hangs about
afterEach(async () => {
  assert.ok(gateway.isRunning, gateway.log);
  assert.equal(gateway.process.pid, pid);
  assert.equal((await gateway.get('/healthz')).status, 200);
  const c = await connect(gateway.url, { token });
  assert.equal((await c.call('echo', { x: 1 })).payload.x, 1);
  await c.close();
  await until(async () => (await gateway.metric('connections')) === 0, { what: 'no connections left' });
});

// a small generator, so that a failure can be repeated
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const randomBytes = (next, size) => Buffer.from(Array.from({ length: size }, () => Math.floor(next() * 256)));

function tcp(bytes, { linger = 200 } = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
    const done = () => resolve(Buffer.concat(chunks).toString('latin1'));
    socket.on('data', (d) => chunks.push(d)).on('close', done).on('error', done);
    socket.on('end', () => socket.end());
    socket.on('connect', () => socket.write(bytes));
    setTimeout(() => socket.destroy(), linger);
  });
}

async function closesWith(code, send, options = { token }) {
  const c = await connect(gateway.url, options);
  await send(c);
  const info = await c.waitClosed();
  assert.equal(info.code, code, JSON.stringify(info));
  // who is told that it was their own fault is not told to come back and do it again
  const bye = c.all(({ type }) => type === 'bye').at(-1);
  if (bye && (code === 1002 || code === 1009)) assert.equal(bye.payload.retry, 'no');
  if (bye && code === 4400) assert.equal(bye.payload.retry, 'backoff');
}

describe('framing', () => {
  test('a frame without a mask closes 1002', () => closesWith(1002, (c) => c.sendFrame('{"type":"ping"}', { mask: false })));
  test('a mask of zeros is a mask', async () => {
    const c = await connect(gateway.url, { token });
    c.sendFrame('{"type":"ping","requestId":1}', { mask: Buffer.alloc(4) });
    await c.waitFor((f) => f.requestId === 1);
    await c.close();
  });
  test('reserved bits close 1002', () => closesWith(1002, (c) => c.sendFrame('{}', { rsv: 4 })));
  for (const opcode of [3, 7, 11, 15]) {
    test(`opcode ${opcode} closes 1002`, () => closesWith(1002, (c) => c.sendFrame('{}', { opcode })));
  }
  test('a continuation of nothing closes 1002', () => closesWith(1002, (c) => c.sendFrame('{}', { opcode: OPCODE.continuation })));
  test('a new message inside a fragmented one closes 1002', () =>
    closesWith(1002, (c) => {
      c.sendFrame('{"type":', { fin: false });
      c.sendFrame('{}');
    }));
  test('a fragmented control frame closes 1002', () => closesWith(1002, (c) => c.sendFrame('x', { opcode: OPCODE.ping, fin: false })));
  test('a long control frame closes 1002', () => closesWith(1002, (c) => c.sendFrame('x'.repeat(126), { opcode: OPCODE.ping })));
  test('a length not in its shortest form closes 1002', () =>
    closesWith(1002, (c) => c.raw(Buffer.from([0x81, 0xfe, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0]))));
  test('a length of 2^63 closes 1002', () =>
    closesWith(1002, (c) => c.raw(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]))));
  test('a frame over the limit closes 1009 before it is received', () =>
    closesWith(1009, (c) => c.raw(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]))));
  test('an oversized message closes 1009', () => closesWith(1009, (c) => c.sendText('x'.repeat(70000))));
  test('before anybody is known 16 KB are enough: 1009', () => closesWith(1009, (c) => c.sendText('x'.repeat(16385)), {}));
  test('an oversized message in fragments closes 1009', () =>
    closesWith(1009, (c) => {
      c.sendFrame('x'.repeat(60000), { fin: false });
      c.sendFrame('x'.repeat(60000), { opcode: OPCODE.continuation });
    }));
  test('the largest message is taken', async () => {
    const c = await connect(gateway.url, { token });
    const frame = { type: 'call', payload: { method: 'echo', params: { text: '' } } };
    frame.payload.params.text = 'y'.repeat(65536 - JSON.stringify({ ...frame, requestId: 't1' }).length - 4);
    assert.equal((await c.request(frame)).type, 'result');
    await c.close();
  });
  test('fragments are put together, with control frames between them', async () => {
    const c = await connect(gateway.url, { token });
    const text = '{"type":"ping","requestId":"fragmented"}';
    for (let i = 0; i < text.length; i++) {
      const opcode = i === 0 ? OPCODE.text : OPCODE.continuation;
      c.sendFrame(text[i], { opcode, fin: i === text.length - 1 });
      if (i % 7 === 0) c.sendFrame('beat', { opcode: OPCODE.ping });
    }
    assert.equal((await c.waitFor((f) => f.requestId === 'fragmented')).type, 'pong');
    await c.close();
  });
  test('a frame that arrives byte by byte is put together', async () => {
    const c = await connect(gateway.url, { token });
    for (const byte of encodeFrame('{"type":"ping","requestId":"slow"}')) {
      c.raw(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    assert.equal((await c.waitFor((f) => f.requestId === 'slow')).type, 'pong');
    await c.close();
  });
  test('many frames in one packet are all answered', async () => {
    const c = await connect(gateway.url, { token });
    c.raw(Buffer.concat(Array.from({ length: 100 }, (_, i) => encodeFrame(`{"type":"ping","requestId":${i}}`))));
    await c.waitFor((f) => f.requestId === 99);
    assert.equal(c.all((f) => f.type === 'pong').length, 100);
    await c.close();
  });
  for (const [name, body] of [['of one byte', 'x'], ['with a reserved code', Buffer.from([3, 237])], ['with bad UTF-8', Buffer.from([3, 232, 255])]]) {
    test(`a close frame ${name} is answered 1002`, () => closesWith(1002, (c) => c.sendFrame(body, { opcode: OPCODE.close })));
  }
  test('a close frame is echoed', () => closesWith(4321, (c) => c.sendFrame(Buffer.from([0x10, 0xe1]), { opcode: OPCODE.close })));
});

describe('text', () => {
  const bad = {
    'a lone continuation byte': [0x80],
    'an overlong slash': [0xc0, 0xaf],
    'a surrogate': [0xed, 0xa0, 0x80],
    'beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
    'cut short': [0xe2, 0x82],
    'an impossible byte': [0xff],
  };
  for (const [name, bytes] of Object.entries(bad)) {
    test(`${name} is not UTF-8: 4400`, () => closesWith(4400, (c) => c.sendFrame(Buffer.from([0x22, ...bytes, 0x22]))));
  }
  test('a character may be split over fragments', async () => {
    const c = await connect(gateway.url, { token });
    const text = Buffer.from('{"type":"call","requestId":"u","payload":{"method":"echo","params":{"t":"€😀"}}}');
    const cut = text.indexOf(0x82);
    c.sendFrame(text.subarray(0, cut), { fin: false });
    c.sendFrame(text.subarray(cut), { opcode: OPCODE.continuation });
    assert.equal((await c.waitFor((f) => f.requestId === 'u')).payload.t, '€😀');
    await c.close();
  });
  test('binary frames close 4400', () => closesWith(4400, (c) => c.sendFrame('{}', { opcode: OPCODE.binary })));
  const nonsense = ['', '{', '[]', '1', 'null', '"x"', '{}', '{"type":1}', '{"type":"nope"}', '{"type":"ping"}x',
    '{"type":"ping","type":"ping"}', '{"type":"subscribe"}', '{"type":"subscribe","channel":7}', '{"type":"call"}',
    '{"type":"call","payload":[]}', '{"type":"call","payload":{"method":"echo","key":1}}', '{"type":"ping","requestId":{}}',
    '{"type":"subscribe","channel":"project:1","payload":{"since":5}}', '{"type":"call","payload":{"method":"a\\u0000b"}}',
    '{"type":"publish","channel":"project:1"}', '{"type":"call","payload":{"method":"echo","params":1\0}}', '['.repeat(30000)];
  test('what makes no sense is answered bad_request, and the connection lives', async () => {
    const c = await connect(gateway.url, { token });
    for (const text of nonsense) {
      const before = c.frames.length;
      c.sendText(text);
      const answer = await c.waitFor((f) => f.type === 'error', { from: before, what: text.slice(0, 80) });
      assert.equal(answer.payload.code, 'bad_request', text.slice(0, 80));
    }
    assert.ok(c.isOpen);
    await c.close();
  });
  test('the answer to what is no JSON finds its request', async () => {
    const c = await connect(gateway.url, { token });
    for (const [i, value] of ['"\\ud800"', '1e400', '1,"a":1,"a":2', '"\\u0000"', '[', '"'].entries()) {
      c.sendText(`{"type":"call", "requestId" : "no-json-${i}", "payload":{"method":"echo","params":{"x":${value}}}}`);
      const answer = await c.waitFor((f) => f.requestId === `no-json-${i}`);
      assert.equal(answer.payload.code, 'bad_request');
    }
    await c.close();
  });
  test('nonsense without end closes 4429', () =>
    closesWith(4429, (c) => {
      for (let i = 0; i < 500; i++) c.sendText('nonsense');
    }));
});

describe('random bytes', () => {
  test('instead of a request', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed);
      await tcp(randomBytes(next, 1 + Math.floor(next() * 3000)), { linger: 20 });
    }
  });
  test('as frames', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed * 7919);
      const c = await connect(gateway.url, seed % 2 ? { token } : {});
      c.raw(randomBytes(next, 1 + Math.floor(next() * 5000)));
      c.raw(randomBytes(next, 1 + Math.floor(next() * 100)));
      await new Promise(setImmediate);
      c.destroy();
    }
  });
  test('as legal frames of random kinds, sizes and cuts', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed * 104729);
      const c = await connect(gateway.url, { token });
      const frames = Array.from({ length: 20 }, () => {
        const opcode = [0, 1, 1, 1, 2, 8, 9, 10][Math.floor(next() * 8)];
        return encodeFrame(randomBytes(next, Math.floor(next() ** 3 * 2000)), { opcode, fin: next() < 0.8 });
      });
      const all = Buffer.concat(frames);
      for (let at = 0; at < all.length; ) {
        const size = 1 + Math.floor(next() * 1500);
        c.raw(all.subarray(at, at + size));
        at += size;
      }
      await Promise.race([c.closed, new Promise((r) => setTimeout(r, 10))]);
      c.destroy();
    }
  });
  test('damaged JSON of real frames', async () => {
    const real = JSON.stringify({ type: 'subscribe', requestId: 'a', channel: 'project:1', payload: { since: 'mock-1.1:1:', types: ['x'] } });
    const next = random(42);
    for (let round = 0; round < 5; round++) {
      const c = await connect(gateway.url, { token });
      for (let i = 0; i < 40; i++) {
        const bytes = Buffer.from(real);
        bytes[Math.floor(next() * bytes.length)] = 32 + Math.floor(next() * 95);
        c.sendFrame(bytes.subarray(0, next() < 0.5 ? bytes.length : Math.floor(next() * bytes.length)));
      }
      await c.request({ type: 'ping' });
      await c.close();
    }
  });
});

describe('requests', () => {
  const upgrade = 'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const cases = {
    'no request line': ['\r\n\r\n', 400],
    'no version': ['GET /healthz\r\n\r\n', 400],
    'a version with a tail': ['GET /healthz HTTP/1.1x\r\n\r\n', 400],
    'HTTP/2 preface': ['PRI * HTTP/2.0\r\n\r\n', 400],
    'folded header': ['GET /healthz HTTP/1.1\r\nA: b\r\n c\r\n\r\n', 400],
    'space before the colon': ['GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    'NUL in a header': ['GET /healthz HTTP/1.1\r\nA: b\0c\r\n\r\n', 400],
    'a hundred headers': [`GET /healthz HTTP/1.1\r\n${'A: b\r\n'.repeat(100)}\r\n`, 400],
    'a head without end': [`GET / HTTP/1.1\r\nA: ${'b'.repeat(20000)}`, 431],
    'POST to a page': ['POST /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', 405],
    'unknown path': ['GET /../../etc/passwd HTTP/1.1\r\n\r\n', 404],
    'upgrade without a key': ['GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n', 400],
    'upgrade to version 8': [`GET / HTTP/1.1\r\n${upgrade}Sec-WebSocket-Version: 8\r\n\r\n`, 426],
    'good request with LF only': ['GET /healthz HTTP/1.1\n\n', 200],
    HEAD: ['HEAD /healthz HTTP/1.1\r\n\r\n', 200],
  };
  for (const [name, [bytes, status]] of Object.entries(cases)) {
    test(`${name}: ${status}`, async () => {
      const answer = await tcp(Buffer.from(bytes, 'latin1'), { linger: 1000 });
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    });
  }
  test('frames may follow the upgrade in the same packet', async () => {
    const head = `GET / HTTP/1.1\r\n${upgrade}Sec-WebSocket-Version: 13\r\n\r\n`;
    const answer = await tcp(Buffer.concat([Buffer.from(head), encodeFrame('{"type":"ping","requestId":1}')]), { linger: 300 });
    assert.match(answer, /"type":"pong","requestId":1/);
  });
  test('a head that comes byte by byte is served', async () => {
    const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
    let answer = '';
    socket.on('data', (d) => (answer += d));
    for (const char of 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n') {
      socket.write(char);
      await new Promise((r) => setTimeout(r, 1));
    }
    await until(() => answer.includes('ok'));
    socket.destroy();
  });
});
