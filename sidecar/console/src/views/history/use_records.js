// Projects, automations and versions by name, to choose from: the newest of each that this person sees.
import { useEffect, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

const MOST = 200;
const NONE = { projects: [], automations: [], versions: [] };

/** [title, [["type:id", name], ...]] of each kind that there is something of. */
export function choicesOf({ projects, automations, versions }) {
  const groups = [
    ['Projects', projects.map(({ id, name }) => [`project:${id}`, name])],
    ['Automations', automations.map(({ id, name }) => [`automation:${id}`, name])],
    ['Automation versions', versions.map(({ id, automation_name: name, number }) => [`automation_version:${id}`, `${name}, version ${number}`])],
  ];
  return groups.filter(([, choices]) => choices.length > 0);
}

export function useRecords() {
  const client = useRealtime();
  const [records, setRecords] = useState(NONE);
  useEffect(() => {
    const asked = new AbortController();
    const read = (name, method, params) =>
      client.call(method, { limit: MOST, ...params }, { signal: asked.signal }).then(
        ({ payload }) => setRecords((before) => ({ ...before, [name]: payload[name] })),
        () => {}, // the log is there without them
      );
    read('projects', 'project.list');
    read('automations', 'automation.list', { show: 'all' });
    read('versions', 'automation_version.list');
    return () => asked.abort();
  }, [client]);
  return records;
}
