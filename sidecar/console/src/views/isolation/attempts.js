// What can be tried with what one knows of another tenant: ids, names of channels, a position, even the key of a
// connection. Each is a frame as it goes over the wire.
//
// known: { tenant, project, version, automation, user, task, message, position, session, key }; what is absent leaves
// out the attempts that need it.

const call = (method, params) => ({ type: 'call', payload: { method, params } });

export const attempts = [
  { key: 'subscribe-project', title: 'Subscribe to their project', needs: ['project'], ask: ({ project }) => ({ type: 'subscribe', channel: `project:${project}` }) },
  {
    key: 'subscribe-version',
    title: 'Subscribe to their blueprint',
    needs: ['version'],
    ask: ({ version }) => ({ type: 'subscribe', channel: `automation_version:${version}` }),
  },
  {
    key: 'subscribe-canonical',
    title: 'Subscribe by full channel name',
    needs: ['tenant', 'project'],
    ask: ({ tenant, project }) => ({ type: 'subscribe', channel: `tenant:${tenant}:project:${project}` }),
  },
  {
    key: 'subscribe-user',
    title: "Subscribe to a person's private channel",
    needs: ['tenant', 'user'],
    ask: ({ tenant, user }) => ({ type: 'subscribe', channel: `tenant:${tenant}:user:${user}` }),
  },
  {
    key: 'position',
    title: 'Resume from their position',
    needs: ['project', 'position'],
    ask: ({ project, position }) => ({ type: 'subscribe', channel: `project:${project}`, payload: { since: position } }),
  },
  { key: 'project-get', title: 'Read their project', needs: ['project'], ask: ({ project }) => call('project.get', { id: project }) },
  { key: 'blueprint-get', title: 'Read their blueprint', needs: ['version'], ask: ({ version }) => call('blueprint.get', { id: version }) },
  { key: 'message-list', title: 'Read their messages', needs: ['project'], ask: ({ project }) => call('message.list', { project_id: project }) },
  {
    key: 'message-send',
    title: 'Send a message to their project',
    needs: ['project'],
    ask: ({ project }) => call('message.send', { project_id: project, body: 'Is anybody there?' }),
  },
  { key: 'task-update', title: 'Complete their task', needs: ['task'], ask: ({ task }) => call('task.update', { id: task, status: 'done' }) },
  {
    key: 'blueprint-apply',
    title: 'Edit their blueprint',
    needs: ['version'],
    ask: ({ version }) => call('blueprint.apply', { id: version, version: 1, diff: { nodes: { added: [{ id: 'intruder' }] } } }),
  },
  {
    key: 'publish',
    title: 'Show a cursor in their project',
    needs: ['project'],
    ask: ({ project }) => ({ type: 'publish', channel: `project:${project}`, payload: { type: 'cursor', data: { x: 1, y: 1 } } }),
  },
  {
    key: 'presence-watch',
    title: 'See who is online',
    needs: ['project'],
    ask: ({ project }) => ({ type: 'subscribe', channel: `presence:project/${project}` }),
  },
  {
    key: 'presence-join',
    title: 'Join their presence',
    needs: ['project'],
    ask: ({ project }) => ({ type: 'presence:join', channel: `presence:project/${project}`, payload: { status: 'active' } }),
  },
  { key: 'lock', title: 'Lock their project', needs: ['project'], ask: ({ project }) => call('lock.acquire', { resource: `project:${project}`, seconds: 1 }) },
  {
    key: 'takeover',
    title: 'Take over their connection',
    needs: ['session', 'key'],
    ask: ({ session, key }) => ({ type: 'connect', payload: { resume: { session, key } } }),
    nobody: () => ({ type: 'connect', payload: { resume: { session: 'nobodys-session', key: 'nobodys-key' } } }),
    // the connection is one's own then, as if nothing had been said
    show: ({ type, payload }) => ({ type, payload: type === 'connected' ? { resumed: payload.resumed } : payload }),
    isRefusal: ({ payload }) => payload.resumed === false,
  },
];

/** Attempts that can be made with what is known. */
export const possible = (known) => attempts.filter(({ needs }) => needs.every((need) => known[need]));

/** An attempt of one's own making: a channel, or a method with parameters as JSON. Throws what is wrong with it. */
export function byHand({ kind, name, params }) {
  const wanted = name.trim();
  if (!wanted) throw new Error(kind === 'call' ? 'Enter a method, for example task.list.' : 'Enter a channel, for example project:ID.');
  let given = {};
  if (kind === 'call' && params.trim())
    try {
      given = JSON.parse(params);
    } catch {
      throw new Error('The parameters are not valid JSON.');
    }
  const frames = {
    call: () => call(wanted, given),
    subscribe: () => ({ type: 'subscribe', channel: wanted }),
    publish: () => ({ type: 'publish', channel: wanted, payload: { type: 'cursor', data: { x: 1, y: 1 } } }),
    presence: () => ({ type: 'presence:join', channel: wanted, payload: { status: 'active' } }),
  };
  return { title: `Custom: ${kind} ${wanted}`, ask: frames[kind] };
}
