import { Emitter } from '../emitter.js';
import { Timers, environment } from '../env.js';
import { failure } from '../tree.js';
import { News } from './news.js';

const PAUSE = 3000; // ms until what could not be read is tried again
const MOST_HELD = 1000; // events that wait for what is being read; past it that is read anew

const isOnline = (state) => state === 'connected' || state === 'polling';

// Was it not answered, or is the answer that it may be tried again?
const isPassing = ({ code, status, retry }) =>
  code !== 'closed' && code !== 'unauthorized' && (!status || (retry === 'backoff' && status !== 500));

const over = () => failure('closed', 0, 'it was closed', {});

/** The promise, of which nobody has to catch the refusal: that is told by `error`. */
export const quiet = (promise) => {
  promise.catch(() => {});
  return promise;
};

/**
 * What the application's caches have in common: they subscribe, read, and follow; see app.d.ts.
 *
 * What a kind of cache brings: _channels(), pairs of a channel's name and { type: listener }; _read(), which resolves
 * with what _fill() takes; _view(), which makes the state; and if it wants to know, _opened(), _filled(), _ended().
 *
 * What must stay true: it is read after all channels were subscribed to, and again after a resync; events that come while
 * it is read are heard after it is filled, so that none is missed, whether what was read has it or not; `change` is
 * told once for all of that, and at most once a frame for what is heard. The state is always that of now. Nothing is
 * told before open() and after close().
 */
export class Cache {
  _isLoaded = false;
  _error = null;
  #emitter;
  #state = null;
  #life = null; // from open() to close()
  #opening = null;
  #isRefused = false; // a new connection asks again
  #stops = []; // of channels
  #unlisten; // of the client
  #reading = null;
  #isStale = false;
  #held = null; // what was heard while it is read
  #wake = null;
  #news;

  constructor(client, { env, onError } = {}) {
    this._client = client;
    this._env = environment(env);
    this._timers = new Timers(this._env);
    this.#emitter = new Emitter(onError);
    this.#news = new News(this._env, this._timers, () => this._tell('change', this.state));
  }

  get state() {
    return (this.#state ??= this._view());
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  open() {
    if (!this.#life) {
      this.#life = {};
      this.#unlisten = this._client.on('state', (state) => isOnline(state) && this.#online());
      this._opened?.();
      this.#attempt();
    }
    return this.#opening;
  }

  close() {
    if (!this.#life) return;
    this._ended?.();
    this.#life = this.#reading = null;
    this.#unlisten();
    this.#leave();
    this._timers._clearAll();
    this.#news.stop();
    this.#wake?.();
  }

  refetch() {
    if (!this.#life) return quiet(Promise.reject(over()));
    return this.#isRefused ? this.#attempt() : this.#again();
  }

  // ---------- for its kinds ----------

  get _isOpen() {
    return this.#life !== null;
  }

  _read() {}

  _fill() {}

  /** The state is another one. */
  _changed() {
    this.#state = null;
    this.#news.changed();
  }

  _tell(event, ...values) {
    if (this.#life) this.#emitter.emit(event, ...values);
  }

  /** Something was refused. */
  _fail(error) {
    if (error === this._error) return;
    this._error = error;
    this._tell('error', error);
    this._changed();
  }

  async _call(method, params, options) {
    return (await this._client.call(method, params, options)).payload;
  }

  /** Runs it, unless this was closed or opened anew since. */
  _while(run) {
    const life = this.#life;
    return (...all) => life && life === this.#life && run(...all);
  }

  // ---------- following ----------

  #online() {
    this.#wake?.();
    if (this.#isRefused) this.#attempt();
  }

  #attempt() {
    const opening = (this.#opening = this.#join());
    const failed = (error) => {
      if (opening !== this.#opening || !this.#life) return;
      this.#isRefused = true;
      this.#leave();
      this._fail(error);
    };
    this.#isRefused = false;
    opening.catch(failed);
    return opening;
  }

  async #join() {
    const life = this.#life;
    this.#held = [];
    await Promise.all(this._channels().map(([name, listeners]) => this.#follow(this._client.channel(name), listeners)));
    if (life !== this.#life) throw over();
    await this.#again();
  }

  #follow(channel, listeners) {
    let isIn = false;
    let isLost = false;
    const lost = ({ payload }) => {
      if (!isIn) return;
      isLost = true;
      this._fail(failure(payload.code, 0, payload.reason, {}));
    };
    const found = () => {
      if (isLost) this.#again();
      isLost = false;
    };
    const heard = Object.entries(listeners).map(([type, listener]) => channel.on(type, (event) => this.#hear(listener, event)));
    this.#stops.push(...heard, channel.on('resync', () => isIn && this.#again()));
    this.#stops.push(channel.on('unsubscribed', lost), channel.on('subscribed', found));
    const joined = channel.subscribe().then(() => (isIn = true));
    // as many leave as came in
    this.#stops.push(() => joined.then(() => channel.unsubscribe(), () => {}));
    return joined;
  }

  #leave() {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #hear(listener, event) {
    if (!this.#held) {
      this.#news.silently(() => listener(event));
      return this.#news.soon();
    }
    this.#held.push(() => listener(event));
    if (this.#held.length <= MOST_HELD) return;
    this.#held = [];
    this.#isStale = true;
  }

  // ---------- reading ----------

  // Resolves when what is there is later than this call.
  #again() {
    this.#isStale = true;
    this.#reading ??= quiet(this.#readAll(this.#life));
    return this.#reading;
  }

  async #readAll(life) {
    try {
      await this.#readUntilFresh(life);
    } finally {
      if (life === this.#life) this.#reading = null;
    }
  }

  async #readUntilFresh(life) {
    while (this.#isStale) {
      this.#isStale = false;
      // what was heard before stays: what is read has it, but not whose doing it was
      this.#held ??= [];
      const [read, error] = await Promise.resolve(this._read()).then((all) => [all], (why) => [null, why]);
      if (life !== this.#life) throw over();
      if (error && isPassing(error)) {
        this.#isStale = true;
        await this.#pause();
        if (life !== this.#life) throw over();
      } else if (!this.#isStale) this.#take(read, error);
      if (error && !isPassing(error)) throw error;
    }
  }

  #take(read, error) {
    const held = this.#held;
    this.#held = null;
    this.#news.silently(() => {
      if (!error) {
        this._error = null;
        this._isLoaded = true;
        this._fill(read);
      }
      // what is there already goes on without what could not be read
      if (this._isLoaded) for (const listener of held) listener();
    });
    if (error) this._fail(error);
    else {
      this._filled?.();
      this._changed();
    }
  }

  #pause() {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this._timers._set(PAUSE, resolve);
    });
  }
}
