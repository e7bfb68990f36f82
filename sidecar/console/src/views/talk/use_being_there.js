// Who looks at a project is there: active while something happens in the pane, idle after a minute without, away when
// the page is hidden.
import { useEffect } from 'react';

import { usePresence } from '@wrk-copilot/realtime/react';

const IDLE_MS = 60000;
const ME = { status: 'active' };
const signs = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'focusin'];

function useOwnStatus(pane, update) {
  useEffect(() => {
    const root = pane.current?.closest('.pane') ?? document.body;
    let said = 'active';
    let timer = null;
    const say = (status) => {
      if (status !== said) update({ status: (said = status) });
    };
    const wake = () => {
      clearTimeout(timer);
      timer = setTimeout(() => say('idle'), IDLE_MS);
      say('active');
    };
    const seen = () => (document.visibilityState === 'hidden' ? say('away') : wake());
    wake();
    signs.forEach((sign) => root.addEventListener(sign, wake, { passive: true }));
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearTimeout(timer);
      signs.forEach((sign) => root.removeEventListener(sign, wake));
      document.removeEventListener('visibilitychange', seen);
    };
  }, [pane, update]);
}

// inside: a ref to something in the pane
export function useBeingThere(projectId, inside) {
  const { update } = usePresence(projectId && `project:${projectId}`, ME);
  useOwnStatus(inside, update);
}
