// A bare WebSocket that says what it is told and shows what comes, as it came: what an intruder would write in an
// afternoon. Nothing of the client's manners is in between.
const OPEN_MS = 5000;
const ANSWER_MS = 8000;
const HEARD_MAX = 500;

export class Wire {
  heard = []; // frames that answered nothing
  connected = null;
  #socket;
  #waiting = new Map(); // requestId -> resolve
  #next = 1;

  /** Resolves with the wire when the server knows who it is; resume: { session, key }. */
  static open(address, token, resume) {
    const wire = new Wire();
    return wire.#open(address, token, resume).then(() => wire);
  }

  async #open(address, token, resume) {
    const socket = (this.#socket = new WebSocket(address.replace(/^http/, 'ws'), ['wrk.v1']));
    socket.onmessage = ({ data }) => [].concat(JSON.parse(data)).forEach((frame) => this.#take(frame));
    socket.onclose = () => this.#end();
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error('no WebSocket gets through to the gateway'));
      setTimeout(() => reject(new Error('the gateway does not answer')), OPEN_MS);
    });
    const answer = await this.ask({ type: 'connect', payload: { token, resume } });
    if (answer?.type !== 'connected') throw Object.assign(new Error(answer?.payload?.message ?? 'the connection ended'), answer?.payload);
    this.connected = answer;
  }

  /** Resolves with the answer, or null when none comes. */
  ask(frame) {
    const requestId = `i${this.#next++}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(requestId, null), ANSWER_MS);
      this.#waiting.set(requestId, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ ...frame, requestId }));
      else this.#answer(requestId, null);
    });
  }

  close() {
    this.#socket.close(1000);
  }

  #take(frame) {
    if (frame.type === 'ping') this.#socket.send('{"type":"pong"}');
    else if (this.#waiting.has(frame.requestId)) this.#answer(frame.requestId, frame);
    else if (this.heard.length < HEARD_MAX) this.heard.push(frame);
  }

  #answer(requestId, frame) {
    this.#waiting.get(requestId)?.(frame);
    this.#waiting.delete(requestId);
  }

  #end() {
    for (const requestId of [...this.#waiting.keys()]) this.#answer(requestId, null);
  }
}
