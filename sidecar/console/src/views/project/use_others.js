// Who else is at this document: what they have selected (meta of their presence) and where they point (cursors).
import { useCallback, useMemo } from 'react';

import { useCursors, usePresence, useRealtime } from '@wrk-copilot/realtime/react';

import { useDirectory } from '../../parts/use_directory.js';

export function useOthers(versionId, { node, field }) {
  const client = useRealtime();
  const resource = versionId && `automation_version:${versionId}`;
  const { members } = usePresence(resource, { meta: { node: node ?? null, field: field ?? null } });
  const { cursors, move, hide } = useCursors(resource);
  const me = client.user?.id;
  const others = useMemo(() => members.filter(({ id }) => id !== me), [members, me]);
  const directory = useDirectory();
  const nameOf = useCallback((id, said) => directory.nameOf(id, said ?? members.find((member) => member.id === id)?.name), [directory, members]);
  const shown = useMemo(
    () =>
      cursors
        .filter(({ user }) => user.id !== me)
        .map(({ user: { id, name }, x, y }) => ({ id, name: nameOf(id, name), x, y })),
    [cursors, me, nameOf],
  );
  const pointers = useMemo(() => ({ shown, move, hide }), [shown, move, hide]);
  return { others, nameOf, cursors: pointers };
}
