import { Emitter } from './emitter.js';
import { Timers, environment, unique } from './env.js';
import { Layers } from './layers.js';
import { fromOurSide, isDrawn, resolved, returning } from './resolve.js';
import { failure, isObject } from './tree.js';
import { Versions } from './versions.js';

const PAUSE = 3000; // ms until what could not be done is tried again
const LATEST = 4; // times the delay: who edits without a pause is saved all the same
const MOST_CONFLICTS = 100; // past it the oldest are forgotten

const isOnline = ({ state }) => state === 'connected' || state === 'polling';

// Was it not answered, or is the answer that it may be tried again? Then with the same key.
const isPassing = ({ status, retry }) => !status || (retry === 'backoff' && status !== 500);

/**
 * A blueprint that several people edit; see documents.d.ts. layers.js keeps the document, versions.js
 * follows the server's, here is what goes to the server and what that answers.
 *
 * What must stay true: one edit is under way at a time, and it is repeated with its key until it is answered or
 * its event is seen; what is refused stays in the document, is not sent again by itself, and is told.
 */
export class BlueprintStore {
  error = null;
  conflicts = [];
  #client;
  #env;
  #timers;
  #delay;
  #emitter;
  #layers;
  #versions;
  #shown = null; // document that was told last
  #wasPending = false;
  #isSuspect = false; // what was refused is tried once more
  #opening = null;
  #isClosing = false; // follows until all is saved
  #stops = [];
  #soon = null; // timers of flush()
  #latest = null;
  #paused = new Set();
  #waiting = []; // for everything to be saved

