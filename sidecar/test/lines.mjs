// One connection to a gateway over one of its transports, all used alike by a client that survives
// them (tireless.mjs).
//
// A line hands every frame, and itself, to onFrame in the order of the wire and says once why it ended. It knows
// nothing of positions: what is to be subscribed, and since when, is told to it.

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

const kinds = { ws: WebSocketLine };

export const transports = Object.keys(kinds);

// Opens a line. wanted: [{ channel, since }], used by those transports that say it in their request.
export function openLine(transport, options) {
  return new kinds[transport]().open(options);
}
