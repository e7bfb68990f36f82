// The people of a project, by id: its members, and whoever else is or was there, as clients and operations staff are,
// who are no members, or has written.
import { useMemo, useRef } from 'react';

import { usePresence } from '@wrk-copilot/realtime/react';

import { useAuthors } from './use_authors.js';

const SEEN_MAX = 500;

export function usePeople({ projectId, project, messages, me, person }) {
  const { members: present } = usePresence(projectId && `project:${projectId}`, null);
  const seen = useRef(new Map()); // id -> name of those who were there while this was open
  const key = present.map(({ id, name }) => `${id} ${name}`).join('\n');
  const known = useMemo(() => new Set([me, ...(project?.members ?? []).map(({ user_id: id }) => id), ...present.map(({ id }) => id)]), [me, project?.members, present]);
  const authors = useAuthors(messages, known);
  return useMemo(() => {
    const byId = new Map();
    for (const { user_id: id, name, role } of project?.members ?? []) byId.set(id, { id, name, role });
    for (const { id, name } of present) if (name) seen.current.set(id, name);
    while (seen.current.size > SEEN_MAX) seen.current.delete(seen.current.keys().next().value);
    for (const [id, name] of seen.current) if (!byId.has(id)) byId.set(id, { id, name });
    for (const [id, name] of authors) if (name && !byId.has(id)) byId.set(id, { id, name });
    if (me && !byId.has(me)) byId.set(me, { id: me, name: person.name, role: person.role });
    const list = [...byId.values()].sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
    return { list, get: (id) => byId.get(id), nameOf: (id) => byId.get(id)?.name ?? (id ? 'Somebody' : 'System') };
    // who is there counts, not whether they are active
  }, [project?.members, key, authors, me, person]);
}
