/**
 * Who wants to hear what. One name, many listeners; `task.*` hears every name that begins with `task.`, and
 * `*` hears all, of what is told by emitMatching().
 *
 * What must stay true: a listener that throws is reported and stops nobody else; one that is removed, or
 * added, while something is being told does not hear of it any more, or not yet.
 */
export class Emitter {
  #listeners = new Set(); // { name, listener }
  #report;

  /** @param {(error: unknown, where: string) => void} report what a listener threw, and at which name */
  constructor(report = console.error) {
    this.#report = report;
  }

  /** Adds a listener; returns what removes it, which may be called any number of times. */
  on(name, listener) {
    const entry = { name, listener };
    this.#listeners.add(entry);
    return () => {
      entry.listener = null;
      this.#listeners.delete(entry);
    };
  }

  /** Tells those who listen to exactly this name. */
  emit(name, ...values) {
    this.#tell((pattern) => pattern === name, name, values);
  }

  /** Tells those who listen to this name, to a beginning of it with a star, and to everything. */
  emitMatching(name, ...values) {
    const matches = (pattern) =>
      pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)));
    this.#tell(matches, name, values);
  }

  #tell(isHeard, where, values) {
    for (const entry of [...this.#listeners]) {
      if (!isHeard(entry.name)) continue;
      try {
        entry.listener?.(...values);
      } catch (error) {
        this.#report(error, where);
      }
    }
  }
}
