const FRAME = 16; // ms: what is heard within them is told once

/** When it is told that something has changed: at once, or at most once a frame. */
export class News {
  #env;
  #timers;
  #tell;
  #isSilent = false;
  #isNews = false; // is there something to tell?
  #toldAt = -Infinity;
  #frame = null;

  constructor(env, timers, tell) {
    this.#env = env;
    this.#timers = timers;
    this.#tell = tell;
  }

  changed() {
    this.#isNews = true;
    if (!this.#isSilent) this.now();
  }

  /** What changes meanwhile is told by now() or soon(). */
  silently(run) {
    this.#isSilent = true;
    try {
      run();
    } finally {
      this.#isSilent = false;
    }
  }

  now() {
    this.stop();
    if (!this.#isNews) return;
    this.#isNews = false;
    this.#toldAt = this.#env.now();
    this.#tell();
  }

  /** At once, unless that was just done. */
  soon() {
    const left = this.#toldAt + FRAME - this.#env.now();
    if (left <= 0) this.now();
    else if (this.#isNews) this.#frame ??= this.#timers._set(left, () => this.now());
  }

  stop() {
    this.#timers._clear(this.#frame);
    this.#frame = null;
  }
}
