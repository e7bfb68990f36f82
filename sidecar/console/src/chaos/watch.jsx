// Looks at one pane for the chaos bar, and shows nothing: what it heard of the bursts, and what its document is.
import { useEffect, useRef } from 'react';

import { useBlueprint, useChannel, useConnectionStatus, useEvent } from '@wrk-copilot/realtime/react';

import { fingerprint } from './fingerprint.js';
import { Tally } from './tally.js';

const TELL_MS = 100; // at most so often the bar is told of events
const PATIENCE = 3000; // ms after which what is missing is missed

// told(change): what is new of { state, figures, version, isPending, hash }
export function Watch({ person, demo, counts, told }) {
  const tally = useRef(null);
  tally.current ??= new Tally();
  const { state } = useConnectionStatus();
  const { document, version, pending } = useBlueprint(person.versionId);

  useEffect(() => told({ state }), [told, state]);
  useTallies({ tally, person, demo, counts, state, told });
  useEffect(() => {
    if (!document) return undefined;
    let isLatest = true;
    fingerprint(document).then((hash) => isLatest && told({ hash, version, isPending: pending }));
    return () => {
      isLatest = false;
    };
  }, [told, document, version, pending]);
  return null;
}

function useTallies({ tally, person, demo, counts, state, told }) {
  const timer = useRef(null);
  const calm = useRef({ missing: 0, at: 0 }); // since when so many have been missing
  const tell = () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      told({ figures: { ...tally.current.figures, isMissed: false } });
    }, TELL_MS);
  };
  const name = `project:${person.projectId}`;
  const listens = useRef(false);
  const { state: membership } = useChannel(name);
  if (membership === 'subscribed') listens.current = true;
  useEvent(name, 'task.created', ({ payload }) => {
    tally.current.hear(payload.id ?? payload.data?.id);
    tell();
  });
  useEffect(() => () => clearTimeout(timer.current), []);

  useEffect(() => {
    if (!counts || !listens.current) return;
    for (const n of tally.current.learn(counts.bursts, person.projectId))
      demo.idsOf(n).then((ids) => tally.current.begin(n, ids), () => {});
    const figures = tally.current.figures;
    const isWaiting = !figures.isOver || (state !== 'connected' && state !== 'polling');
    if (isWaiting || figures.missing !== calm.current.missing) calm.current = { missing: figures.missing, at: Date.now() };
    told({ figures: { ...figures, isMissed: figures.missing > 0 && Date.now() - calm.current.at > PATIENCE } });
  }, [counts, demo, person, state, tally, told]);
}
