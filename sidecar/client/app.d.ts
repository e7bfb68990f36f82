/**
 * @wrk-copilot/realtime/app: what the screens of WRK Copilot show, kept up to date: threads of messages, tasks, the
 * status of an automation version, a project, notifications; who is there, who types, where their cursors are.
 *
 * Each is opened, has a `state` that is the same object until something in it has changed, tells of changes by
 * the event `change`, and is closed. Objects in a state are shared: do not change them. Rows are as the server's calls
 * answer them; ids are strings, times are ISO 8601 unless they are called ms.
 *
 * A resource is the name of its channel: project:ID, automation_version:ID, chat:ID, workspace:ID.
 */

import type { Environment, Member, RealtimeClient, RealtimeError } from '@wrk-copilot/realtime';

export interface CacheOptions {
  /** What a listener threw, and where; default console.error. */
  onError?: (error: unknown, where: string) => void;
  /** For tests. */
  env?: Environment;
}

/** What all of them have in common. */
export interface Cache<State> {
  /** The same object until something in it has changed. */
  readonly state: State;
  /**
   * Begins to follow; resolves when the state is there, rejects with the refusal. After a refusal, a new connection asks
   * again by itself. Again after close() is fine.
   */
  open(): Promise<void>;
  /** Follows no more. Calls that are under way are made all the same. */
  close(): void;
  /** Reads again; also done by itself when events were missed. */
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: State) => void): () => void;
  /** Something was refused: reading, following, or what was done. */
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

interface Loaded {
  /** Has it been read? */
  isLoaded: boolean;
  /** The last refusal; null again when the same has been done. */
  error: RealtimeError | null;
}

// ---------- project ----------

export type ProjectRight =
  | 'create_task'
  | 'update_task'
  | 'send_client'
  | 'send_ops'
  | 'send_internal_note'
  | 'delete_message'
  | 'update'
  | 'manage'
  | 'read_audit_log';

export interface Project {
  id: string;
  name: string;
  status: string;
  kind: string;
  owner_id: string | null;
  automation_id: string | null;
  automation_version_id: string | null;
  checklist_progress: number;
  pricing_status: string;
  members: { user_id: string; name: string | null; role: string }[];
  /**
   * What this user may do here, as the database says it: offer nothing else. update_task is about anybody's task;
   * one's own may be changed in any case. Read with the project, and again when roles have changed.
   */
  can: readonly ProjectRight[];
  [column: string]: any;
}

export type ProjectState = Loaded & { project: Project | null };

