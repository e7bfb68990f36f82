// Where in the past one is, and what is compared with what.
import { useCallback, useMemo, useRef, useState } from 'react';

import { useBlueprint } from '@wrk-copilot/realtime/react';

import { overlay, toldAll } from './timeline.js';
import { useChanges, useDocumentAt, useReader } from './use_history.js';

export const BEFORE = 'before';
export const NOW = 'now';

export function useTravel(versionId) {
  const blueprint = useBlueprint(versionId);
  const { version: current, document: live } = blueprint;
  const changes = useChanges(versionId, current);
  const read = useReader(versionId);
  const [chosen, setChosen] = useState(null); // null: the current one, whichever that is
  const [against, setAgainst] = useState(BEFORE);
  const at = Math.min(chosen ?? current, current);
  const isCurrent = at === current;
  const shown = useDocumentAt(read, at, !isCurrent);
  const other = useDocumentAt(read, against === BEFORE ? at - 1 : null, against === BEFORE);
  // how far back one can go, which any answer says, and what the labels were from there back
  const newest = useDocumentAt(read, current);
  const { oldest } = newest;
  const { versions } = changes;
  const isNewest = newest.version === versions[0]?.version;
  const said = useMemo(() => toldAll(versions, isNewest ? newest.document : null), [versions, isNewest, newest.document]);

  const isFirst = at <= oldest;
  const document = isCurrent ? live : shown.version === at ? shown.document : null;
  const before = isFirst ? document : other.version === at - 1 ? other.document : null;
  const base = against === NOW ? live : before;
  const ready = useMemo(() => document && base && { drawing: overlay(base, document), document, at }, [document, base, at]);
  // while the next one is read the last one stays
  const kept = useRef(null);
  if (ready) kept.current = ready;

  const go = useCallback((version) => setChosen(version === current ? null : version), [current]);
  return {
    blueprint,
    ...changes,
    said,
    current,
    oldest,
    at,
    isCurrent,
    isFirst,
    drawing: kept.current?.drawing ?? null,
    document: kept.current?.document ?? null,
    against,
    setAgainst,
    go,
    error: blueprint.document ? (shown.error ?? other.error ?? changes.error) : blueprint.error,
    isReading: !ready,
  };
}
