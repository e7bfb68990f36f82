// What the demo counts, asked for again and again: more often while somebody looks.
import { useCallback, useEffect, useRef, useState } from 'react';

export function useCounts(demo, isOpen) {
  const [counts, setCounts] = useState(null); // until they are known
  const isHere = useRef(true);
  const ask = useCallback(async () => {
    try {
      const next = await demo.counts();
      if (isHere.current) setCounts(next);
    } catch {
      // the demo is gone; what was last known stays
    }
  }, [demo]);
  useEffect(() => {
    isHere.current = true;
    ask();
    const timer = setInterval(ask, isOpen ? 500 : 2500);
    return () => {
      isHere.current = false;
      clearInterval(timer);
    };
  }, [ask, isOpen]);
  return [counts, ask];
}
