/**
 * What the client takes from its surroundings: the browser's, or a test's.
 */

/** @param {import('../index.d.ts').Environment} [given] what replaces the global of the same name */
export function environment(given = {}) {
  const g = globalThis;
  const or = (name, value) => (name in given ? given[name] : value);
  return {
    now: or('now', () => Date.now()),
    setTimeout: or('setTimeout', (run, ms) => g.setTimeout(run, ms)),
    clearTimeout: or('clearTimeout', (id) => g.clearTimeout(id)),
    random: or('random', () => Math.random()),
    WebSocket: or('WebSocket', g.WebSocket),
    fetch: or('fetch', g.fetch && ((...all) => g.fetch(...all))),
    window: or('window', g.addEventListener ? g : null),
    document: or('document', g.document),
    navigator: or('navigator', g.navigator),
    indexedDB: or('indexedDB', g.indexedDB),
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

  /** Runs once after so many milliseconds; returns what clear() takes. */
  set(ms, run) {
    const entry = {};
    entry.id = this.#env.setTimeout(
      () => {
        this.#running.delete(entry);
        run();
      },
      Math.min(Math.max(ms, 0), LONGEST),
    );
    this.#running.add(entry);
    return entry;
  }

  /** Stops one; null and one that has run are fine. */
  clear(entry) {
    if (entry && this.#running.delete(entry)) this.#env.clearTimeout(entry.id);
  }

  clearAll() {
    for (const entry of [...this.#running]) this.clear(entry);
  }
}

/** A text that nobody else makes: for idempotency keys. */
export function unique(env, prefix) {
  const part = () => env.random().toString(36).slice(2, 12).padEnd(10, '0');
  return prefix + env.now().toString(36) + part() + part();
}