/** A project's row and members. Who takes part is read when it is opened, and by refetch(). */
export class ProjectStore implements Cache<ProjectState> {
  constructor(client: RealtimeClient, projectId: string, options?: CacheOptions);
  readonly state: ProjectState;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: ProjectState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

// ---------- status ----------

/** A step that may be taken now, as the database says it. */
export interface Step {
  /** Status it leads to, or `previous`. */
  to: string;
  /** What the step is called: "Hand over to QA". */
  label: string;
  /** What the status is called: "QA & Testing". */
  stateLabel: string;
  needsReason: boolean;
  /** Leads back to where it came from. */
  returns: boolean;
}

export interface VersionRow {
  id: string;
  status: string;
  number: number;
  automation_id: string;
  automation_name: string;
  [column: string]: any;
}

export type StatusState = Loaded & {
  /** Without the blueprint, which is BlueprintStore's. */
  version: VersionRow | null;
  status: string | null;
  allowed: readonly Step[];
  /** Is a step of ours under way? */
  isPending: boolean;
};

/** Status of an automation version, and the steps that this user may take from there. */
export class StatusChip implements Cache<StatusState> {
  /** mode: pending (default) keeps the status until a step was taken, optimistic shows the new one at once. */
  constructor(client: RealtimeClient, versionId: string, options?: CacheOptions & { mode?: 'pending' | 'optimistic' });
  readonly state: StatusState;
  /**
   * Takes a step; resolves when it was taken. Rejects with the database's reason, such as invalid_transition with
   * details.allowed, and with `conflict` when the status is not the one that is shown any more.
   */
  transition(to: string, note?: string): Promise<void>;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: StatusState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

// ---------- tasks ----------

export interface Task {
  /** A temporary one until the server has given it one. */
  id: string;
  /** The same for the whole life of the task on this page. */
  key: string;
  title: string;
  status: 'open' | 'in_progress' | 'done' | 'cancelled';
  kind: string;
  description: string | null;
  assignee_id: string | null;
  /** What the assignee was called when the task was given to them; null while that is not known. */
  assignee_name: string | null;
  due_at: string | null;
  priority: 'low' | 'normal' | 'high' | 'urgent';
  [column: string]: any;
}

export type TaskFields = Partial<Pick<Task, 'title' | 'description' | 'status' | 'assignee_id' | 'due_at' | 'priority' | 'kind'>>;

export type TasksState = Loaded & {
  /** Newest first, as the server has them; those that are being made are first of all. */
  tasks: readonly Task[];
  /** Are there more than were read? */
  hasMore: boolean;
  /** How many operations are not confirmed. */
  pending: number;
};

/** Tasks of a project or an automation version; what is done to them is shown at once. */
export class TaskList implements Cache<TasksState> {
  /** cancelled: show those, too. most: how many are read, default 1000. */
  constructor(client: RealtimeClient, resource: string, options?: CacheOptions & { cancelled?: boolean; most?: number });
  readonly state: TasksState;
  /** Each resolves when it is confirmed, and rejects when it was refused and taken back. */
  create(fields: TaskFields & { title: string }): Promise<void>;
  update(id: string, fields: TaskFields): Promise<void>;
  /** done, or open again. */
  toggle(id: string): Promise<void>;
  /** Cancels it: tasks are not deleted. */
  remove(id: string): Promise<void>;
  isPending(id: string): boolean;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: TasksState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

// ---------- messages ----------

export type MessageType = 'client' | 'ops' | 'internal_note' | 'system' | 'chat';

/** failed: see `error`, and retry(). Of others' messages: read or delivered, by oneself. */
export type MessageState = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

export interface Message {
  /** A temporary one (that of `key`) until the server has given it one. */
  id: string;
  /** The same for the whole life of the message on this page. */
  key: string;
  state: MessageState;
  /** Why it failed, and only then. */
  error?: RealtimeError;
  /** Is an edit, or its being deleted, not confirmed yet? */
  isPending: boolean;
  isOwn: boolean;
  type: MessageType;
  /** Empty when it was deleted. */
  body: string;
  author_id: string | null;
  /** What the author was called then; null of the system, and while it is being sent. */
  author_name: string | null;
  created_at: string;
  edited_at: string | null;
  deleted_at: string | null;
  attachments: { name: string; url: string; type?: string; size?: number }[];
  tags: string[];
  mentions: string[];
  anchor: { node?: string; edge?: string; section?: string; path?: string[] } | null;
  [column: string]: any;
}

export interface SendOptions {
  type?: MessageType;
  attachments?: Message['attachments'];
  tags?: string[];
  mentions?: string[];
  anchor?: Message['anchor'];
}

export type MessagesState = Loaded & {
  /** Oldest first, in the server's order; those that are being sent, or have failed, are last. */
  messages: readonly Message[];
  /** Others' messages that this user has not read; with `type` only of that. */
  unread: number;
  /** Is that the server's number? Until it has been asked, all that is there counts as unread. */
  isCounted: boolean;
  hasOlder: boolean;
  isLoadingOlder: boolean;
};

/** The messages of a project, an automation version or a room. */
export class MessageThread implements Cache<MessagesState> {
  /** type: shows only these, and sends so. page: messages a page, default 50, up to 200. most: that are kept, default 2000. */
  constructor(client: RealtimeClient, resource: string, options?: CacheOptions & { type?: MessageType; page?: number; most?: number });
  readonly state: MessagesState;
  /** Shown at once; resolves with the id. Rejects when it was refused: it is still shown, as failed. */
  send(body: string, options?: SendOptions): Promise<string>;
  /** Sends one that has failed once more, with the same key: it cannot be there twice. */
  retry(id: string): Promise<string>;
  /** Gives up one that has failed. */
  discard(id: string): void;
  edit(id: string, change: string | { body?: string; attachments?: Message['attachments']; tags?: string[]; mentions?: string[] }): Promise<void>;
  /** It stays in the thread, empty, with deleted_at. */
  remove(id: string): Promise<void>;
  /** Everything up to this message (default: the last one) is read. Calls soon after one another are one. */
  markRead(id?: string): void;
  stateOf(message: Message | string): MessageState | undefined;
  /** Resolves when older ones are there; at once if there are none. */
  loadOlder(): Promise<void>;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: MessagesState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

export type UnreadState = Loaded & {
  /** 100 of a thread means at least that many. */
  total: number;
  threads: readonly { kind: string; id: string; unread: number }[];
};

/** How many messages are unread in each thread; live for those named by `watch`, the others when it is read again. */
export class UnreadCounts implements Cache<UnreadState> {
  constructor(client: RealtimeClient, options?: CacheOptions & { watch?: string[] });
  readonly state: UnreadState;
  /** Of a thread, by its resource. */
  of(resource: string): number;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: UnreadState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

// ---------- notifications ----------

export interface Notification {
  id: string;
  kind: 'mention' | 'change' | 'conflict' | 'presence' | 'chat' | 'system' | 'quote' | 'build_complete' | 'blocked' | 'alert';
  title: string;
  payload: Record<string, any>;
  resource_type: string | null;
  resource_id: string | null;
  created_at: string;
  read_at: string | null;
}

export type NotificationsState = Loaded & {
  /** Newest first. */
  items: readonly Notification[];
  /** Counted up to 1000. */
  unread: number;
  hasMore: boolean;
};

/** The user's own notifications. */
export class Notifications implements Cache<NotificationsState> {
  /** page: how many are read at once, default 50. most: how many are kept, default 500. */
  constructor(client: RealtimeClient, options?: CacheOptions & { page?: number; most?: number });
  readonly state: NotificationsState;
  /** One, or all that were there when this was called; shown at once. Rejects when it was refused and taken back. */
  markRead(id: string | 'all'): Promise<void>;
  loadMore(): Promise<void>;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: NotificationsState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

// ---------- presence, typing, cursors ----------

export type PresenceState = {
  /** This user first, the others by name. */
  members: readonly Member[];
  self: Member | null;
  /** How many people are there: "3 viewing". */
  count: number;
  error: RealtimeError | null;
};

export interface Me {
  /** Without it, what the page does says it: active, idle after a minute without input, away while it is hidden. */
  status?: Member['status'];
  /** Whatever others need to show one, up to 2 KB as JSON. */
  meta?: Record<string, any>;
}

/** Who is at a resource. */
export class PresenceManager implements Cache<PresenceState> {
  /** idle: ms without input, default 60000. */
  constructor(client: RealtimeClient, resource: string, options?: CacheOptions & { idle?: number });
  readonly state: PresenceState;
  /** Be there, until leave(). Who enters more than once is there until all have left; their metas are laid over one another. */
  enter(me?: Me): { update(me: Me): void; leave(): void };
  /** Who has left, as far as it is known. */
  on(event: 'leave', fn: (users: Member[]) => void): () => void;
  /** When somebody who is not there (any more) was last seen, ms; null if that is not known. */
  lastSeen(id: string): number | null;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: PresenceState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

export type TypingState = { typists: readonly Member[]; error: RealtimeError | null };

/** Who types. */
export class Typing implements Cache<TypingState> {
  /** presence: where names come from; without one typists have ids alone. Opened and closed by whoever made it. */
  constructor(client: RealtimeClient, resource: string, options?: CacheOptions & { presence?: PresenceManager });
  readonly state: TypingState;
  /** Call it at every key: others are told now and then, and that it is over when it was not called for 4 s. */
  type(): void;
  /** It is over: sent, or emptied. */
  stop(): void;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: TypingState) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

export type Cursor<Data = Record<string, any>> = Data & {
  user: Member;
  x: number;
  y: number;
  /** When it was last heard of, ms. */
  at: number;
};

export type CursorsState<Data = Record<string, any>> = { cursors: readonly Cursor<Data>[]; error: RealtimeError | null };

/** Others' cursors, the last of each. */
export class Cursors<Data extends Record<string, any> = Record<string, any>> implements Cache<CursorsState<Data>> {
  /** type: of the ephemeral event, default cursor. expiry: ms after which one that is not heard of is gone, default 10000. */
  constructor(
    client: RealtimeClient,
    resource: string,
    options?: CacheOptions & { presence?: PresenceManager; type?: string; expiry?: number },
  );
  readonly state: CursorsState<Data>;
  /** Call it at every movement: sent at most every 50 ms, the last one always. */
  move(data: Data & { x: number; y: number }): void;
  /** The others do not see it any more. */
  hide(): void;
  open(): Promise<void>;
  close(): void;
  refetch(): Promise<void>;
  on(event: 'change', fn: (state: CursorsState<Data>) => void): () => void;
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}
