// Clients on bad lines, for tests of limits and backpressure.
//
// SlowLine is a line that passes so many bytes a second (slow_line.pl), a process of its own that can be
// stopped. SlowReader is a client that does what the protocol says: on a `gap` it subscribes again from
// its last position, on a refusal it asks again after retryAfter, on a close it comes back with its position,
// and what comes twice it drops by channel and id.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { connect } from './ws_client.mjs';

export class SlowLine {
  // buffer: bytes that the kernel keeps for a reader that is late
  async open(gateway, bytesPerSecond, { buffer = 4096 } = {}) {
    const script = path.join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, 'slow_line.pl');
    this.process = spawn('perl', [script, ...[gateway.port, bytesPerSecond, buffer].map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [port] = await once(this.process.stdout.setEncoding('utf8'), 'data');
    this.url = `ws://127.0.0.1:${port.trim()}`;
    return this;
  }

  stop() {
    this.process.kill('SIGSTOP');
  }

  go() {
    this.process.kill('SIGCONT');
  }

  close() {
    this.process.kill('SIGKILL');
  }
}

export class SlowReader {
  events = []; // { id, channel, type, payload }: each once, in order of arrival
  gaps = 0;
  closes = []; // codes
  levels = []; // of flow frames
  dropped = { ephemeral: 0, state: 0 };
  unrecovered = 0;
  ephemeral = 0;
  refused = 0; // subscriptions, for the moment
  duplicates = 0;
  #seen = new Set();
  #position = null;
  #stopped = false;

  constructor({ url, token, channel }) {
    Object.assign(this, { url, token, channel });
  }

  async start() {
    await this.#connect();
    return this;
  }

  // the greatest number seen in the payloads, and whether they came in order
  numbers(of) {
    return this.events.map(of).filter((n) => n !== undefined);
  }

  async stop() {
    this.#stopped = true;
    this.client.destroy();
  }

  async #connect() {
    this.client = await connect(this.url, { token: this.token(), timeout: 60000 });
    const frames = this.client.waitFor((frame) => this.#take(frame), { timeout: 2 ** 31 - 1 });
    frames.catch(() => {});
    this.client.closed.then(({ code }) => this.#ended(code));
    const names = [this.channel, ...(this.#position === null ? [] : this.client.hello.payload.channels)];
    if (this.#position === null) this.#position = this.client.hello.payload.position;
    for (const name of names) this.#subscribe(name);
  }

  async #ended(code) {
    this.closes.push(code);
    while (!this.#stopped) {
      const error = await this.#connect().then(
        () => null,
        (e) => e,
      );
      if (error === null) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // what was refused for the moment is asked for again when the answer says so
  async #again(channel, ms) {
    this.refused++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.client.isOpen) this.#subscribe(channel);
  }

  #subscribe(channel) {
    this.client.send({ type: 'subscribe', requestId: channel, channel, payload: { since: this.#position } });
  }

  // keeps nothing but what it counts; never true
  #take(frame) {
    this.client.frames.length = 0;
    const { type, channel, id, payload } = frame;
    if (type === 'gap') {
      this.gaps++;
      this.#subscribe(channel);
    } else if (type === 'flow') {
      this.levels.push(payload.level);
      for (const kind of Object.keys(this.dropped)) this.dropped[kind] += payload.dropped[kind];
    } else if (type === 'position') this.#position = payload.position;
    else if (type === 'subscribed') {
      if (!payload.recovered) this.unrecovered++;
      for (const event of payload.events) this.#event(event);
    } else if (type === 'error' && payload.retry === 'backoff') this.#again(frame.requestId, payload.retryAfter);
    else if (frame.ephemeral) this.ephemeral++;
    else if (id !== undefined && channel !== undefined) this.#event({ type, channel, id, payload });
    return false;
  }

  #event(event) {
    const key = `${event.channel} ${event.id}`;
    if (this.#seen.has(key)) this.duplicates++;
    else this.events.push(event);
    this.#seen.add(key);
  }
}

// the n-th percentile of some numbers
export function percentile(numbers, n) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * n) / 100))];
}
