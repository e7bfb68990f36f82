// The people who may be met in a project, by id: all of the tenant, and whoever is there.
import { useMemo } from 'react';

import { usePresence } from '@wrk-copilot/realtime/react';

import { useDirectory } from '../../parts/use_directory.js';
import { roleName } from '../../parts/people.js';

export function usePeople({ projectId, project, me, person }) {
  const { members: present } = usePresence(projectId && `project:${projectId}`, null);
  const directory = useDirectory();
  const key = present.map(({ id, name }) => `${id} ${name}`).join('\n');
  return useMemo(() => {
    const byId = new Map();
    const put = (id, name, role) => byId.set(id, { id, name, role });
    for (const { id, name } of present) if (name) put(id, name);
    for (const { id, name, roles, isActive } of directory.list) if (isActive) put(id, name, roleName(roles[0]));
    for (const { user_id: id, name, role } of project?.members ?? []) if (name) put(id, name, roleName(role));
    if (me && !byId.has(me)) put(me, person.name, roleName(person.role));
    const list = [...byId.values()].sort((a, b) => a.name.localeCompare(b.name));
    // who has left is no choice any more, and has a name all the same
    return { list, get: (id) => byId.get(id) ?? directory.get(id), nameOf: (id, said) => byId.get(id)?.name ?? directory.nameOf(id, said) };
    // who is there counts, not whether they are active
  }, [project?.members, key, directory, me, person]);
}
