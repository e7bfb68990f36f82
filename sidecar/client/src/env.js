/**
 * What the client takes from its surroundings: the browser's, or a test's.
 *
 * @param {import('../index.d.ts').Environment} [given] what replaces the global of the same name
 */
export function environment(given) {
  const g = globalThis;
  const { WebSocket, document, navigator } = g;
  return {
    now: () => Date.now(),
    setTimeout: (run, ms) => g.setTimeout(run, ms),
    clearTimeout: (id) => g.clearTimeout(id),
    random: () => Math.random(),
    fetch: (...all) => g.fetch(...all),
    window: g,
    WebSocket,
    document,
    navigator,
    ...given,
  };
}

const LONGEST = 2 ** 31 - 1; // what setTimeout can wait for

/** All timers of one client, so that none outlives it. */
export class Timers {
  #running = new Set();
  #env;

  constructor(env) {
    this.#env = env;
  }

  /** Runs once after so many milliseconds; returns what _clear() takes. */
  _set(ms, run) {
    const entry = {};
    const ring = () => this.#running.delete(entry) && run();
    entry.id = this.#env.setTimeout(ring, Math.min(ms, LONGEST));
    this.#running.add(entry);
    return entry;
  }

  /** Stops one; what is none, and one that has run, are fine. */
  _clear(entry) {
    if (this.#running.delete(entry)) this.#env.clearTimeout(entry.id);
  }

  _clearAll() {
    this.#running.forEach((entry) => this._clear(entry));
  }
}

/** A text that nobody else makes: for idempotency keys. */
export const unique = ({ now, random }) => now().toString(36) + random().toString(36).slice(1);
