const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll'];
const HOW = { capture: true, passive: true };

/**
 * What the page's user does: active, idle after so long without input, away while the page is hidden.
 */
export class Activity {
  status = 'active';
  #env;
  #timers;
  #idle;
  #changed;
  #last = 0; // input
  #timer = null;

  /** @param changed is called when the status is another one */
  constructor(env, timers, idle, changed) {
    this.#env = env;
    this.#timers = timers;
    this.#idle = idle;
    this.#changed = changed;
  }

  start() {
    this.#listen('addEventListener');
    this.#last = this.#env.now();
    this.#look();
  }

  stop() {
    this.#listen('removeEventListener');
    this.#timers._clear(this.#timer);
  }

  #listen(how) {
    const { window, document } = this.#env;
    for (const name of INPUTS) window?.[how]?.(name, this.#input, HOW);
    document?.[how]?.('visibilitychange', this.#input);
  }

  // Moves are many: only the time is taken, unless the status is another one.
  #input = () => {
    this.#last = this.#env.now();
    if (this.status !== 'active' || this.#isHidden) this.#look();
  };

  get #isHidden() {
    return this.#env.document?.visibilityState === 'hidden';
  }

  #look() {
    const left = this.#last + this.#idle - this.#env.now();
    const status = this.#isHidden ? 'away' : left > 0 ? 'active' : 'idle';
    this.#timers._clear(this.#timer);
    if (status === 'active') this.#timer = this.#timers._set(left, () => this.#look());
    if (status === this.status) return;
    this.status = status;
    this.#changed();
  }
}
