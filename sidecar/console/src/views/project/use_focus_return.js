// Where the focus goes when what has it is closed: to where `back` puts it, and only if it was inside and nobody has
// taken it since.
import { useEffect, useRef } from 'react';

export function useFocusReturn(back) {
  const isInside = useRef(false);
  const latest = useRef(back);
  latest.current = back;
  useEffect(
    () => () => {
      // what has been taken away has no focus any more; wait until it is
      if (isInside.current) queueMicrotask(() => document.activeElement === document.body && latest.current());
    },
    [],
  );
  return {
    onFocus: () => {
      isInside.current = true;
    },
    onBlur: ({ relatedTarget }) => {
      if (relatedTarget) isInside.current = false;
    },
  };
}
