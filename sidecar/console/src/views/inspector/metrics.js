// The gateway's metrics as curves: read every 2 s while somebody looks, by all panes together.
//
// What must stay true: at most 150 points (five minutes); a counter that fell began anew, with a new gateway, and
// gives no rate for that step.
import { parseMetrics, quantileSince, total } from './prometheus.js';

const POINTS_MAX = 150;
const EVERY_MS = 2000;
const g = (name) => `wrk_gateway_${name}`;

const gauge = (name) => ({ now }) => total(now, g(name));
const rate = (...names) => ({ now, before, seconds }) => {
  if (!before) return null;
  let sum = 0;
  for (const name of names) {
    const step = total(now, g(name)) - total(before, g(name));
    if (!(step >= 0)) return null;
    sum += step;
  }
  return sum / seconds;
};
const delivery = (q) => ({ now, before }) => {
  const seconds = before && quantileSince(before, now, g('delivery_seconds'), q);
  return seconds === null ? null : seconds * 1000;
};

export const bytes = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${Math.round(n)} B`);
const plain = (n) => (n >= 1e4 ? `${(n / 1e3).toFixed(1)}k` : n >= 10 || Number.isInteger(n) ? `${Math.round(n)}` : n.toFixed(1));
const ms = (n) => (n >= 10 ? `${Math.round(n)} ms` : `${n.toFixed(1)} ms`);

/** What is drawn: one to two lines each, and how a value is written. */
export const charts = [
  { key: 'connections', title: 'Connections', unit: plain, least: 4, lines: [{ name: 'open', of: gauge('connections') }, { name: 'subscriptions', of: gauge('subscriptions') }] },
  { key: 'events', title: 'Events a second', unit: plain, least: 4, lines: [{ name: 'read', of: rate('events_total') }, { name: 'frames out', of: rate('frames_out_total') }] },
  { key: 'bytes', title: 'Bytes a second', unit: bytes, least: 1000, lines: [{ name: 'out', of: rate('bytes_out_total') }, { name: 'in', of: rate('bytes_in_total') }] },
  { key: 'queue', title: 'Queue to the database', unit: plain, least: 4, lines: [{ name: 'running', of: gauge('requests_running') }, { name: 'waiting', of: gauge('requests_waiting') }] },
  { key: 'outbox', title: 'Unsent bytes', unit: bytes, least: 1000, lines: [{ name: 'in outboxes', of: gauge('outbox_bytes') }] },
  { key: 'lag', title: 'Fan-out lag', unit: ms, least: 10, lines: [{ name: 'p95', of: delivery(0.95) }, { name: 'p50', of: delivery(0.5) }] },
  { key: 'drops', title: 'Drops a second', unit: plain, least: 2, lines: [{ name: 'dropped or replaced', of: rate('dropped_ephemeral_total', 'coalesced_state_total', 'skipped_total', 'dropped_gap_total') }] },
  { key: 'database', title: 'Database', unit: (n) => (n >= 1 ? 'up' : 'down'), least: 1, isSwitch: true, lines: [{ name: 'up', of: gauge('database_up') }] },
];

/** One point of every line: { at, values: { 'connections open': 3, ... } }. */
export function pointOf(at, now, before, seconds) {
  const values = {};
  for (const { key, lines } of charts) for (const { name, of } of lines) values[`${key} ${name}`] = of({ now, before, seconds });
  return { at, values };
}

export class MetricsPoll {
  points = [];
  families = new Map();
  error = null;
  #before = null; // { at, families }
  #listeners = new Set();
  #timer = null;
  #read;

  /** @param read resolves with the text of /metrics */
  constructor(read = readHere) {
    this.#read = read;
  }

  subscribe = (listener) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#look();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = null;
    };
  };

  get = () => this.points;

  async #look() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
    if (document.visibilityState === 'hidden') return;
    try {
      this.take(Date.now(), parseMetrics(await this.#read()));
      this.error = null;
    } catch (error) {
      this.error = error;
      this.#before = null;
      this.#add({ at: Date.now(), values: {} });
    }
    for (const listener of this.#listeners) listener();
  }

  take(at, families) {
    const before = this.#before;
    this.families = families;
    this.#add(pointOf(at, families, before?.families ?? null, before ? Math.max((at - before.at) / 1000, 0.001) : null));
    this.#before = { at, families };
  }

  #add(point) {
    this.points = [...this.points, point].slice(-POINTS_MAX);
  }
}

async function readHere() {
  const response = await fetch(new URL('metrics', document.baseURI), { signal: AbortSignal.timeout(EVERY_MS) });
  const isText = response.headers.get('content-type')?.startsWith('text/plain');
  if (!response.ok || !isText) throw new Error(`/metrics answers ${response.status}: a gateway shows it to its own machine only, see metrics_listen`);
  return response.text();
}

export const metricsPoll = new MetricsPoll();
