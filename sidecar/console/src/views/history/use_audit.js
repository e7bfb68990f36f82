// Reading the audit log, page by page, as far as this person may.
import { useCallback, useEffect, useState } from 'react';

import { useChannel, useEvent, useRealtime } from '@wrk-copilot/realtime/react';

const PAGE = 50;
const EMPTY = { entries: [], next: null, error: null, isLoaded: false };

export function useAudit(filters) {
  const client = useRealtime();
  const [state, setState] = useState(EMPTY);
  const [fresh, setFresh] = useState(0);
  const key = JSON.stringify(filters);
  const page = useCallback(
    (after, signal) => client.call('audit.list', { ...JSON.parse(key), limit: PAGE, ...(after && { after }) }, { signal }).then(({ payload }) => payload),
    [client, key],
  );
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const asked = new AbortController();
    page(null, asked.signal).then(
      ({ entries, next }) => setState({ entries, next, error: null, isLoaded: true }),
      (error) => !asked.signal.aborted && setState({ ...EMPTY, error, isLoaded: true }),
    );
    setFresh(0);
    return () => asked.abort();
  }, [page, turn]);
  const isAllowed = state.isLoaded && !state.error;
  // who may not read the log may not hear of it either
  useEvent(isAllowed ? 'audit' : null, 'audit.appended', () => setFresh((n) => n + 1));
  const channel = useChannel(isAllowed ? 'audit' : null);
  const more = async () => {
    const { entries, next } = await page(state.next);
    setState((before) => ({ ...before, entries: [...before.entries, ...entries], next }));
  };
  return { ...state, fresh, isLive: channel.state === 'subscribed', more, refetch: useCallback(() => setTurn((n) => n + 1), []) };
}
