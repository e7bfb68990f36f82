// The way from one pane of the page to the gateway, on which faults can be made.
//
// A Line is one TCP connection of the browser's with one to the gateway behind it, a Way all lines of one name and
// what is wrong with them. Bytes are passed on as they are; of what they say a line knows no more than where the
// server's WebSocket frames begin, and of what type they are, and that only to lose one.
//
// What must stay true: in each direction bytes keep their order, whatever the delay and however it changes; a line
// reads no more ahead than AHEAD bytes; the end of one side is the end of the other, after what came before it; of a line
// that is cut nothing is passed on any more, and the gateway always sees a reset.

import net from 'node:net';

const AHEAD = 256 * 1024; // bytes of a direction that may wait in here
const LINES_MAX = 512; // of a way
const LINGER = 5000; // ms that a browser which has everything may keep its end open
const SILENCE = 60000; // ms that a connection is swallowed for, at most
const REFUSED = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const ACCEPTED = 'HTTP/1.1 101';
const TYPE = /^\{"type":"([a-z_:.]+)"/;
const PEEK = 40; // bytes of a frame's text that its type is within

// From now on the socket has so long, and is destroyed then; returns what takes that back.
export function endWithin(socket, ms) {
  const timer = setTimeout(() => socket.destroy(), ms);
  const settle = () => clearTimeout(timer);
  socket.on('close', settle);
  return settle;
}

// Finds the beginning of the next frame of a type in what the server sends over a WebSocket, its answer to the upgrade first.
export class FrameFinder {
  #isHead = true;
  #isOther = false; // than an accepted upgrade: there are no frames
  #skip = 0; // bytes of a payload that still come
  #kept = Buffer.alloc(0); // too little to tell what it is

  // wanted: a type, or null. Returns { bytes: what may be passed on, isFound }. Once found, what came with it and after it
  // is nobody's.
  take(chunk, wanted) {
    const all = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk;
    let at = this.#isHead ? this.#endOfHead(all) : 0;
    if (at < 0) return this.#pass(all, 0);
    if (this.#isOther) return this.#pass(all, all.length);
    for (;;) {
      const step = Math.min(this.#skip, all.length - at);
      this.#skip -= step;
      at += step;
      if (this.#skip > 0 || at === all.length) return this.#pass(all, at);
      const frame = frameAt(all, at);
      if (!frame) return this.#pass(all, at);
      if (wanted && frame.type === wanted) return { bytes: all.subarray(0, at), isFound: true };
      this.#skip = frame.size;
    }
  }

  #endOfHead(all) {
    const end = all.indexOf('\r\n\r\n');
    if (end < 0) return -1;
    this.#isHead = false;
    this.#isOther = all.toString('latin1', 0, ACCEPTED.length) !== ACCEPTED;
    return end + 4;
  }

  #pass(all, end) {
    this.#kept = all.subarray(end);
    return { bytes: all.subarray(0, end), isFound: false };
  }
}

// { size: of the whole frame, type } of the server's frame that begins at `at`, null when more must come first
function frameAt(all, at) {
  if (all.length < at + 2) return null;
  const short = all[at + 1] & 127;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (all.length < at + head) return null;
  const length = short === 127 ? Number(all.readBigUInt64BE(at + 2)) : short === 126 ? all.readUInt16BE(at + 2) : short;
  const peek = Math.min(length, PEEK);
  if (all.length < at + head + peek) return null;
  const [, type] = TYPE.exec(all.toString('latin1', at + head, at + head + peek)) ?? [];
  return { size: head + length, type };
}

// One direction of a line.
class Direction {
  #waiting = []; // { at, chunk }: not before `at`, nor before those in front; chunk null for the end
  #bytes = 0;
  #timer = null;
  #isHeld = false;

  constructor(from, to, way, alter = (chunk) => chunk) {
    Object.assign(this, { from, to, way, alter });
    from.on('data', (chunk) => this.#take(chunk));
    from.on('end', () => this.#put(null));
    to.on('drain', () => this.flow());
  }

  hold(isHeld) {
    this.#isHeld = isHeld;
    this.flow();
  }

  // Reads on, or stops.
  flow() {
    if (this.#isHeld || this.#bytes > AHEAD || this.to.writableNeedDrain) this.from.pause();
    else this.from.resume();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #take(chunk) {
    const bytes = this.alter(chunk);
    if (bytes?.length > 0) this.#put(bytes);
  }

  #put(chunk) {
    this.#waiting.push({ at: performance.now() + this.way.delay, chunk });
    this.#bytes += chunk?.length ?? 0;
    if (this.#waiting.length === 1) this.#pass();
    else this.flow();
  }

  #pass() {
    while (this.#waiting.length > 0) {
      const wait = this.#waiting[0].at - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pass(), Math.ceil(wait));
        break;
      }
      const { chunk } = this.#waiting.shift();
      if (chunk === null) this.to.end();
      else this.to.write(chunk);
      this.#bytes -= chunk?.length ?? 0;
    }
    this.flow();
  }
}

class Line {
  // about: { kind: 'websocket' | 'sse' | 'poll' | 'rpc' | 'other' }
  constructor(way, browser, gateway, about) {
    Object.assign(this, { way, browser, gateway }, about);
    const finder = this.kind === 'websocket' ? new FrameFinder() : null;
    this.up = new Direction(browser, gateway, way);
    this.down = new Direction(gateway, browser, way, (chunk) => way.alter(this, finder, chunk));
    for (const socket of [browser, gateway]) {
      socket.on('error', () => this.cut());
      socket.on('close', () => this.#isClosed());
    }
    browser.on('finish', () => endWithin(browser, LINGER));
    this.up.flow();
    this.down.hold(way.isStalled);
  }

  // Both ends are told by a reset. With last words for the browser it gets those, and an end.
  cut(lastWords = null) {
    if (this.isOver) return;
    this.isOver = true;
    this.way.lines.delete(this);
    for (const direction of [this.up, this.down]) direction.stop();
    this.gateway.resetAndDestroy();
    if (lastWords === null) return void this.browser.resetAndDestroy();
    this.browser.write(lastWords);
    this.browser.destroySoon();
  }

  // The gateway's orderly end reaches the browser behind what came before it; for a browser that has gone there is
  // nothing to be kept.
  #isClosed() {
    if (this.browser.destroyed) this.cut();
  }
}

export class Way {
  lines = new Set();
  delay = 0; // ms, each way
  isStalled = false; // nothing is read from the gateway
  isOffline = false;
  blocked = { websocket: false, sse: false }; // refused, or with isSilent never answered
  isSilent = false;
  left = null; // bytes from the gateway until all lines are cut; null: none are
  loses = null; // type of the frame before which a line is cut, once: result, position

  // port: function that gives the gateway's
  constructor(port) {
    this.port = port;
  }

  // Takes over a connection whose first request's head has been read; `head` is what the gateway is to get, `rest` what
  // came behind it.
  serve(browser, { head, rest, kind }) {
    if (this.isOffline || this.lines.size >= LINES_MAX) return void browser.resetAndDestroy();
    if (this.blocked[kind]) return this.#refuse(browser);
    const gateway = net.connect({ port: this.port(), host: '127.0.0.1', allowHalfOpen: true });
    gateway.setNoDelay(true);
    this.lines.add(new Line(this, browser, gateway, { kind }));
    gateway.write(head);
    if (rest.length > 0) browser.unshift(rest);
  }

  // Half of the browser's end is not enough: a connection that nobody listens to is over when it says so.
  #refuse(browser) {
    endWithin(browser, this.isSilent ? SILENCE : LINGER);
    browser.on('end', () => browser.destroySoon()).resume();
    if (!this.isSilent) browser.end(REFUSED);
  }

  drop() {
    for (const line of [...this.lines]) line.cut();
  }

  stall(isStalled) {
    this.isStalled = isStalled;
    for (const { down } of this.lines) down.hold(isStalled);
  }

  offline(isOffline) {
    this.isOffline = isOffline;
    if (isOffline) this.drop();
  }

  // on: WebSockets; sse: event streams as well; silent: as by something that swallows them. What is there already ends,
  // so that it is seen.
  block(on, sse, silent) {
    this.blocked = { websocket: on, sse: on && sse };
    this.isSilent = silent;
    for (const line of [...this.lines]) if (this.blocked[line.kind]) line.cut();
  }

  heal() {
    Object.assign(this, { delay: 0, isOffline: false, left: null, loses: null });
    this.blocked = { websocket: false, sse: false };
    this.stall(false);
  }

  // What of a chunk from the gateway goes to the browser; null when the line was cut.
  alter(line, finder, chunk) {
    let bytes = chunk;
    if (finder) {
      const { bytes: passed, isFound } = finder.take(chunk, this.loses);
      if (isFound) return this.#lose(line, passed);
      bytes = passed;
    } else if (line.kind === 'rpc' && this.loses === 'result') return this.#lose(line, null);
    return this.left === null ? bytes : this.#count(line, bytes);
  }

  #lose(line, lastWords) {
    this.loses = null;
    line.cut(lastWords);
    return null;
  }

  #count(line, bytes) {
    if (bytes.length < this.left) {
      this.left -= bytes.length;
      return bytes;
    }
    line.cut(bytes.subarray(0, this.left));
    this.left = null;
    this.drop();
    return null;
  }

  // what is wrong with it, for the page
  get state() {
    const { delay, isStalled, isOffline, blocked, left, loses, lines } = this;
    return { delay, stall: isStalled, offline: isOffline, block: blocked, cut: left, loses, lines: lines.size };
  }
}
