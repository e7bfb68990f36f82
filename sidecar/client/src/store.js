import { unique } from './env.js';

const WAIT = 3000; // for IndexedDB, which in some browsers does not answer at all

/**
 * Calls that wait, kept in IndexedDB so that they outlive the page.
 *
 * Every tab owns the calls it made, and holds a Web Lock named after itself while it lives. What a tab that is
 * gone has left is adopted by one other tab: whoever gets that lock. Without Web Locks (a page that is
 * not secure) tabs may send the same call; its key sees to it that it has one effect.
 *
 * What must stay true: before what earlier pages left is taken up, nothing is sent (_isBusy), so that it goes
 * first; and where there is no IndexedDB, or it is full, calls are sent as they would be without.
 */
export class CallStore {
  _isBusy = true;
  #db;
  #core;
  #name;
  #tab;
  #calls;
  #isOver = false;
  #release;
  #ready;
  #turn = Promise.resolve(); // of taking up

  /** @param calls { _owner: who is connected, undefined when it is not known; _takeUp(calls) } */
  constructor(core, calls) {
    this.#core = core;
    this.#name = core._options.queue.persist;
    this.#tab = unique(core._env);
    this.#calls = calls;
    this.#ready = this.#open();
  }

  /** Keeps a call. */
  async _put({ key, at, seq, method, params, order, owner }) {
    await this.#ready;
    return this.#run('readwrite', (calls) => calls.put({ key, at, seq, method, params, order, owner, tab: this.#tab }));
  }

  async _remove(key) {
    await this.#ready;
    return this.#run('readwrite', (calls) => calls.delete(key));
  }

  /** Takes up what tabs that are gone have left. */
  _adopt() {
    this.#turn = this.#turn.then(() => this.#adopt());
  }

  _close() {
    this.#isOver = true;
    this.#release?.();
    this.#db?.close();
  }

  get #locks() {
    return this.#core._env.navigator?.locks;
  }

  #lockOf(tab) {
    return `${this.#name}:${tab}`;
  }

  async #open() {
    const { _env, _timers } = this.#core;
    this.#db = await new Promise((resolve) => {
      const timer = _timers._set(WAIT, resolve);
      const done = (db) => {
        _timers._clear(timer);
        resolve(db);
      };
      try {
        const { indexedDB = globalThis.indexedDB } = _env;
        const request = indexedDB.open(this.#name, 1);
        request.onupgradeneeded = () => request.result.createObjectStore('calls', { keyPath: 'key' });
        request.onsuccess = () => done(request.result);
        request.onerror = () => done();
      } catch {
        done();
      }
    });
    if (this.#db) this.#db.onversionchange = () => this.#db.close();
    await this.#hold();
    if (this.#isOver) this._close();
  }

  // The lock that says that this tab lives; resolves when it is held.
  #hold() {
    return new Promise((held) => {
      const hold = () => {
        held();
        return new Promise((release) => (this.#release = release));
      };
      if (this.#locks && this.#db) this.#locks.request(this.#lockOf(this.#tab), hold).catch(held);
      else held();
    });
  }

  async #adopt() {
    const left = [];
    await this.#ready;
    for (const tab of new Set((await this.#all()).map((call) => call.tab))) {
      const take = async (lock) => {
        if (lock === null) return; // it lives
        // another tab may have been quicker
        for (const call of await this.#all())
          if (call.tab === tab && this.#isOurs(call)) {
            left.push(call);
            await this._put(call);
          }
      };
      if (tab === this.#tab) continue;
      await (this.#locks ? this.#locks.request(this.#lockOf(tab), { ifAvailable: true }, take) : take());
    }
    this._isBusy = false;
    if (this.#isOver) return;
    const calls = left.filter((call) => this.#isOurs(call)).sort((a, b) => a.at - b.at || a.seq - b.seq);
    for (const call of calls) {
      // nobody waits for them any more
      const _reject = (error) => error.code === 'closed' || this.#core._report(error, call.method);
      Object.assign(call, { _isQueued: true, _isRepeatable: true, _resolve() {}, _settled() {}, _reject });
    }
    this.#calls._takeUp(calls);
  }

  // What somebody else called is not done in another's name.
  #isOurs({ owner }) {
    const { _owner } = this.#calls;
    return !_owner || !owner || owner === _owner;
  }

  async #all() {
    return (await this.#run('readonly', (calls) => calls.getAll())) ?? [];
  }

  // Resolves with undefined when it fails.
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
