// The HTTP transports for tests: event streams, polls, calls, and bytes by hand.
//
// What must stay true: frames arrive in `frames` in the order of the wire, nothing is dropped, and every
// wait has a time limit. Each stream has a connection of its own; polls and calls take an agent.

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { once } from 'node:events';

const httpOf = (url) => url.replace(/^ws/, 'http').replace(/\/$/, '');
// certificates of tests are signed by nobody
const clientOf = (url) => (url.startsWith('https:') ? { client: https, trust: { rejectUnauthorized: false } } : { client: http });

// One request on a connection of its own unless an agent is given; resolves with the whole answer.
export function request(url, { method = 'GET', headers = {}, body, agent, timeout = 40000 } = {}) {
  const { client, trust } = clientOf(url);
  return new Promise((resolve, reject) => {
    const sent = client.request(url, { method, headers, agent: agent ?? false, timeout, ...trust }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        const text = bytes.toString();
        const isJson = /json/.test(answer.headers['content-type'] ?? '') && text.length > 0;
        resolve({ status: answer.statusCode, headers: answer.headers, bytes, text, json: isJson ? JSON.parse(text) : null });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeout} ms: ${method} ${url}`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

// POST /poll; payload is {subscriptions, since, wait, types, page}.
export function poll(url, token, payload, { headers, ...options } = {}) {
  return request(`${httpOf(url)}/poll`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json', ...headers },
    body: typeof payload === 'string' ? payload : JSON.stringify(payload),
    ...options,
  });
}

// POST /rpc/{method}
export function rpc(url, token, method, params = {}, { key, headers, ...options } = {}) {
  return request(`${httpOf(url)}/rpc/${method}`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}), ...headers },
    body: typeof params === 'string' ? params : JSON.stringify(params),
    ...options,
  });
}

// POST /publish; body is {channel, type, data, page}.
export function publish(url, token, body, options = {}) {
  return request(`${httpOf(url)}/publish`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...options,
  });
}

// An event stream, read as EventSource does.
export class EventStream {
  frames = [];
  lastEventId = '';
  retry = null;
  comments = 0;
  isOpen = true;
  #rest = '';
  #waiters = new Set();

  // Resolves with the stream, or rejects with { status, json } when it is refused.
  static open(url, { token, channels = [], since, types, query = {}, headers = {}, lastEventId, timeout = 10000 } = {}) {
    const search = new URLSearchParams(query);
    for (const channel of channels) search.append('channel', channel);
    if (since) search.append('since', since);
    if (types) search.append('types', types);
    const all = { ...bearer(token), accept: 'text/event-stream', ...headers };
    if (lastEventId) all['last-event-id'] = lastEventId;
    const { client, trust } = clientOf(httpOf(url));
    return new Promise((resolve, reject) => {
      const sent = client.get(`${httpOf(url)}/sse?${search}`, { headers: all, agent: false, timeout, ...trust }, (answer) => {
        sent.setTimeout(0);
        if (answer.statusCode === 200) return resolve(new EventStream(sent, answer));
        let text = '';
        answer.on('data', (part) => (text += part));
        answer.on('end', () => {
          const json = text.startsWith('{') ? JSON.parse(text) : null;
          reject(Object.assign(new Error(`${answer.statusCode} ${text}`), { status: answer.statusCode, headers: answer.headers, json }));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error('the stream did not begin')));
      sent.on('error', reject);
    });
  }

  constructor(sent, answer) {
    this.headers = answer.headers;
    this.sent = sent;
    this.answer = answer;
    this.closed = new Promise((resolve) => {
      const end = () => {
        this.isOpen = false;
        for (const waiter of this.#waiters) waiter.reject(new Error(`the stream ended before: ${waiter.what}`));
        this.#waiters.clear();
        resolve();
      };
      answer.on('end', end);
      answer.on('error', end);
      answer.on('close', end);
    });
    answer.setEncoding('utf8').on('data', (text) => this.#onText(text));
  }

  #onText(text) {
    this.#rest += text;
    for (;;) {
      const end = this.#rest.indexOf('\n\n');
      if (end < 0) return;
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      this.#onBlock(block);
    }
  }

  #onBlock(block) {
    let data = null;
    for (const line of block.split('\n')) {
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (line.startsWith(':')) this.comments++;
      else if (field === 'id') this.lastEventId = value;
      else if (field === 'retry') this.retry = Number(value);
      else if (field === 'data') data = data === null ? value : `${data}\n${value}`;
      else throw new Error(`a line that no event stream has: ${line}`);
    }
    if (data === null) return;
    const frame = JSON.parse(data);
    this.frames.push(frame);
    this.onFrame?.(frame);
    for (const waiter of this.#waiters) {
      if (!waiter.pred(frame)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(frame);
    }
  }

  waitFor(pred, { timeout = 10000, what = pred.toString() } = {}) {
    const found = this.frames.find(pred);
    if (found) return Promise.resolve(found);
    if (!this.isOpen) return Promise.reject(new Error(`the stream ended before: ${what}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within ${timeout} ms: ${what}`)), timeout);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#waiters.add({ pred, what, resolve: settle(resolve), reject: settle(reject) });
    });
  }

  all(pred) {
    return this.frames.filter(pred);
  }

  close() {
    this.sent.destroy();
  }
}

// Bytes by hand: sends them, and resolves with all that came until the end, or until `until` is in it.
export async function exchange(port, bytes, { until, timeout = 5000 } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const part of Array.isArray(bytes) ? bytes : [bytes]) {
    socket.write(part);
    if (Array.isArray(bytes)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`within ${timeout} ms only: ${text}`)), timeout);
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (until && text.split(until).length > 1) done();
    });
    socket.on('close', done);
  });
}
