// What became of tokens that were made to expire, in a line for each person: the latest.
import { useCallback, useEffect, useRef, useState } from 'react';

import { TokenTrace } from './token_trace.js';

/** Gives { key of a person: sentence }, and a function that begins to look at a person's client. */
export function useTraces(clients, announce) {
  const [notes, setNotes] = useState({});
  const stops = useRef(new Map());
  const begin = useCallback(
    ({ key, name }) => {
      const trace = new TokenTrace(Date.now());
      stops.current.get(key)?.();
      const stop = clients.get(key)?.on('frame', (frame) => {
        const said = trace.take(frame);
        if (!said) return;
        setNotes((before) => ({ ...before, [key]: `${name}: ${said}.` }));
        if (trace.isOver) {
          announce(`${name}: ${said}.`);
          stop();
        }
      });
      if (stop) stops.current.set(key, stop);
      setNotes((before) => ({ ...before, [key]: `${name}: reset; the next token is a short one.` }));
    },
    [clients, announce],
  );
  useEffect(() => () => stops.current.forEach((stop) => stop()), []);
  return [notes, begin];
}
