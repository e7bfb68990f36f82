// The one address of the demo: a port of this machine's own, at which every connection is one request.
//
// The head of the request says whom it is for: /via/NAME/... goes down the way of that name, /demo/... is the demo's own
// API, all else is the gateway's (page, files, metrics). What must stay true: nobody but pages of this address, and
// programs that are no page's, are heard (Host and Origin are looked at, so that a foreign page cannot get here by a name
// of its own for this machine), heads and names are bounded, and a connection never carries a second request, which
// would be read by the wrong one.

import http from 'node:http';
import net from 'node:net';

import { Way, endWithin } from './demo_relay.mjs';

export const CONNECTIONS_MAX = 2048;
const HEAD_MAX = 16384;
const HEAD_PATIENCE = 5000; // ms; browsers open connections ahead of need, and get over losing them
const ANSWER_PATIENCE = 30000; // ms without a byte of a request to the API or of its answer
const LINGER = 1000; // ms
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'sec-websocket-extensions']);

export class Front {
  #sockets = new Set();
  #plain; // without faults
  #server;
  #api;

  // gatewayPort: function that gives it; names: of the ways there are; answer: of /demo/..., as of an http.Server
  constructor({ gatewayPort, names, answer }) {
    this.ways = new Map(names.map((name) => [name, new Way(gatewayPort)]));
    this.#plain = new Way(gatewayPort);
    this.#api = http.createServer({ keepAlive: false, maxHeaderSize: HEAD_MAX }, (request, response) => {
      response.shouldKeepAlive = false;
      answer(request, response);
    });
    this.#api.timeout = ANSWER_PATIENCE;
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (s) => this.#meet(s));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  async listen(port = 0) {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.port = this.#server.address().port;
    this.origins = ['127.0.0.1', 'localhost'].map((name) => `http://${name}:${this.port}`);
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  get connections() {
    return this.#sockets.size;
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #meet(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    const settled = endWithin(socket, HEAD_PATIENCE);
    let read = Buffer.alloc(0);
    const take = (chunk) => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf('\r\n\r\n');
      if (end < 0 && read.length <= HEAD_MAX) return;
      settle();
      if (end < 0 || end > HEAD_MAX) refuse(socket, 431, 'the head of the request is too long');
      else this.#sort(socket, read, end + 4);
    };
    const settle = () => {
      settled();
      socket.off('data', take).off('end', gone).pause();
    };
    const gone = () => (settle(), socket.destroy());
    socket.on('data', take).on('end', gone).resume();
  }

  #sort(socket, read, end) {
    const head = parse(read.toString('latin1', 0, end));
    const rest = read.subarray(end);
    if (!head) return refuse(socket, 400, 'this is no request');
    const { host, origin } = head;
    if (!this.origins.includes(`http://${host}`)) return refuse(socket, 403, 'another host is asked for');
    if (origin !== undefined && !this.origins.includes(origin)) return refuse(socket, 403, 'a page of another origin asks');
    if (/^\/demo(\/|\?|$)/.test(head.path)) return this.#toApi(socket, read);
    const via = /^\/via\/([^/?]*)/.exec(head.path);
    const way = via ? this.ways.get(via[1]) : this.#plain;
    if (!way) return refuse(socket, 404, 'nobody here has this name');
    const path = via ? head.path.slice(via[0].length).replace(/^(?!\/)/, '/') : head.path;
    way.serve(socket, { head: rewrite(head, path), rest, kind: kindOf(head, path) });
  }

  #toApi(socket, read) {
    socket.unshift(read);
    this.#api.emit('connection', socket);
    socket.resume();
  }
}

function refuse(socket, status, message) {
  const body = JSON.stringify({ error: { status, message } });
  const lines = [`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`, 'Content-Type: application/json', `Content-Length: ${body.length}`];
  socket.end(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`);
  socket.resume();
  endWithin(socket, LINGER);
}

// { line: [method, path, version], headers: [[name, value]], path, host, origin, upgrade }, null when it is none
function parse(text) {
  const [first, ...lines] = text.slice(0, -4).split('\r\n');
  const line = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(first)?.slice(1);
  const headers = lines.map((header) => /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(header)?.slice(1));
  if (!line || headers.includes(undefined)) return null;
  const values = (wanted) => headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const [hosts, origins] = [values('host'), values('origin')];
  if (hosts.length !== 1 || origins.length > 1) return null;
  return { method: line[0], path: line[1], headers, host: hosts[0].toLowerCase(), origin: origins[0], upgrade: values('upgrade')[0] };
}

const isUpgrade = ({ upgrade }) => upgrade?.toLowerCase() === 'websocket';

function kindOf(head, path) {
  if (isUpgrade(head)) return 'websocket';
  return /^\/(sse|poll|rpc)\b/.exec(path)?.[1] ?? 'other';
}

// As it came but for the path, and for what would make the connection carry more than this request, or compress it.
function rewrite(head, path) {
  const kept = head.headers.filter(([name]) => !HOP.has(name.toLowerCase()));
  const connection = isUpgrade(head) ? 'Upgrade' : 'close';
  const lines = [...kept, ['Connection', connection]].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${head.method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}
