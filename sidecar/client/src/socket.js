/**
 * Frames over a WebSocket. The token travels in the first frame, not in the address, which proxies log.
 *
 * A transport is made with its Link, and calls its opened(), alive() at any sign of life, frame(frame),
 * and closed({ code, reason, retryAfter }) at its end unless close() came before. It has send(frame), which
 * returns the code of an error or nothing; close(code); and retire(): read no more, let calls be answered.
 */
export class SocketTransport {
  #socket;
  #link;

  constructor(link, env, timers) {
    this.#link = link;
    try {
      const socket = (this.#socket = new env.WebSocket(link.url.replace(/^http/, 'ws'), ['wrk.v1']));
      socket.onopen = () => link.opened();
      socket.onmessage = ({ data }) => this.#take(data);
      socket.onclose = ({ code, reason }) => link.closed({ code, reason });
    } catch (error) {
      // there are no WebSockets here, or not from this page
      timers.set(0, () => link.closed({ reason: String(error) }));
    }
  }

  send(frame) {
    const socket = this.#socket;
    const text = JSON.stringify(frame);
    if (isLonger(text, this.#link.limit)) return 'too_large';
    // what is ephemeral is not worth a queue
    const isLate = frame.type === 'publish' && socket.bufferedAmount > 65536;
    if (socket?.readyState === 1 && !isLate) socket.send(text);
  }

  close(code) {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  retire() {
    this.close();
  }

  #take(data) {
    this.#link.alive();
    let frames;
    try {
      frames = [JSON.parse(data)].flat();
    } catch {
      return; // no frame of this protocol
    }
    for (const frame of frames) this.#link.frame(frame);
  }
}

const isLonger = (text, bytes) => text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
