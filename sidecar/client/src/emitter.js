/**
 * Who wants to hear what. One name, many listeners; `task.*` hears every name that begins with `task.`,
 * `*` hears all names but those that are said to be signals of the object itself.
 *
 * What must stay true: a listener that throws is reported and stops nobody else; one that is removed, or
 * added, while something is being told does not hear of it any more, or not yet.
 */
export class Emitter {
  #listeners = new Map();
  #report;

  /** @param {(error: unknown, where: string) => void} report what a listener threw, and at which name */
  constructor(report = (error, where) => console.error(where, error)) {
    this.#report = report;
  }

  /** Adds a listener; returns what removes it, which may be called any number of times. */
  on(name, listener) {
    const entry = { listener };
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(entry));
    return () => {
      entry.listener = null;
      all.delete(entry);
      if (all.size === 0 && this.#listeners.get(name) === all) this.#listeners.delete(name);
    };
  }

  /** Is anybody listening to exactly this name? */
  has(name) {
    return this.#listeners.has(name);
  }

  /** Tells those who listen to exactly this name. */
  emit(name, ...values) {
    this.#tell(this.#listeners.get(name), name, values);
  }

  /** Tells those who listen to this name, to a beginning of it with a star, and to everything. */
  emitMatching(name, ...values) {
    const told = [];
    for (const [pattern, all] of this.#listeners)
      if (pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1))))
        told.push(...all);
    this.#tell(told, name, values);
  }

  /** Removes every listener. */
  clear() {
    this.#listeners.clear();
  }

  #tell(all, name, values) {
    for (const { listener } of all ? [...all] : []) {
      try {
        listener?.(...values);
      } catch (error) {
        this.#report(error, name);
      }
    }
  }
}
