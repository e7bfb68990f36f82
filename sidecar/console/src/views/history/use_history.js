// Reading a blueprint's past: its list of changes, and its document as of a version.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { versionsOf } from './timeline.js';

const PAGE = 200;
const KEPT = 60; // documents

/** Read again whenever there is a newer version. */
export function useChanges(versionId, current) {
  const client = useRealtime();
  const [state, setState] = useState({ entries: [], current: 0, next: null, error: null });
  useEffect(() => {
    const asked = new AbortController();
    if (!versionId || !current) return undefined;
    // several may come at once
    const timer = setTimeout(() => {
      client.call('history.list', { type: 'automation_version', id: versionId, limit: PAGE }, { signal: asked.signal }).then(
        ({ payload: { changes, next } }) => setState({ entries: changes, current, next, error: null }),
        (error) => !asked.signal.aborted && setState((before) => ({ ...before, error })),
      );
    }, 150);
    return () => {
      clearTimeout(timer);
      asked.abort();
    };
  }, [client, versionId, current]);
  const versions = useMemo(() => versionsOf(state.entries, state.current), [state]);
  return { versions, error: state.error };
}

/** Gives documents by version, from what was read before or from the server. */
export function useReader(versionId) {
  const client = useRealtime();
  const cache = useRef(new Map());
  return useCallback(
    async (version) => {
      const kept = cache.current;
      const key = `${versionId} ${version}`;
      if (!kept.has(key)) {
        const reading = client.call('blueprint.get', { id: versionId, version }).then(({ payload }) => payload);
        kept.set(key, reading);
        reading.catch(() => kept.delete(key));
        if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      }
      return kept.get(key);
    },
    [client, versionId],
  );
}

/** { document, version, error }: of the version that is asked for, or of the one before while that is read. */
export function useDocumentAt(read, version, enabled = true) {
  const [state, setState] = useState({ document: null, version: 0, oldest: 1, error: null });
  useEffect(() => {
    let isOver = false;
    if (!enabled || !version || version < 1) return undefined;
    read(version).then(
      ({ document, oldest }) => isOver || setState({ document, version, oldest, error: null }),
      (error) => isOver || setState((before) => ({ ...before, error })),
    );
    return () => {
      isOver = true;
    };
  }, [read, version, enabled]);
  return state;
}
