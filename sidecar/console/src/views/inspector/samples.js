// The last so many measured values, and what they come to.
export class Samples {
  #values = [];
  #limit;
  count = 0;

  constructor(limit = 500) {
    this.#limit = limit;
  }

  add(value) {
    this.count++;
    this.#values.push(value);
    if (this.#values.length > this.#limit) this.#values.shift();
  }

  clear() {
    this.#values = [];
    this.count = 0;
  }

  get last() {
    return this.#values.at(-1) ?? null;
  }

  get values() {
    return [...this.#values];
  }

  /** { n, last, p50, p95, max }; null where there is nothing. */
  summary() {
    const sorted = [...this.#values].sort((a, b) => a - b);
    return { n: sorted.length, last: this.last, p50: percentile(sorted, 50), p95: percentile(sorted, 95), max: sorted.at(-1) ?? null };
  }
}

/** The nearest rank: the smallest value that `p` in a hundred do not exceed. `sorted` rises; null when it is empty. */
export function percentile(sorted, p) {
  if (sorted.length === 0) return null;
  return sorted[Math.max(Math.ceil((p / 100) * sorted.length), 1) - 1];
}

/** "3.4 ms", "120 ms", "1.2 s", or a dash. */
export function inMs(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 10000) return `${(value / 1000).toFixed(0)} s`;
  if (Math.abs(value) >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return Math.abs(value) >= 10 || value === 0 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}
