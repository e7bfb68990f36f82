import { useMemo } from 'react';

import { BlueprintStore } from '../src/documents.js';
import { Emitter } from '../src/emitter.js';
import { needed, told, useShared } from './shared.js';

const NONE = { document: null, version: 0, status: null, pending: false, conflicts: [], error: null };

const isOnline = (state) => state === 'connected' || state === 'polling';

// A BlueprintStore whose state is one object, and whose status is that of now.
class SharedBlueprint {
  state = { ...NONE };
  #client;
  #emitter = new Emitter();
  #stops = [];
  #read = null; // status when the document was read
  #step = null; // and of the last step that was heard of since
  #error = null; // why it cannot be followed

  constructor(client, id, options) {
    this.#client = client;
    this.blueprint = new BlueprintStore(client, id, options);
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  open() {
    const { blueprint } = this;
    const look = () => this.#look();
    this.#stops = [
      ...['pending', 'conflicts'].map((event) => blueprint.on(event, look)),
      blueprint.on('change', () => {
        this.#error = null;
        look();
      }),
      blueprint.on('error', (error) => this.#fails(error)),
      this.#client.channel(`automation_version:${blueprint.id}`).on('automation_version.status_changed', ({ payload }) => {
        this.#step = payload.to;
        look();
      }),
      // a new connection asks again for what was refused
      this.#client.on('state', (state) => isOnline(state) && this.#error && !blueprint.document && this.#open()),
    ];
    return this.#open();
  }

  close() {
    for (const stop of this.#stops.splice(0)) stop();
    this.blueprint.close();
  }

  async #open() {
    try {
      await this.blueprint.open();
      this.#look();
    } catch (error) {
      this.#fails(error);
    }
  }

  #fails(error) {
    this.#error = error;
    this.#look();
  }

  #look() {
    const { document, version, status, pending, conflicts, error } = this.blueprint;
    if (status !== this.#read) this.#step = null;
    this.#read = status;
    const next = { document, version, status: this.#step ?? status, pending, conflicts, error: error ?? this.#error };
    if (Object.keys(next).every((name) => next[name] === this.state[name])) return;
    this.state = next;
    this.#emitter.emit('change', next);
  }
}

/** See react.d.ts. */
export function useBlueprint(versionId, options) {
  const [state, store] = useShared('blueprint', versionId, (client) => new SharedBlueprint(client, versionId, options), NONE);
  const actions = useMemo(() => {
    const own = () => needed(store()).blueprint;
    const later = (run) => told(new Promise((done) => done(run())));
    return {
      edit: (change) => own().edit(change),
      undo: (mode) => later(() => own().undo(mode)),
      redo: (mode) => later(() => own().redo(mode)),
      resolve: (conflict, choice) => later(() => own().resolve(conflict, choice)),
      saved: () => later(() => own().saved()),
    };
  }, [store]);
  return useMemo(() => ({ store: store()?.blueprint ?? null, ...state, ...actions }), [store, state, actions]);
}
