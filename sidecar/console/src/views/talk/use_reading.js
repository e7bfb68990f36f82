// Where the reader is in the thread. At its end, new messages come into view and are read; further up, nothing moves:
// what comes is counted, and what is loaded above leaves the text under the eyes where it was.
import { useCallback, useLayoutEffect, useRef, useState } from 'react';

import { newSince } from './rows.js';

const NEAR = 48; // px from the end that still count as the end
const SETTLE = 4; // frames until what came into view has its size
const endOf = (box) => box.scrollHeight - box.scrollTop - box.clientHeight;

// Keeps the marked message where it stood, also while what was put above it gets its size.
function hold(box, mark, frames) {
  const element = box.querySelector(`[data-message="${CSS.escape(mark.id)}"]`);
  if (element) box.scrollTop += element.getBoundingClientRect().top - mark.top;
  if (element && frames > 0) requestAnimationFrame(() => hold(box, mark, frames - 1));
  else box.style.overflowAnchor = '';
}

export function useReading(messages, me, load) {
  const box = useRef(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const [isInSight, setInSight] = useState(true); // not in a pane that stands behind another
  const atEnd = useRef(true);
  const lastSeen = useRef(null); // id of the last message when the end was last in view
  const kept = useRef(null); // while older ones are loaded: the first message, and where it stood
  const [isLoading, setLoading] = useState(false);
  const first = messages[0]?.id;
  const last = messages.at(-1)?.id;

  const toEnd = useCallback(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, []);

  const onScroll = useCallback(() => {
    if (box.current.clientHeight === 0) return;
    const now = endOf(box.current) < NEAR;
    atEnd.current = now;
    setAtEnd(now);
  }, []);

  useLayoutEffect(() => {
    const mark = kept.current;
    if (mark && mark.id !== first) {
      kept.current = null;
      hold(box.current, mark, SETTLE);
    } else if (atEnd.current) toEnd();
  }, [first, last, messages.length, toEnd]);

  // what is in the thread may grow when it is drawn, and the panel with the window
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(() => {
      setInSight(box.current.clientHeight > 0);
      if (atEnd.current) toEnd();
    });
    watcher.observe(box.current);
    if (box.current.firstElementChild) watcher.observe(box.current.firstElementChild);
    return () => watcher.disconnect();
  }, [toEnd]);

  const loadOlder = async () => {
    const top = box.current.querySelector('[data-message]');
    if (isLoading || !top) return;
    kept.current = { id: top.dataset.message, top: top.getBoundingClientRect().top };
    // or the browser would move the text as well
    box.current.style.overflowAnchor = 'none';
    setLoading(true);
    try {
      await load();
    } finally {
      setLoading(false);
    }
  };

  if (isAtEnd) lastSeen.current = last;
  const fresh = isAtEnd ? 0 : newSince(messages, lastSeen.current, me);
  return { box, isAtEnd, isInSight, fresh, toEnd, onScroll, loadOlder, isLoading };
}
