// Who else is at this document: what they have selected (meta of their presence) and where they point (cursors).
import { useCallback, useMemo } from 'react';

import { useCursors, usePresence, useRealtime } from '@wrk-copilot/realtime/react';

const nobody = 'Somebody';

export function useOthers(versionId, { node, field }) {
  const client = useRealtime();
  const resource = versionId && `automation_version:${versionId}`;
  const { members } = usePresence(resource, { meta: { node: node ?? null, field: field ?? null } });
  const { cursors, move, hide } = useCursors(resource);
  const me = client.user?.id;
  const others = useMemo(() => members.filter(({ id }) => id !== me), [members, me]);
  const nameOf = useCallback((id) => members.find((member) => member.id === id)?.name ?? nobody, [members]);
  const shown = useMemo(
    () =>
      cursors
        .filter(({ user }) => user.id !== me)
        .map(({ user: { id, name }, x, y }) => ({ id, name: name ?? nobody, x, y })),
    [cursors, me],
  );
  const pointers = useMemo(() => ({ shown, move, hide }), [shown, move, hide]);
  return { others, nameOf, cursors: pointers };
}
