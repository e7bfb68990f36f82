import { useCallback, useSyncExternalStore } from 'react';

import { failure } from '../src/tree.js';
import { useRealtime } from './context.js';

const LINGER = 500; // ms that a store nobody uses is kept, because who remounts comes back at once

const clients = new WeakMap(); // client -> Map of id -> entry

// One of these is there for each client and id that some component uses, or used a moment ago: { store, uses, timer }.
const entriesOf = (client) => {
  if (!clients.has(client)) clients.set(client, new Map());
  return clients.get(client);
};

const peek = (client, id) => clients.get(client)?.get(id)?.store ?? null;

function retain(client, id, make) {
  const entries = entriesOf(client);
  let entry = entries.get(id);
  if (!entry) {
    entry = { store: make(client), uses: 0 };
    entries.set(id, entry);
    // why it did not open is told by its state, and by its event
    entry.store.open().catch(() => {});
  }
  clearTimeout(entry.timer);
  entry.uses++;
  return entry;
}

function release(client, id, entry) {
  if (--entry.uses > 0) return;
  entry.timer = setTimeout(() => {
    entriesOf(client).delete(id);
    entry.store.close();
  }, LINGER);
}

/**
 * What all components that name the same thing share: one store with open(), close(), `state` and the event
 * `change`. It is made when the first one is mounted, not while rendering.
 *
 * What must stay true: `state` is the same object until something has changed; a component that is unmounted hears
 * nothing any more; without a key there is no store, and the state is `empty`.
 *
 * @param {string} kind
 * @param {string | null | undefined} key names it among its kind
 * @param make makes one for a client; called once, so all that it depends on must be in the key
 * @param empty state of no store, always the same object
 * @returns {[object, () => object | null]} the state, and what gives the store of this moment
 */
export function useShared(kind, key, make, empty) {
  const client = useRealtime();
  const id = key === null || key === undefined ? null : `${kind} ${key}`;
  const subscribe = useCallback(
    (changed) => {
      if (id === null) return () => {};
      const entry = retain(client, id, make);
      const stop = entry.store.on('change', changed);
      return () => {
        stop();
        release(client, id, entry);
      };
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the id says what is made
    [client, id],
  );
  const read = () => (id === null ? empty : (peek(client, id)?.state ?? empty));
  const state = useSyncExternalStore(subscribe, read, () => empty);
  const store = useCallback(() => (id === null ? null : peek(client, id)), [client, id]);
  return [state, store];
}

/** What a function of a hook does where there is nothing (yet, or any more) that it could be done with. */
export function needed(store) {
  if (store) return store;
  throw failure('closed', 0, 'there is nothing to do this with: no id was given, or the component is not mounted', {});
}

/** The promise, of which who only looks at the state may leave the refusal alone. */
export function told(promise) {
  promise.catch(() => {});
  return promise;
}
