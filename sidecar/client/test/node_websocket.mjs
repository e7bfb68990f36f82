// What a browser's WebSocket is to a page, in a Node that has none: a small client of RFC 6455.
// NodeWebSocket.open holds those that are open, so that a test can cut them.

import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function encode(opcode, body) {
  const mask = randomBytes(4);
  const length = body.length < 126 ? [128 | body.length] : body.length < 65536 ? [254, body.length >> 8, body.length & 255] : null;
  const head = length ? Buffer.from([128 | opcode, ...length]) : Buffer.alloc(10);
  if (!length) {
    head.set([128 | opcode, 255]);
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, mask, body.map((byte, i) => byte ^ mask[i & 3])]);
}

export class NodeWebSocket {
  static open = new Set();
  readyState = 0;
  #socket;
  #rest = Buffer.alloc(0);
  #request;

  constructor(url, protocols) {
    const key = randomBytes(16).toString('base64');
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      'sec-websocket-protocol': protocols.join(', '),
    };
    this.#request = http.get(url.replace(/^ws/, 'http'), { headers, agent: false });
    this.#request.on('error', () => this.#end(1006, ''));
    this.#request.on('response', (answer) => (answer.destroy(), this.#end(1006, '')));
    this.#request.on('upgrade', (answer, socket, head) => {
      const accept = createHash('sha1').update(key + GUID).digest('base64');
      if (answer.headers['sec-websocket-accept'] !== accept || this.readyState !== 0) return socket.destroy();
      this.#socket = socket;
      this.readyState = 1;
      NodeWebSocket.open.add(this);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.#end(1006, ''));
      socket.on('data', (data) => this.#take(data));
      this.onopen?.();
      if (head.length) this.#take(head);
    });
  }

  get bufferedAmount() {
    return this.#socket?.writableLength ?? 0;
  }

  send(text) {
    this.#socket.write(encode(1, Buffer.from(text)));
  }

  close(code) {
    if (this.readyState > 1) return;
    if (this.readyState === 0) this.#request.destroy();
    else this.#socket.end(encode(8, code ? Buffer.from([code >> 8, code & 255]) : Buffer.alloc(0)));
    this.readyState = 2;
    NodeWebSocket.open.delete(this);
  }

  // the cable is pulled
  cut() {
    this.#socket?.resetAndDestroy();
  }

  #take(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const rest = this.#rest;
      if (rest.length < 2) return;
      const short = rest[1] & 127;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.length < start) return;
      const size = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < start + size) return;
      this.#rest = rest.subarray(start + size);
      this.#frame(rest[0] & 15, rest.subarray(start, start + size));
    }
  }

  #frame(opcode, body) {
    if (opcode === 1) this.onmessage?.({ data: body.toString() });
    else if (opcode === 9) this.#socket.write(encode(10, body));
    else if (opcode === 8) {
      this.#socket.end(encode(8, body.subarray(0, 2)));
      this.#end(body.length >= 2 ? body.readUInt16BE(0) : 1005, body.subarray(2).toString());
    }
  }

  #end(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    NodeWebSocket.open.delete(this);
    this.onclose?.({ code, reason });
  }
}