  constructor(client, id, { delay = 500, env, onError } = {}) {
    this.id = id;
    this.#client = client;
    this.#env = environment(env);
    this.#timers = new Timers(this.#env);
    this.#delay = delay;
    this.#emitter = new Emitter(onError);
    this.#layers = new Layers((conflicts) => this.#note(conflicts, { at: this.version - 1, isMine: true, by: this.#versions.by }));
    this.#versions = new Versions(this.#layers, {
      fetch: () => this.#call('blueprint.get'),
      pause: () => this.#pause(),
      told: () => this.#tell(),
      failed: (error) => this.#refuse(error),
    });
  }

  get document() {
    return this.#layers.document;
  }

  get version() {
    return this.#layers.version;
  }

  get status() {
    return this.#versions.status;
  }

  get pending() {
    return Boolean(this.#layers.isEdited || this.#layers.sent || this.error);
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  open() {
    this.#isClosing = false;
    if (!this.#opening) {
      this.#opening = this.#open();
      this.#opening.catch(() => this.#stop());
    }
    return this.#opening;
  }

  close() {
    const stop = () => this.#isClosing && this.#stop();
    this.#isClosing = true;
    // what waits for an edit that is under way goes after that
    this.saved().then(stop, stop);
    if (!this.pending) this.#stop();
  }

  edit(change) {
    let next = change;
    if (!this.document) throw new Error('the blueprint is not there yet');
    if (typeof change === 'function') {
      const draft = structuredClone(this.document);
      next = change(draft) ?? draft;
    }
    if (!isObject(next)) throw new TypeError('a blueprint is an object');
    this.#layers.edit(next);
    this.#timers._clear(this.#soon);
    this.#soon = this.#timers._set(this.#delay, () => this.flush());
    this.#latest ??= this.#timers._set(this.#delay * LATEST, () => this.flush());
    this.#tell();
  }

  flush() {
    if (this.error) this.#layers.isEdited = true;
    this.#clearTimers();
    this.#tell();
  }

  saved() {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.flush();
    });
  }

  discard() {
    this.error = null;
    if (this.document) this.#layers.discard();
    this.#tell();
  }

  undo(mode) {
    return this.#step('blueprint.undo', mode);
  }

  redo(mode) {
    return this.#step('blueprint.redo', mode);
  }

  async resolve(conflict, choice) {
    const { nodes, at } = conflict;
    let back = [];
    if (returning(conflict, choice)) {
      const { document } = await this.#call('blueprint.get', { version: at });
      back = document.nodes.filter(({ id }) => nodes.includes(id));
    }
    this.edit(resolved(this.document, conflict, choice, back));
    this.conflicts = this.conflicts.filter((other) => other !== conflict);
    this.#emitter.emit('conflicts', this.conflicts);
  }

  // ---------- following ----------

  async #open() {
    const channel = this.#client.channel(`automation_version:${this.id}`);
    const mine = this.#client.channel('me');
    this.#stops = [
      channel.on('blueprint.updated', (event) => this.#versions.take(event)),
      channel.on('resync', () => this.#versions.read()),
      channel.on('unsubscribed', ({ payload }) => this.#refuse(failure(payload.code, 0, payload.reason, {}))),
      mine.on('conflict.detected', ({ payload }) => this.#lost(payload)),
      this.#client.on('state', () => this.#changed()),
    ];
    // as many leave as came in
    const join = (other) => {
      const joined = other.subscribe();
      this.#stops.push(() => joined.then(() => other.unsubscribe(), () => {}));
      return joined;
    };
    join(mine).catch((error) => this.#opening && this.#refuse(error));
    await join(channel);
    await this.#versions.read();
  }

  #stop() {
    for (const stop of this.#stops.splice(0)) stop();
    this.#timers._clearAll();
    this.#opening = null;
    this.#wake();
    for (const { reject } of this.#waiting.splice(0)) reject(failure('closed', 0, 'the store was closed', {}));
  }

  #changed() {
    if (this.#client.state === 'closed') this.#timers._clearAll();
    if (this.#client.state === 'closed' && this.#isClosing) this.#stop();
    if (!isOnline(this.#client)) return;
    this.#wake();
    this.flush();
  }

  // ---------- saving ----------

  // Offline it is kept here, as one edit, unless this is the last occasion.
  #send() {
    const layers = this.#layers;
    const isDue = isOnline(this.#client) || this.#isClosing;
    if (!layers.isEdited || layers.sent || !isDue) return;
    if (layers.send(unique(this.#env))) this.#apply(layers.sent);
    else this.error = null;
  }

  async #apply(sent) {
    const { key, from: version, changes: diff } = sent;
    try {
      const answer = await this.#call('blueprint.apply', { version, diff, mode: 'lww' }, key);
      this.error = null;
      this.#isSuspect = false;
      // the nodes of an edge are where its author saw them
      for (const conflict of answer.conflicts) {
        const at = isDrawn(conflict.theirs, conflict) ? version : answer.base;
        this.#note([conflict], { version: answer.version, at, isMine: true });
      }
      this.#layers.confirm(sent, answer.version);
    } catch (error) {
      // without an answer its event has told
      if (this.#layers.sent === sent) await this.#failed(sent, error);
    }
    this.#tell();
  }

  async #failed(sent, error) {
    if (error.retry === 'refetch' && !this.#isSuspect) {
      // what it was made from is not what is there: once more, from what is
      this.#isSuspect = true;
      await this.#versions.read().catch(() => {});
      if (this.#layers.sent === sent) this.#layers.reclaim(true);
      return;
    }
    this.#isSuspect = false;
    this.error = error;
    this.#layers.reclaim();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#refuse(error);
  }

  #refuse(error) {
    this.#emitter.emit('error', error);
  }

  async #step(method, mode = 'strict') {
    await this.saved();
    const answer = await this.#call(method, { mode }, unique(this.#env));
    const { conflicts = [], version, base: at } = answer;
    this.#note(conflicts, { version, at, isMine: true, won: 'theirs' });
    return answer;
  }

  // ---------- conflicts ----------

  #lost({ automation_version_id: id, version, by, name = null, conflicts = [] }) {
    if (id === this.id) this.#note(conflicts, { version, by, name, at: version - 1, won: 'theirs' });
  }

  #note(conflicts, about) {
    if (conflicts.length === 0) return;
    const noted = conflicts.map((conflict) => fromOurSide(conflict, { version: this.version, ...about }));
    this.conflicts = [...this.conflicts, ...noted].slice(-MOST_CONFLICTS);
    this.#emitter.emit('conflicts', this.conflicts);
  }

  // ---------- ----------

  // Until it is answered, unless the store is closed meanwhile.
  async #call(method, params, key) {
    const options = key ? { key, order: this.id } : {};
    for (;;) {
      try {
        return (await this.#client.call(method, { id: this.id, ...params }, options)).payload;
      } catch (error) {
        if (!isPassing(error) || !this.#opening) throw error;
        await this.#pause();
      }
    }
  }

  #pause() {
    return new Promise((resolve) => {
      this.#paused.add(resolve);
      if (this.#client.state !== 'closed') this.#timers._set(PAUSE, resolve);
    });
  }

  #wake() {
    for (const resolve of this.#paused) resolve();
    this.#paused.clear();
  }

  #clearTimers() {
    this.#timers._clear(this.#soon);
    this.#timers._clear(this.#latest);
    this.#soon = this.#latest = null;
  }

  // Sends what may be sent, and says what is another than before.
  #tell() {
    // who is still at it is let be
    if (!this.#soon) this.#send();
    const { document, pending } = this;
    const [isNew, isOther] = [document !== this.#shown, pending !== this.#wasPending];
    this.#shown = document;
    this.#wasPending = pending;
    if (isNew) this.#emitter.emit('change', document);
    if (isOther) this.#emitter.emit('pending', pending);
    if (!this.pending) for (const { resolve } of this.#waiting.splice(0)) resolve();
  }
}
