// The clients of the panes, by the key of their person: for what stands beside the panes and looks at all of them. In
// the page's own console and in tests they are window.wrk.
import { useSyncExternalStore } from 'react';

let shown = new Map();
const listeners = new Set();

function set(next) {
  shown = next;
  window.wrk = Object.fromEntries(next);
  for (const listener of listeners) listener();
}

// Returns what takes it away again.
export function showClient(key, client) {
  set(new Map(shown).set(key, client));
  return () => shown.get(key) === client && set(new Map([...shown].filter(([, other]) => other !== client)));
}

export function useClients() {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
}
