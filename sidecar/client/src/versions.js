const MOST_AHEAD = 200; // events that wait for those before them; past it the document is read again

/**
 * Brings the layers from version to version as events come, and reads the document where they do not lead on: at the
 * beginning, after a gap, when one is oversize or does not fit.
 *
 * What must stay true: while it is read, events wait; what they are about may be in what is read, or not.
 */
export class Versions {
  status = null; // of the automation version, when it was read
  by = null; // whose change the layers are just taking
  #layers;
  #fetch; // resolves with { document, version, status }
  #pause; // between two readings
  #told; // is called when the layers are other than before
  #failed; // is called with why it cannot be read
  #ahead = new Map(); // base -> event
  #isSynced = false;
  #isStale = false;
  #reading = null;

  constructor(layers, { fetch, pause, told, failed }) {
    this.#layers = layers;
    this.#fetch = fetch;
    this.#pause = pause;
    this.#told = told;
    this.#failed = failed;
  }

  /** An event blueprint.updated. */
  take({ key, payload: { id, base, version, by, oversize, ...changes } }) {
    this.#ahead.set(base, { version, key, by: by ?? null, changes, oversize });
    if (this.#ahead.size > MOST_AHEAD) {
      this.#ahead.clear();
      this.read();
    }
    this.#advance();
  }

  /** Resolves when there is a document that is later than this call; rejects if it cannot be had. */
  read() {
    this.#isSynced = false;
    this.#isStale = true;
    if (!this.#reading) {
      this.#reading = this.#read().finally(() => (this.#reading = null));
      this.#reading.catch(this.#failed);
    }
    return this.#reading;
  }

  async #read() {
    for (let isFirst = true; this.#isStale; isFirst = false) {
      if (!isFirst) await this.#pause();
      this.#isStale = false;
      const { document, version, status } = await this.#fetch();
      // what was asked for meanwhile may be later
      if (this.#isStale) continue;
      this.status = status;
      this.#layers.reset(document, version);
      this.#isSynced = true;
      this.#advance();
    }
  }

  #advance() {
    const layers = this.#layers;
    if (!this.#isSynced) return;
    for (let next; (next = this.#ahead.get(layers.version)) && !next.oversize; ) {
      this.by = next.by;
      try {
        layers.apply(next.changes, next.version, next.key);
      } catch {
        break;
      }
    }
    this.by = null;
    for (const base of this.#ahead.keys()) if (base < layers.version) this.#ahead.delete(base);
    if (this.#ahead.size > 0) this.read();
    this.#told();
  }
}
