// Who opens Talk by key goes on in it: in the field to write, as soon as one may write there; who may not, at its tabs.
// Whoever has gone elsewhere meanwhile is not called.
import { useCallback, useEffect, useRef } from 'react';

const placeIn = (root) =>
  root.querySelector('.project-talk .talk-composer textarea:enabled') ??
  (root.querySelector('.project-talk p.talk-composer') && root.querySelector('.project-talk [role="tab"][aria-selected="true"]'));

/** Gives a function that is told of the press that opens or closes Talk. */
export function useEnterTalk(root, isShown) {
  const isByKey = useRef(false);
  useEffect(() => {
    if (!isShown || !isByKey.current) return undefined;
    isByKey.current = false;
    const start = document.activeElement;
    const watcher = new MutationObserver(() => look());
    const look = () => {
      const place = document.activeElement === start && placeIn(root.current);
      place?.focus?.();
      if (document.activeElement !== start) watcher.disconnect();
    };
    watcher.observe(root.current, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
    look();
    return () => watcher.disconnect();
  }, [root, isShown]);
  return useCallback(({ detail }) => {
    isByKey.current = detail === 0; // a press of a pointer counts clicks
  }, []);
}
