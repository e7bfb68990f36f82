// What others have just done: said to screen readers, and shown for a moment on the nodes concerned.
import { useEffect, useRef, useState } from 'react';

import { useEvent, useRealtime } from '@wrk-copilot/realtime/react';

import { hueOf } from '../../parts/people.js';
import { sentence, touched } from './describe.js';

const SHOWN_MS = 1600;
const none = new Map();

/** flashes: Map of node id to { flash: hue of who did it, turn }. editors: Map of node id to who of them was last at it. */
export function useNews(versionId, { document, nameOf, announce }) {
  const client = useRealtime();
  const [flashes, setFlashes] = useState(none);
  const now = useRef(null);
  const turn = useRef(0);
  const timer = useRef(null);
  const editors = useRef(new Map()); // node id -> who of the others edited it last
  now.current = { document, nameOf, announce };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEvent(versionId && `automation_version:${versionId}`, 'blueprint.updated', ({ payload, sender_id: sender }) => {
    if (!sender || sender === client.user?.id) return;
    now.current.announce(sentence(now.current.nameOf(sender), payload, now.current.document));
    turn.current++;
    const flash = { flash: hueOf(sender), turn: turn.current };
    for (const id of touched(payload, true)) editors.current.set(id, sender);
    setFlashes(new Map(touched(payload).map((id) => [id, flash])));
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setFlashes(none), SHOWN_MS);
  });
  return { flashes, editors: editors.current };
}
