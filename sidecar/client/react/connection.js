import { Emitter } from '../src/emitter.js';
import { useShared } from './shared.js';

const read = ({ state, transport, sync, latency }, database) => ({ state, transport, sync, latency, database });

// What the client says about its connection, as one object that changes when something of it does.
class ConnectionStatus {
  #client;
  #emitter = new Emitter();
  #stops = [];
  #database = true;

  constructor(client) {
    this.#client = client;
    this.state = read(client, true);
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  async open() {
    const client = this.#client;
    const look = () => this.#look();
    this.#stops = [
      client.on('state', (state) => {
        // a server that lets somebody in has its database
        this.#database ||= state === 'connected' || state === 'polling';
        look();
      }),
      client.on('sync', look),
      client.on('database', (up) => {
        this.#database = up;
        look();
      }),
      // the round trip is known a moment after the answer is there
      client.on('frame', ({ direction, json }) => direction === 'in' && json.type === 'pong' && queueMicrotask(look)),
    ];
    look();
  }

  close() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #look() {
    const next = read(this.#client, this.#database);
    if (Object.keys(next).every((name) => next[name] === this.state[name])) return;
    this.state = next;
    this.#emitter.emit('change', next);
  }
}

const BEFORE = { state: 'idle', transport: null, sync: { pending: 0, oldest: null }, latency: null, database: true };

/** See react.d.ts. */
export function useConnectionStatus() {
  const [status] = useShared('connection', '', (client) => new ConnectionStatus(client), BEFORE);
  return status;
}
