const WAIT = 3000; // for IndexedDB, which in some browsers does not answer at all

/**
 * Calls that wait, kept in IndexedDB so that they outlive the page.
 *
 * Every tab owns the calls it made, and holds a Web Lock named after itself while it lives. What a tab that is
 * gone has left is adopted by one other tab: whoever gets that lock. Without Web Locks (a page that is
 * not secure) tabs may send the same call; its key sees to it that it has one effect.
 */
export class CallStore {
  #db;
  #name;
  #tab;
  #env;
  #release;

  /** Resolves with null when there is no IndexedDB to be had. */
  static open(env, timers, name, tab) {
    return new Promise((resolve) => {
      const timer = timers.set(WAIT, () => resolve(null));
      const done = (store) => {
        timers.clear(timer);
        resolve(store);
      };
      try {
        const request = env.indexedDB.open(name, 1);
        request.onupgradeneeded = () => request.result.createObjectStore('calls', { keyPath: 'key' });
        request.onsuccess = () => done(new CallStore(request.result, env, name, tab));
        request.onerror = request.onblocked = () => done(null);
      } catch {
        done(null);
      }
    });
  }

  constructor(db, env, name, tab) {
    this.#db = db;
    this.#env = env;
    this.#name = name;
    this.#tab = tab;
    db.onversionchange = () => db.close();
    // held until close()
    this.#locks?.request(this.#lockOf(tab), () => new Promise((release) => (this.#release = release))).catch(() => {});
  }

  /** Keeps a call: { key, at, seq, method, params, order, owner }. */
  put(call) {
    return this.#run('readwrite', (calls) => calls.put({ ...call, tab: this.#tab }));
  }

  remove(key) {
    return this.#run('readwrite', (calls) => calls.delete(key));
  }

  /** Takes over what tabs that are gone have left, in the order it was called. */
  async adopt() {
    const all = await this.#run('readonly', (calls) => calls.getAll());
    const adopted = [];
    for (const tab of new Set(all?.map((call) => call.tab))) {
      if (tab === this.#tab) continue;
      const take = async (lock) => {
        // another tab may have been quicker
        const left = lock === null ? [] : ((await this.#run('readonly', (calls) => calls.getAll())) ?? []);
        for (const call of left.filter((call) => call.tab === tab)) {
          await this.put(call);
          adopted.push(call);
        }
      };
      await (this.#locks ? this.#locks.request(this.#lockOf(tab), { ifAvailable: true }, take) : take());
    }
    return adopted.sort((a, b) => a.at - b.at || a.seq - b.seq);
  }

  close() {
    this.#release?.();
    this.#db.close();
  }

  get #locks() {
    return this.#env.navigator?.locks;
  }

  #lockOf(tab) {
    return `${this.#name}:${tab}`;
  }

  // Resolves with undefined when it fails: a full disk must not keep calls from being sent.
  #run(mode, work) {
    return new Promise((resolve) => {
      try {
        const request = work(this.#db.transaction('calls', mode).objectStore('calls'));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve();
      } catch {
        resolve();
      }
    });
  }
}
