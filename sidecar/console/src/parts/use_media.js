// Whether a media query holds now.
import { useCallback, useSyncExternalStore } from 'react';

export function useMedia(query) {
  const follow = useCallback(
    (changed) => {
      const list = matchMedia(query);
      list.addEventListener('change', changed);
      return () => list.removeEventListener('change', changed);
    },
    [query],
  );
  return useSyncExternalStore(follow, () => matchMedia(query).matches);
}
