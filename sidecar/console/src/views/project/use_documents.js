// The automation versions that this person sees, and which of them the views show.
import { useCallback, useEffect, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

const PAGE = 200;

// chosen by each person on this page, whichever view they are at
const chosenBy = new Map();

export function useChosenVersion(person) {
  const [, again] = useState(0);
  const choose = useCallback(
    (id) => {
      chosenBy.set(person.key, id);
      again((n) => n + 1);
    },
    [person.key],
  );
  return [chosenBy.get(person.key) ?? person.versionId ?? null, choose];
}

export function useDocuments() {
  const client = useRealtime();
  const [state, setState] = useState({ versions: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const asked = new AbortController();
    client.call('automation_version.list', { limit: PAGE }, { signal: asked.signal }).then(
      ({ payload }) => setState({ versions: payload.versions, error: null }),
      (error) => !asked.signal.aborted && setState({ versions: [], error }),
    );
    return () => asked.abort();
  }, [client, turn]);
  return { ...state, refetch: useCallback(() => setTurn((n) => n + 1), []) };
}
