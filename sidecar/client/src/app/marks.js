const GATHER = 300; // ms

/** What was read is told a moment later, once for all: the last mark counts. */
export class Marks {
  #timers;
  #send;
  #id = null;
  #timer = null;

  /** @param send tells that everything up to this id was read */
  constructor(timers, send) {
    this.#timers = timers;
    this.#send = send;
  }

  mark(id) {
    this.#id = id;
    this.#timer ??= this.#timers._set(GATHER, () => this.flush());
  }

  flush() {
    const id = this.#id;
    this.#timers._clear(this.#timer);
    this.#id = this.#timer = null;
    if (id) this.#send(id);
  }
}
