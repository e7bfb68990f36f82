// The people of a project, by id: its members, and whoever else is there, as operations staff are.
import { useMemo } from 'react';

import { usePresence } from '@wrk-copilot/realtime/react';

export function usePeople(projectId, project, me, person) {
  const { members: present } = usePresence(projectId && `project:${projectId}`, null);
  return useMemo(() => {
    const byId = new Map();
    for (const { user_id: id, name, role } of project?.members ?? []) byId.set(id, { id, name, role });
    for (const { id, name } of present) if (name && !byId.has(id)) byId.set(id, { id, name });
    if (me && !byId.has(me)) byId.set(me, { id: me, name: person.name, role: person.role });
    const list = [...byId.values()].sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
    return { list, get: (id) => byId.get(id), nameOf: (id) => byId.get(id)?.name ?? (id ? 'Somebody' : 'System') };
  }, [project, present, me, person]);
}
