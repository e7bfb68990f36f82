// How much room the view has, by its own width, and which panels are shown in it.
import { useCallback, useLayoutEffect, useState } from 'react';

import { roomOf, shownIn, toggled, wantedAtFirst } from './room.js';

// root: a ref to the element whose width counts
export function useRoom(root) {
  const [room, setRoom] = useState('one');
  const [wanted, setWanted] = useState([]);
  useLayoutEffect(() => {
    // in a pane that is not in front it has no width, and stays as it was
    const look = ({ width }) => width > 0 && setRoom(roomOf(width));
    const { width } = root.current.getBoundingClientRect();
    look({ width });
    setWanted(wantedAtFirst(width));
    const watcher = new ResizeObserver(([{ contentRect }]) => look(contentRect));
    watcher.observe(root.current);
    return () => watcher.disconnect();
  }, [root]);
  const toggle = useCallback((name) => setWanted((before) => toggled(room, before, name)), [room]);
  // for what is on the canvas, which a panel may be in front of
  const clear = useCallback(() => room === 'one' && setWanted([]), [room]);
  return { room, shown: shownIn(room, wanted), toggle, clear };
}
