// A small WebSocket client for tests, on a bare TCP socket (RFC 6455, no dependencies).
//
// It speaks wrk.v1 when asked to and stays out of the way otherwise: every byte can be sent by hand, which
// is what tests of refusals need. What must stay true: frames arrive in `frames` in the order of the wire
// (a JSON array of frames is flattened), nothing is dropped, and every wait has a time limit.
//
//   const c = await connect('ws://127.0.0.1:8787', { token });
//   await c.subscribe('project:42', { since });
//   const f = await c.waitFor((f) => f.type === 'task.updated');
//   await c.close();

import net from 'node:net';
import tls from 'node:tls';
import { createHash, randomBytes } from 'node:crypto';
import zlib from 'node:zlib';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// Encodes one frame. mask: true = random key (what a client must do), false = none, Buffer(4) = this key.
export function encodeFrame(payload, { opcode = OPCODE.text, fin = true, mask = true, rsv = 0 } = {}) {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = mask ? 0x80 : 0;
  if (body.length < 126) head.push(bit | body.length);
  else if (body.length < 65536) head.push(bit | 126, body.length >> 8, body.length & 255);
  else {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(body.length));
    head.push(bit | 127, ...size);
  }
  if (!mask) return Buffer.concat([Buffer.from(head), body]);
  const key = Buffer.isBuffer(mask) ? mask : randomBytes(4);
  const masked = Buffer.allocUnsafe(body.length);
  for (let i = 0; i < body.length; i++) masked[i] = body[i] ^ key[i & 3];
  return Buffer.concat([Buffer.from(head), key, masked]);
}

// The second sub-protocol that carries a token.
export const bearer = (token) => 'wrk.bearer.' + Buffer.from(token).toString('base64url');

// an event of this type, as the database has it
export const event = (type) => (f) => f.type === type && f.id !== undefined;

export class WsClient {
  frames = []; // every JSON frame received, in order
  pings = 0; // control pings answered
  closeInfo = null; // { code, reason } once closed
  hello = null; // the `connected` frame

  #socket;
  #chunks = [];
  #buffered = 0;
  #parts = [];
  #waiters = new Set();
  #nextId = 1;
  #arrival = new WeakMap();
  #resolveClosed;
  #autoPong;
  #paused = false;

