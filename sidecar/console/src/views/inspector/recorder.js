// What a client says and hears, kept for the inspector: from the moment a pane has its client, whether somebody
// looks or not.
//
// What must stay true: secrets are masked before anything is kept; everything is bounded: 2,000 frames and 4 MB of
// their text, 200 states, 200 channels, 500 samples. Whoever looks is told at most every 200 ms.
import { ClockOffset } from './clock.js';
import { maskFrame } from './mask.js';
import { Samples } from './samples.js';

export const FRAMES_MAX = 2000;
const TEXT_MAX = 4 * 1024 * 1024;
const STATES_MAX = 200;
const NAMES_MAX = 200;
const ASKED_MAX = 500;
const TELL_MS = 200;

const put = (map, key, value, most) => {
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
};

export class Recorder {
  frames = []; // { n, at, direction, type, channel, method, text }
  states = []; // { at, state }
  channels = new Map(); // canonical name -> { name, asked, events, at, gaps }
  types = new Map(); // of frames -> how many
  trips = new Samples(); // ms of pings
  calls = new Samples(); // ms of calls
  toScreen = new Samples(); // ms from writing to being painted
  clock = new ClockOffset();
  counts = { in: 0, out: 0, events: 0, gaps: 0, resyncs: 0, ephemeral: 0, state: 0 };
  level = 0; // of flow
  isDatabaseUp = true;
  version = 0;
  #client;
  #paint;
  #asked = new Map(); // requestId -> { type, at, name, method }
  #keys = new Map(); // key of a call -> when it was sent
  #unpainted = []; // when events were written
  #size = 0;
  #listeners = new Set();
  #timer = null;

  /** @param paint calls back after what was drawn is on the screen */
  constructor(client, paint = afterPaint) {
    this.#client = client;
    this.#paint = paint;
    this.states.push({ at: Date.now(), state: client.state });
    client.on('state', (state) => this.#stateIs(state));
    client.on('frame', (frame) => this.#take(frame));
    client.on('flow', ({ level }) => (this.level = level));
    client.on('database', (up) => (this.isDatabaseUp = up));
    client.on('resync', () => this.counts.resyncs++);
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  clear() {
    this.frames = [];
    this.#size = 0;
    this.types.clear();
    this.#changed();
  }

  #stateIs(state) {
    this.states.push({ at: Date.now(), state });
    if (this.states.length > STATES_MAX) this.states.shift();
    this.#changed();
  }

  #take({ direction, at, json }) {
    this.counts[direction]++;
    this.#keep(direction, at, json, direction === 'in' ? this.#asked.get(json.requestId)?.method : json.payload?.method);
    if (direction === 'out') this.#out(at, json);
    else this.#in(at, json);
    this.#changed();
  }

  #keep(direction, at, json, method = null) {
    const text = JSON.stringify(maskFrame(json));
    const n = this.counts.in + this.counts.out;
    this.frames.push({ n, at, direction, type: json.type, channel: json.channel ?? null, method, text });
    this.#size += text.length;
    while (this.frames.length > FRAMES_MAX || this.#size > TEXT_MAX) this.#size -= this.frames.shift().text.length;
    put(this.types, json.type, (this.types.get(json.type) ?? 0) + 1, NAMES_MAX);
  }

  #out(at, { type, requestId, channel, payload }) {
    if (requestId !== undefined) put(this.#asked, requestId, { type, at, name: channel, method: payload?.method }, ASKED_MAX);
    if (type === 'call' && payload.key) put(this.#keys, payload.key, at, ASKED_MAX);
  }

  #in(at, frame) {
    const asked = this.#asked.get(frame.requestId);
    this.#asked.delete(frame.requestId);
    if (frame.type === 'pong' && asked) this.trips.add(at - asked.at);
    if (frame.type === 'result' && asked?.type === 'call') this.calls.add(at - asked.at);
    if (frame.type === 'subscribed') this.#subscribed(at, frame, asked);
    if (frame.type === 'unsubscribed' && this.channels.has(frame.channel)) this.channels.get(frame.channel).isLeft = true;
    if (frame.type === 'gap') this.#gap(frame.channel);
    if (frame.type === 'flow') for (const [kind, n] of Object.entries(frame.payload.dropped ?? {})) this.counts[kind] += n;
    if (frame.id && frame.channel) this.#event(at, frame);
  }

  #gap(name) {
    this.counts.gaps++;
    const channel = this.channels.get(name);
    if (channel) channel.gaps++;
  }

  #subscribed(at, { channel, payload }, asked) {
    const known = this.channels.get(channel) ?? { name: channel, events: 0, gaps: 0, at: null };
    const next = { ...known, asked: asked?.name ?? payload.as ?? known.asked, since: at, isRecovered: payload.recovered, isLeft: false };
    put(this.channels, channel, { ...next, replayed: payload.events?.length ?? 0 }, NAMES_MAX);
  }

  #event(at, { channel: name, timestamp, key }) {
    this.counts.events++;
    const channel = this.channels.get(name);
    if (channel) Object.assign(channel, { events: channel.events + 1, at });
    if (!timestamp) return;
    this.clock.take(timestamp, at, this.#keys.get(key) ?? null);
    this.#unpainted.push(timestamp);
    if (this.#unpainted.length === 1)
      this.#paint((painted) => {
        const written = this.#unpainted.splice(0);
        if (painted !== null) for (const at of written) this.toScreen.add(painted - (at - this.clock.value));
        this.#changed();
      });
  }

  #changed() {
    this.version++;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      for (const listener of this.#listeners) listener();
    }, TELL_MS);
  }

  /** Where the client is in a channel; null for one it has left. */
  positionOf({ asked, name }) {
    return this.#client.channel(asked ?? name).position;
  }
}

// The next frame is drawn after this callback, and what comes after it is told when it is on the screen: when, or
// null for a page that nobody sees.
function afterPaint(done) {
  if (document.visibilityState === 'hidden') return void setTimeout(() => done(null));
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(Date.now());
    port2.postMessage(null);
  });
}

const recorders = new WeakMap();

/** The one recorder of a client; begins with the first call. */
export function recorderOf(client) {
  if (!recorders.has(client)) recorders.set(client, new Recorder(client));
  return recorders.get(client);
}
