// Everything of documents.d.ts, used as an application does: tsc finds what does not fit.

import { createRealtimeClient, type RealtimeError } from '@wrk-copilot/realtime';

import {
  BlueprintStore,
  OptimisticManager,
  checkDiff,
  diff,
  merge,
  patch,
  strip,
  type BlueprintConflict,
  type Diff,
} from '../documents.js';

const client = createRealtimeClient({ url: '/realtime', getToken: () => null });

const changes: Diff = diff({ nodes: [] }, { nodes: [{ id: 'a' }] }, { ui: ['selected', ['data', 'open']] });
const patched: { nodes: object[] } = patch({ nodes: [] as object[] }, changes);
const unknown: unknown = {};
checkDiff(unknown);
const checked: Diff = unknown;
const { result, conflicts, dropped_edges } = merge(patched, strip(patched), patched, { policy: 'strict' });
void [checked, result, conflicts[0]?.kind === 'order', dropped_edges.length];

type Flow = { nodes: { id: string; data: { label: string } }[] };

async function edit(id: string): Promise<number | null | undefined> {
  const store = new BlueprintStore<Flow>(client, id, { delay: 200 });
  const stops = [
    store.on('change', ({ nodes }) => nodes.map(({ data }) => data.label)),
    store.on('pending', (pending: boolean) => void pending),
    store.on('error', (error: RealtimeError) => console.error(error.code, error.details)),
    store.on('conflicts', async (all: readonly BlueprintConflict[]) => all[0] && store.resolve(all[0], 'both')),
  ];
  await store.open();
  store.edit((draft) => {
    draft.nodes[0].data.label = 'Read';
  });
  if (store.document) store.edit({ ...store.document, nodes: [] });
  store.flush();
  await store.saved();
  const { undone } = await store.undo();
  const { redone } = await store.redo('ours');
  store.discard();
  for (const stop of stops) stop();
  store.close();
  return undone ?? redone ?? store.version;
}

type Task = { id: string; title: string; status?: string };

async function tasks(project: string): Promise<string> {
  const manager = new OptimisticManager<Task>(client, { limit: 50, idOf: (task) => task.id });
  const channel = client.channel(`project:${project}`);
  const stop = manager.follow(channel, 'task');
  manager.on('change', (items) => items.map(({ title }) => title));
  manager.on('error', (error, { id, method }) => console.error(error.code, id, method));
  manager.on('id', (temporary, id) => void [temporary, id]);
  manager.on('stale', (id) => void id);
  await channel.subscribe();
  const { payload } = await client.call<{ tasks: Task[] }>('task.list', { project_id: project });
  manager.load(payload.tasks);
  const { id, done } = manager.create({ title: 'Call Ann' }, 'task.create', { project_id: project, title: 'Call Ann' });
  manager.update(id, { status: 'done' }, 'task.update', { id, status: 'done' });
  manager.update(id, (task) => ({ ...task, title: task.title.trim() }), 'task.update', { id });
  manager.delete(id, 'task.delete', { id });
  const answer = await done;
  stop();
  return manager.get(id)?.title ?? (manager.isPending(id) ? answer.key : manager.items[0].id);
}

export { edit, tasks };