  constructor(socket, { autoPong = true } = {}) {
    this.#socket = socket;
    this.#autoPong = autoPong;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    socket.on('data', (data) => this.#onData(data));
    socket.on('error', () => this.#onEnd(1006, 'socket error'));
    socket.on('close', () => this.#onEnd(1006, 'socket closed'));
  }

  // milliseconds (performance.now()) at which a frame arrived
  receivedAt(frame) {
    return this.#arrival.get(frame);
  }

  get isOpen() {
    return this.closeInfo === null;
  }

  // Sends one JSON frame.
  send(frame) {
    this.sendText(JSON.stringify(frame));
  }

  sendText(text) {
    this.raw(encodeFrame(text));
  }

  sendFrame(payload, options) {
    this.raw(encodeFrame(payload, options));
  }

  // Sends bytes as they are.
  raw(bytes) {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  // Sends a frame with a fresh requestId; resolves with its answer, whatever its type.
  async request(frame, { timeout = 10000 } = {}) {
    const requestId = `t${this.#nextId++}`;
    const answer = this.waitFor((f) => f.requestId === requestId, { timeout, what: `answer to ${frame.type}` });
    this.send({ ...frame, requestId });
    return answer;
  }

  // Like request(), but an `error` answer becomes an exception with code, status and the frame.
  async requireAnswer(frame, options) {
    const answer = await this.request(frame, options);
    if (answer.type === 'error' || (answer.type === 'unsubscribed' && frame.type !== 'unsubscribe')) {
      const { code, status, message } = answer.payload ?? {};
      throw Object.assign(new Error(`${frame.type}: ${code}: ${message}`), { code, status, frame: answer });
    }
    return answer;
  }

  authenticate(token, payload = {}, options) {
    return this.requireAnswer({ type: 'connect', payload: { token, client: 'wrk-test/1', ...payload } }, options).then(
      (f) => (this.hello = f),
    );
  }

  subscribe(channel, payload = {}, options) {
    return this.requireAnswer({ type: 'subscribe', channel, payload }, options);
  }

  unsubscribe(channel, options) {
    return this.requireAnswer({ type: 'unsubscribe', channel }, options);
  }

  call(method, params = {}, key = undefined, options) {
    return this.requireAnswer({ type: 'call', payload: { method, params, key } }, options);
  }

  publish(channel, type, data) {
    this.send({ type: 'publish', channel, payload: { type, data } });
  }

  // Resolves with the first frame (already here or still to come) that pred accepts. `from` skips the
  // first n of `frames`. Rejects after `timeout` ms or when the connection ends first.
  waitFor(pred, { timeout = 10000, from = 0, what = pred.toString() } = {}) {
    for (let i = from; i < this.frames.length; i++) {
      if (pred(this.frames[i])) return Promise.resolve(this.frames[i]);
    }
    if (this.closeInfo) return Promise.reject(this.#ended(what));
    return new Promise((resolve, reject) => {
      const waiter = { pred, resolve, reject, what };
      waiter.timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = this.frames.slice(-5).map((f) => JSON.stringify(f).slice(0, 200));
        reject(new Error(`no frame within ${timeout} ms: ${what}\nlast frames:\n${seen.join('\n')}`));
      }, timeout);
      this.#waiters.add(waiter);
    });
  }

  // All frames so far that pred accepts.
  all(pred) {
    return this.frames.filter(pred);
  }

  // Stops and starts reading from the socket: a slow consumer.
  pause() {
    this.#paused = true;
    this.#socket.pause();
  }

  resume() {
    this.#paused = false;
    this.#socket.resume();
  }

  // Waits for the end of the connection; rejects after `timeout` ms.
  waitClosed({ timeout = 10000 } = {}) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not closed within ${timeout} ms`)), timeout);
    });
    return Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
  }

  // Closes politely and resolves with { code, reason } as received.
  async close(code = 1000, { timeout = 3000 } = {}) {
    if (this.closeInfo) return this.closeInfo;
    if (this.#paused) this.resume();
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    this.sendFrame(body, { opcode: OPCODE.close });
    try {
      return await this.waitClosed({ timeout });
    } catch {
      this.destroy();
      return this.closed;
    }
  }

  // Cuts the connection without a word.
  destroy() {
    this.#socket.destroy();
  }

  // Cuts it with a TCP reset.
  reset() {
    this.#socket.resetAndDestroy();
  }

  #ended(what) {
    const { code, reason } = this.closeInfo;
    return Object.assign(new Error(`closed (${code} ${reason}) before: ${what}`), { code, reason });
  }

  #onEnd(code, reason) {
    if (this.closeInfo) return;
    this.closeInfo = { code, reason };
    this.#socket.destroy();
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(this.#ended(waiter.what));
    }
    this.#waiters.clear();
    this.#resolveClosed(this.closeInfo);
  }

  #onData(data) {
    this.#chunks.push(data);
    this.#buffered += data.length;
    while (this.closeInfo === null && this.#parseOne());
  }

  // Joins the chunks until `size` bytes are in the first one.
  #need(size) {
    if (this.#buffered < size) return null;
    if (this.#chunks[0].length < size) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  #parseOne() {
    let head = this.#need(2);
    if (!head) return false;
    let size = head[1] & 127;
    let start = 2;
    if (size === 126) {
      if (!(head = this.#need(4))) return false;
      size = head.readUInt16BE(2);
      start = 4;
    } else if (size === 127) {
      if (!(head = this.#need(10))) return false;
      size = Number(head.readBigUInt64BE(2));
      start = 10;
    }
    head = this.#need(start + size);
    if (!head) return false;
    const body = head.subarray(start, start + size);
    this.#chunks[0] = head.subarray(start + size);
    if (this.#chunks[0].length === 0) this.#chunks.shift();
    this.#buffered -= start + size;
    this.#onFrame(head[0], head[1] & 0x80, body);
    return true;
  }

  #onFrame(first, masked, body) {
    const opcode = first & 15;
    if (masked || first & (this.extensions ? 0x30 : 0x70)) return this.#onEnd(1002, 'server broke the protocol');
    if (first & 0x40) {
      this.compressed = (this.compressed ?? 0) + 1;
      body = zlib.inflateRawSync(Buffer.concat([body, Buffer.from([0, 0, 255, 255])]), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
    }
    if (opcode === OPCODE.ping) {
      this.pings++;
      if (this.#autoPong) this.sendFrame(body, { opcode: OPCODE.pong });
    } else if (opcode === OPCODE.close) {
      const code = body.length >= 2 ? body.readUInt16BE(0) : 1005;
      if (this.isOpen) this.sendFrame(body.subarray(0, 2), { opcode: OPCODE.close });
      this.#onEnd(code, body.subarray(2).toString());
    } else if (opcode === OPCODE.text || opcode === OPCODE.continuation) {
      this.#parts.push(Buffer.from(body));
      if (first & 0x80) {
        const text = Buffer.concat(this.#parts).toString();
        this.#parts = [];
        this.#onText(text);
      }
    }
  }

  #onText(text) {
    const value = JSON.parse(text);
    for (const frame of Array.isArray(value) ? value : [value]) {
      this.#arrival.set(frame, performance.now());
      this.frames.push(frame);
      if (frame.type === 'ping' && this.#autoPong) this.send({ type: 'pong' });
      for (const waiter of this.#waiters) {
        if (!waiter.pred(frame)) continue;
        this.#waiters.delete(waiter);
        clearTimeout(waiter.timer);
        waiter.resolve(frame);
      }
    }
  }
}

// Opens the connection and upgrades it; resolves with { socket, protocol, rest }.
function upgrade(url, protocols, headers, timeout, tlsOptions) {
  const { protocol: scheme, hostname, port, pathname, search, host } = new URL(url);
  const secure = scheme === 'wss:';
  return new Promise((resolve, reject) => {
    const to = { host: hostname, port: Number(port || (secure ? 443 : 80)), noDelay: true };
    const socket = secure ? tls.connect({ rejectUnauthorized: false, ...to, ...tlsOptions }) : net.connect(to);
    const key = randomBytes(16).toString('base64');
    const timer = setTimeout(() => fail(new Error(`no upgrade within ${timeout} ms`)), timeout);
    let head = Buffer.alloc(0);
    const fail = (error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('closed during the upgrade')));
    socket.on(secure ? 'secureConnect' : 'connect', () => {
      const lines = [`GET ${pathname}${search} HTTP/1.1`, `Host: ${host}`, 'Upgrade: websocket', 'Connection: Upgrade'];
      lines.push(`Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13');
      if (protocols.length) lines.push(`Sec-WebSocket-Protocol: ${protocols.join(', ')}`);
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
      socket.write(lines.join('\r\n') + '\r\n\r\n');
    });
    const onData = (data) => {
      head = Buffer.concat([head, data]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const lines = head.subarray(0, end).toString('latin1').split('\r\n');
      const got = new Map(lines.slice(1).map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]));
      const accept = createHash('sha1').update(key + GUID).digest('base64');
      if (!lines[0].includes(' 101 ')) return fail(Object.assign(new Error(lines[0]), { status: Number(lines[0].split(' ')[1]) }));
      if (got.get('sec-websocket-accept') !== accept) return fail(new Error('wrong Sec-WebSocket-Accept'));
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.pause();
      resolve({ socket, protocol: got.get('sec-websocket-protocol') ?? '', extensions: got.get('sec-websocket-extensions') ?? '', rest: head.subarray(end + 4) });
    };
    socket.on('data', onData);
  });
}

// Connects. With `token` the connect frame is sent too and the promise waits for `connected` (it rejects
// when the token is refused); `bearerToken` offers it as a sub-protocol instead and waits the same way.
// Without either the promise resolves as soon as the upgrade is done. `tls` are options of node's for wss.
export async function connect(url, options = {}) {
  const { token, bearerToken, protocols = ['wrk.v1'], headers = {}, timeout = 10000, payload, autoPong } = options;
  const offered = bearerToken ? [...protocols, bearer(bearerToken)] : protocols;
  const { socket, protocol, extensions, rest } = await upgrade(url, offered, headers, timeout, options.tls);
  const client = new WsClient(socket, { autoPong });
  client.protocol = protocol;
  client.extensions = extensions;
  if (rest.length) socket.unshift(rest);
  socket.resume();
  if (token !== undefined) await client.authenticate(token, payload, { timeout });
  else if (bearerToken !== undefined) {
    client.hello = await client.waitFor((f) => f.type === 'connected', { timeout });
  }
  return client;
}
