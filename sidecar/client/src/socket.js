import { Link } from './link.js';

/** Frames over a WebSocket. The token travels in the first frame, not in the address, which proxies log. */
export class SocketLink extends Link {
  #socket;

  constructor(core, ...rest) {
    super(core, ...rest);
    try {
      const socket = new core._env.WebSocket(core._options.url.replace(/^http/, 'ws'), ['wrk.v1']);
      this.#socket = socket;
      socket.onopen = () => {
        const payload = { token: this._token, resume: this._resume };
        this._send({ type: 'connect', requestId: 'connect', payload });
      };
      socket.onmessage = ({ data }) => {
        this._alive();
        for (const frame of [JSON.parse(data)].flat()) this._frame(frame);
      };
      socket.onclose = (why) => this._closed({ code: why.code, reason: why.reason });
    } catch {
      // there are no WebSockets here, or not from this page
      core._timers._set(0, () => this._closed({}));
    }
  }

  _write(frame) {
    const socket = this.#socket;
    const text = JSON.stringify(frame);
    if (text.length * 3 > this._limit && new Blob([text]).size > this._limit) return 'too_large';
    // what is ephemeral is not worth a queue
    if (socket.readyState === 1 && !(frame.type === 'publish' && socket.bufferedAmount > 65536)) socket.send(text);
  }

  _shut(code) {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  _retire() {
    this._shut();
  }
}
