import { useCallback, useInsertionEffect, useMemo, useRef, useState } from 'react';

import { useRealtime } from './context.js';
import { told } from './shared.js';

const QUIET = { isPending: false, error: null };

/** See react.d.ts. */
export function useCall(method) {
  const client = useRealtime();
  const [status, setStatus] = useState(QUIET);
  // of this component while it is mounted: how many calls are under way
  const life = useRef(null);
  useInsertionEffect(() => {
    life.current = { running: 0 };
    return () => {
      life.current = null;
    };
  }, []);
  const call = useCallback(
    (params, options) => {
      const mine = life.current;
      const isOver = () => mine === null || mine !== life.current;
      const ended = (error) => {
        if (isOver()) return;
        mine.running--;
        setStatus((before) => ({ isPending: mine.running > 0, error: error ?? before.error }));
      };
      if (mine) {
        mine.running++;
        setStatus({ isPending: true, error: null });
      }
      const answer = client.call(method, params, options);
      answer.then(() => ended(null), ended);
      return told(answer.then(({ payload }) => payload));
    },
    [client, method],
  );
  const reset = useCallback(() => setStatus((before) => (before.error ? { ...before, error: null } : before)), []);
  return useMemo(() => ({ call, ...status, reset }), [call, status, reset]);
}
