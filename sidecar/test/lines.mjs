// One connection to a gateway over one of its transports, all used alike by a client that survives
// them (tireless.mjs).
//
// A line hands every frame, and itself, to onFrame in the order of the wire and says once why it ended. It knows
// nothing of positions: what is to be subscribed, and since when, is told to it.

import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { EventStream, poll } from './http_client.mjs';
import { connect } from './ws_client.mjs';

const FOREVER = 2 ** 31 - 1;

// A WebSocket. Subscribes when asked to, also later.
class WebSocketLine {
  transport = 'ws';
  takesSubscriptions = true;
  #client;
  #requests = 0;

  async open({ url, token, onFrame, timeout }) {
    this.#client = await connect(url, { timeout });
    // sees every frame and keeps none
    const seen = this.#client.waitFor((frame) => {
      this.#client.frames.length = 0;
      onFrame(frame, this);
      return false;
    }, { timeout: FOREVER });
    this.ended = seen.catch(({ code, reason }) => `${code} ${reason}`);
    this.#client.send({ type: 'connect', requestId: 'connect', payload: { token } });
    return this;
  }

  // returns the requestId that the answer will have
  subscribe(channel, since) {
    const requestId = `s${++this.#requests}`;
    const payload = since === null ? {} : { since };
    this.#client.send({ type: 'subscribe', channel, requestId, payload });
    return requestId;
  }

  // a request whose answer onFrame will see
  request(frame) {
    this.#client.send(frame);
  }

  pause() {
    this.#client.pause();
  }

  resume() {
    this.#client.resume();
  }

  // without a word: with a FIN, or with a RST
  cut({ reset = false } = {}) {
    if (reset) this.#client.reset();
    else this.#client.destroy();
  }
}

// The refusal of a whole HTTP request, as the frames that a WebSocket would have had.
function onRefused({ status, json }, wanted, hear) {
  const payload = json ?? { code: 'unavailable', status, retry: 'backoff' };
  if (status === 404)
    for (const { channel } of wanted) hear({ type: 'error', channel, payload });
  else hear({ type: 'error', requestId: 'connect', payload });
}

// An event stream. It has one position for all its channels.
class StreamLine {
  transport = 'sse';
  #stream;
  #over;
  ended = new Promise((resolve) => (this.#over = resolve));

  async open({ url, token, wanted, onFrame, timeout }) {
    const hear = (frame) => onFrame(frame, this);
    const list = wanted();
    const channels = list.map(({ channel }) => channel);
    const since = list[0]?.since ?? undefined;
    try {
      this.#stream = await EventStream.open(url, { token, channels, since, timeout });
    } catch (error) {
      if (error.status === undefined) throw error;
      onRefused(error, list, hear);
      this.#over(`refused: ${error.status}`);
      return this;
    }
    this.#stream.onFrame = (frame) => {
      this.#stream.frames.length = 0;
      hear(frame);
    };
    for (const frame of this.#stream.frames.splice(0)) hear(frame);
    this.#stream.closed.then(() => this.#over('the stream ended'));
    return this;
  }

  pause() {
    this.#stream?.answer.pause();
  }

  resume() {
    this.#stream?.answer.resume();
  }

  cut({ reset = false } = {}) {
    if (reset) this.#stream?.sent.socket?.resetAndDestroy();
    else this.#stream?.close();
  }
}

// Polls, one after another, until one fails.
class PollLine {
  transport = 'poll';
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #isCut = false;
  #wake = null;

  open({ url, token, wanted, onFrame, timeout }) {
    this.ended = this.#run(url, token, wanted, (frame) => onFrame(frame, this), timeout)
      .catch((error) => `a poll failed: ${error.code ?? error.message}`)
      .finally(() => this.#agent.destroy());
    return this;
  }

  async #run(url, token, wanted, hear, timeout) {
    while (!this.#isCut) {
      await this.#whenAwake;
      const list = wanted();
      const subscriptions = list.map(({ channel, since }) => (since === null ? { channel } : { channel, since }));
      const answer = await poll(url, token, { subscriptions, wait: 2000 }, { agent: this.#agent, timeout: timeout + 5000 });
      if (this.#isCut) break;
      if (answer.status !== 200) {
        onRefused(answer, list, hear);
        // who is refused every channel may go on asking
        if (answer.status !== 404) return `refused: ${answer.status}`;
      } else for (const frame of answer.json.frames) hear(frame);
      // a person would not ask more often
      await pause(200 + Math.random() * 400);
    }
    return 'cut';
  }

  #whenAwake = null;

  pause() {
    this.#whenAwake ??= new Promise((resolve) => (this.#wake = resolve));
  }

  resume() {
    this.#wake?.();
    this.#whenAwake = null;
  }

  cut({ reset = false } = {}) {
    this.#isCut = true;
    this.resume();
    if (reset) for (const socket of Object.values(this.#agent.sockets).flat()) socket.resetAndDestroy();
    this.#agent.destroy();
  }
}

const kinds = { ws: WebSocketLine, sse: StreamLine, poll: PollLine };

export const transports = Object.keys(kinds);

// Opens a line. wanted: function that returns [{ channel, since }], for those transports that say it in their
// request, each time.
export async function openLine(transport, options) {
  return new kinds[transport]().open(options);
}
