// What the chaos bar has done to the way of each pane, for whoever says how a pane is doing.
import { useSyncExternalStore } from 'react';

const NOTHING = { delay: 0, stall: false, offline: false, block: { websocket: false, sse: false } };

let ways = {};
const listeners = new Set();

export function setWays(next) {
  // the same again is the same object for who looks
  for (const [pane, way] of Object.entries(next)) if (JSON.stringify(way) === JSON.stringify(ways[pane])) next[pane] = ways[pane];
  ways = next;
  for (const listener of listeners) listener();
}

const wayOf = (pane) => ways[pane] ?? NOTHING;

export function useWay(pane) {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => wayOf(pane),
  );
}
