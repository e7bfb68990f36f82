import { closeOf } from './errors.js';
import { HttpTransport } from './http.js';
import { SocketTransport } from './socket.js';

/**
 * One attempt to connect and, when the server has said `connected`, what frames go over.
 *
 * What must stay true: it ends once, and tells its owner so unless the owner ended it; nothing that
 * arrives after is heard, but for the answers to calls when it was retired.
 */
export class Link {
  isReady = false;
  isHeard = false; // the server said something, so this transport works
  isOver = false;
  isRetired = false;
  limit = 65536; // bytes of a frame
  #bye = {};
  #owner;
  #timer;
  #timers;
  #transport;

  /**
   * @param about { kind, level, token, url, resume, patience: ms until `connected` }
   * @param owner { wire(direction, json), take(link, frame), ended(link, why) }
   */
  constructor(about, env, timers, owner) {
    Object.assign(this, about);
    this.now = env.now;
    this.#owner = owner;
    this.#timers = timers;
    this.alive();
    this.#timer = timers.set(this.patience, () => this.closed({ reason: 'no answer' }));
    this.#transport =
      this.kind === 'websocket' ? new SocketTransport(this, env, timers) : new HttpTransport(this, env, timers);
  }

  /** Returns the code of an error when the frame cannot be sent. */
  send(frame) {
    // a token is nobody's to see
    this.#owner.wire('out', frame.payload?.token ? { ...frame, payload: {} } : frame);
    return this.#transport.send(frame);
  }

  /** Ends it. Without a code the server keeps its place for who comes back. */
  end(code) {
    this.isOver = true;
    this.#timers.clear(this.#timer);
    this.#transport?.close(code);
  }

  /** Lets calls under way be answered, and hears nothing else. */
  retire() {
    this.isRetired = true;
    this.#transport.retire();
  }

  // ---------- what the transport calls ----------

  opened() {
    const { token, resume } = this;
    this.send({ type: 'connect', requestId: 'connect', payload: { token, client: 'wrk-js/1', resume } });
  }

  alive() {
    this.seenAt = this.now();
  }

  frame(frame) {
    const { type, payload, requestId } = frame;
    if (this.isOver || (this.isRetired && type !== 'result' && type !== 'error')) return;
    this.isHeard = true;
    this.#owner.wire('in', frame);
    if (type === 'bye') this.#bye = payload;
    else if (type === 'ping') this.send({ type: 'pong' });
    else if (type === 'error' && requestId === 'connect') this.closed(closeOf(payload));
    else {
      if (type === 'connected') {
        this.#timers.clear(this.#timer);
        this.limit = payload.limits?.frame ?? this.limit;
      }
      this.#owner.take(this, frame);
    }
  }

  closed(why) {
    if (this.isOver) return;
    this.end();
    this.#owner.ended(this, { ...why, ...this.#bye });
  }
}
