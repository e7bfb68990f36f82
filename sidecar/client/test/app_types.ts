// Everything of app.d.ts and react.d.ts, used as an application does: tsc finds what does not fit.

import { RealtimeError, createRealtimeClient, type Channel, type ConnectionState, type Member, type WireEvent } from '@wrk-copilot/realtime';
import {
  Cursors,
  MessageThread,
  Notifications,
  PresenceManager,
  ProjectStore,
  StatusChip,
  TaskList,
  Typing,
  UnreadCounts,
  type Cache,
  type Message,
  type MessageState,
  type MessagesState,
  type Step,
  type Task,
} from '@wrk-copilot/realtime/app';
import type { BlueprintConflict, BlueprintStore } from '@wrk-copilot/realtime/documents';
import {
  RealtimeProvider,
  useAutomationVersion,
  useBlueprint,
  useCall,
  useChannel,
  useConnectionStatus,
  useCursors,
  useEvent,
  useMessages,
  useNotifications,
  usePresence,
  useProjectRealtime,
  useRealtime,
  useTasks,
  useTyping,
  useUnread,
} from '@wrk-copilot/realtime/react';

const client = createRealtimeClient({ url: 'wss://example.com', getToken: () => null });
const options = { onError: (error: unknown, where: string) => console.error(where, error), env: { now: Date.now } };

async function caches(): Promise<void> {
  const thread = new MessageThread(client, 'project:42', { ...options, type: 'client', page: 50, most: 2000 });
  const stop: () => void = thread.on('change', (state: MessagesState) => state.messages.length);
  thread.on('error', (error: RealtimeError) => error.code);
  await thread.open();
  const id: string = await thread.send('hello', { mentions: ['U'], tags: ['x'], attachments: [{ name: 'a', url: 'https://x' }], anchor: { node: 'n1', path: ['data'] } });
  await thread.retry(id);
  await thread.edit(id, 'hello!');
  await thread.edit(id, { body: 'hello!', tags: [] });
  await thread.remove(id);
  await thread.loadOlder();
  thread.discard(id);
  thread.markRead();
  thread.markRead(id);
  const message: Message | undefined = thread.state.messages[0];
  const state: MessageState | undefined = message && thread.stateOf(message);
  // @ts-expect-error: what is shown is not to be changed
  thread.state.messages.push(message);

  const tasks = new TaskList(client, 'automation_version:7', { cancelled: true, most: 100 });
  await tasks.create({ title: 'Call Ann', priority: 'high', due_at: null });
  // @ts-expect-error: a task has a title
  await tasks.create({ priority: 'high' });
  await tasks.update('1', { status: 'done', assignee_id: 'U' });
  await tasks.toggle('1');
  await tasks.remove('1');
  const task: Task | undefined = tasks.state.tasks[0];
  const isPending: boolean = tasks.isPending('1') || tasks.state.hasMore || tasks.state.pending > 0;

  const chip = new StatusChip(client, '7', { mode: 'optimistic' });
  const steps: readonly Step[] = chip.state.allowed;
  await chip.transition(steps[0].to, steps[0].needsReason ? 'because' : undefined);
  const status: [string | null, string | undefined, boolean] = [chip.state.status, chip.state.version?.automation_name, chip.state.isPending];

  const project = new ProjectStore(client, '42');
  await project.refetch();
  const names: (string | null)[] = project.state.project?.members.map(({ name }) => name) ?? [];

  const list = new Notifications(client, { page: 20, most: 100 });
  await list.markRead('all');
  await list.loadMore();
  const kinds: string[] = list.state.items.map(({ kind, read_at }) => kind + read_at);

  const counts = new UnreadCounts(client, { watch: ['project:42'] });
  const total: number = counts.of('project:42') + counts.state.total + counts.state.threads.length;

  const presence = new PresenceManager(client, 'project:42', { idle: 30000 });
  const place = presence.enter({ status: 'active', meta: { colour: 'teal' } });
  place.update({ meta: { colour: 'red' } });
  place.leave();
  presence.on('leave', (users: Member[]) => users.length);
  const viewing: [number, Member | null, number | null] = [presence.state.count, presence.state.self, presence.lastSeen('U')];

  const typing = new Typing(client, 'project:42', { presence });
  typing.type();
  typing.stop();
  const cursors = new Cursors<{ node?: string }>(client, 'project:42', { presence, type: 'cursor', expiry: 5000 });
  cursors.move({ x: 1, y: 2, node: 'n1' });
  // @ts-expect-error: a cursor is somewhere
  cursors.move({ node: 'n1' });
  cursors.hide();
  const where: (string | number | undefined)[] = cursors.state.cursors.flatMap(({ x, y, at, node, user }) => [x, y, at, node, user.id]);

  const all: Cache<unknown>[] = [thread, tasks, chip, project, list, counts, presence, typing, cursors];
  for (const cache of all) cache.close();
  console.log(stop, state, task, isPending, status, names, kinds, total, viewing, typing.state.typists, where);
}

function Everything({ projectId }: { projectId: string | null }) {
  const status = useConnectionStatus();
  const state: ConnectionState = status.state;
  const { channel, error }: { channel: Channel | null; error: RealtimeError | null } = useChannel('project:42', { types: ['task.*'] });
  useEvent<{ id: string }>('project:42', 'task.*', (event: WireEvent<{ id: string }>) => event.payload.id);
  useEvent(null, '*', () => {});
  const create = useCall<{ id: string }>('task.create');
  const made: Promise<{ id: string }> = create.call({ title: 'x' }, { key: 'k' });
  create.reset();
  const { project, refetch } = useProjectRealtime(projectId);
  const version = useAutomationVersion('7', { mode: 'pending' });
  version.transition('paused', 'because').catch(() => refetch());
  const blueprint = useBlueprint<{ nodes: { id: string }[] }>('7', { delay: 200 });
  const store: BlueprintStore<{ nodes: { id: string }[] }> | null = blueprint.store;
  blueprint.edit((draft) => void draft.nodes.push({ id: 'n1' }));
  const conflict: BlueprintConflict | undefined = blueprint.conflicts[0];
  if (conflict) void blueprint.resolve(conflict, 'both').then(() => blueprint.undo('ours')).then(() => blueprint.saved());
  const { members, self, count, update, lastSeen } = usePresence('project:42', { meta: { colour: 'red' } });
  usePresence('project:42');
  usePresence(null, null);
  update({ status: 'away' });
  const { typists, type } = useTyping('project:42');
  const { cursors, move, hide } = useCursors<{ node: string }>('project:42', { type: 'cursor' });
  move({ x: 1, y: 1, node: 'n1' });
  hide();
  const thread = useMessages('42', { type: 'ops' });
  const ids: string[] = thread.messages.map(({ key, state: how, id }) => key + how + id + thread.stateOf(id));
  void thread.send('x', { type: 'internal_note' }).then(() => thread.loadOlder());
  void thread.edit('1', { body: 'y' });
  const tasks = useTasks('42', { cancelled: true });
  void tasks.create({ title: 'x' }).then(() => tasks.toggle('1'));
  const { items, unread, markRead, loadMore } = useNotifications();
  void markRead('all').then(loadMore);
  const { of } = useUnread(['project:42']);
  // @ts-expect-error: there is no such mode
  useAutomationVersion('7', { mode: 'eager' });
  type();
  console.log(useRealtime().state, state, channel, error, made, project?.name, store, members, self, count, lastSeen('U'), typists, cursors[0]?.node, ids, items, unread, of('project:42'), version.allowed);
  return RealtimeProvider({ client, children: null });
}

export { caches, Everything };
