// States of a connection as pieces of a band that ends now.
export const SPAN_MS = 5 * 60 * 1000;

/** [{ from, to, state }] in ms from the left end; states: [{ at, state }], oldest first. */
export function spansOf(states, now) {
  const begin = now - SPAN_MS;
  return states
    .map(({ at, state }, i) => ({ from: Math.max(at - begin, 0), to: (states[i + 1]?.at ?? now) - begin, state }))
    .filter(({ from, to }) => to > from);
}
