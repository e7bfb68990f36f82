/**
 * @wrk-copilot/realtime/react: hooks for React 18 and later.
 *
 * What they follow is followed while a component that uses it is mounted, and half a second longer; components that
 * name the same thing share it. An id or name of null is nothing: nothing is subscribed to, and what a hook gives is
 * empty. Functions are the same at every rendering for the same id. What they return may be ignored: a refusal is in
 * `error`, too. After unmounting nothing is told any more.
 */

import type { ReactElement, ReactNode } from 'react';

import type {
  CallOptions,
  Channel,
  ConnectionState,
  Member,
  RealtimeClient,
  RealtimeError,
  SyncStatus,
  TransportName,
  WireEvent,
} from '@wrk-copilot/realtime';
import type {
  Cursor,
  Me,
  Message,
  MessageState,
  MessageThread,
  MessageType,
  Notification,
  Project,
  SendOptions,
  Step,
  Task,
  TaskFields,
  VersionRow,
} from '@wrk-copilot/realtime/app';
import type { Blueprint, BlueprintConflict, BlueprintStore, StepAnswer, StoreOptions } from '@wrk-copilot/realtime/documents';

type Maybe<T> = T | null | undefined;

/** Gives the client to the hooks below it. Closing it is up to whoever made it. */
export function RealtimeProvider(props: { client: RealtimeClient; children?: ReactNode }): ReactElement;

/** The client of the nearest provider; throws without one. */
export function useRealtime(): RealtimeClient;

/** database is false while the server has lost its own; latency is the last round trip in ms. */
export function useConnectionStatus(): {
  state: ConnectionState;
  transport: TransportName | null;
  sync: SyncStatus;
  latency: number | null;
  database: boolean;
};

/** Subscribes while mounted. */
export function useChannel(
  name: Maybe<string>,
  options?: { types?: string[] },
): { channel: Channel | null; state: Channel['state']; error: RealtimeError | null };

/** Subscribes, and hears events of this type (`task.*`, `*`) while mounted. The handler may be another at every rendering. */
export function useEvent<P = any>(name: Maybe<string>, type: string, handler: (event: WireEvent<P>) => void): void;

/** isPending: a call of this component is under way. error: of the last one that failed, until the next one, or reset(). */
export function useCall<R = any>(
  method: string,
): {
  call(params?: object, options?: CallOptions): Promise<R>;
  isPending: boolean;
  error: RealtimeError | null;
  reset(): void;
};

export function useProjectRealtime(projectId: Maybe<string>): {
  project: Project | null;
  isLoaded: boolean;
  error: RealtimeError | null;
  refetch(): Promise<void>;
};

/** mode: pending (default) keeps the status until a step was taken, optimistic shows the new one at once. */
export function useAutomationVersion(
  versionId: Maybe<string>,
  options?: { mode?: 'pending' | 'optimistic' },
): {
  /** Without its blueprint. */
  version: VersionRow | null;
  status: string | null;
  /** What this user may do next, as the database says it. */
  allowed: readonly Step[];
  isPending: boolean;
  isLoaded: boolean;
  /** The database's reason, when the last step was refused. */
  error: RealtimeError | null;
  transition(to: string, note?: string): Promise<void>;
  refetch(): Promise<void>;
};

/** options count when the first component that names the version is mounted. store: null until it is there. */
export function useBlueprint<D extends Blueprint = Blueprint>(
  versionId: Maybe<string>,
  options?: StoreOptions,
): {
  store: BlueprintStore<D> | null;
  document: D | null;
  version: number;
  /** Of the automation version, live. */
  status: string | null;
  pending: boolean;
  conflicts: readonly BlueprintConflict[];
  error: RealtimeError | null;
  /** Throws while there is no document. */
  edit(change: D | ((draft: D) => D | void)): void;
  undo(mode?: 'strict' | 'ours'): Promise<StepAnswer>;
  redo(mode?: 'strict' | 'ours'): Promise<StepAnswer>;
  resolve(conflict: BlueprintConflict, choice: 'ours' | 'theirs' | 'both'): Promise<void>;
  saved(): Promise<void>;
};

/** me: be there while mounted; null or absent: only watch. It may be a new object at every rendering. */
export function usePresence(
  resource: Maybe<string>,
  me?: Me | null,
): {
  /** This user first, the others by name. */
  members: readonly Member[];
  self: Member | null;
  /** "3 viewing" */
  count: number;
  error: RealtimeError | null;
  /** Says something new of oneself, until `me` is another. */
  update(me: Me): void;
  /** ms; null if it is not known. */
  lastSeen(id: string): number | null;
};

/** type() at every key; others' typing ends by itself. */
export function useTyping(resource: Maybe<string>): { typists: readonly Member[]; type(): void; stop(): void };

/** move() at every movement. type: of the ephemeral event, default cursor. */
export function useCursors<Data extends Record<string, any> = Record<string, any>>(
  resource: Maybe<string>,
  options?: { type?: string; expiry?: number },
): {
  cursors: readonly Cursor<Data>[];
  move(data: Data & { x: number; y: number }): void;
  hide(): void;
};

/** projectId: also automation_version:ID, chat:ID and workspace:ID. type: shows only these, and sends so. */
export function useMessages(
  projectId: Maybe<string>,
  options?: { type?: MessageType; page?: number },
): {
  /** Oldest first. Use `key` for lists: it stays when the id comes. */
  messages: readonly Message[];
  unread: number;
  /** Is that the server's number yet? */
  isCounted: boolean;
  hasOlder: boolean;
  isLoadingOlder: boolean;
  isLoaded: boolean;
  error: RealtimeError | null;
  send(body: string, options?: SendOptions): Promise<string>;
  retry(id: string): Promise<string>;
  discard(id: string): void;
  edit: MessageThread['edit'];
  remove(id: string): Promise<void>;
  markRead(id?: string): void;
  stateOf(message: Message | string): MessageState | undefined;
  loadOlder(): Promise<void>;
};

/** projectId: also automation_version:ID. cancelled: show those, too. */
export function useTasks(
  projectId: Maybe<string>,
  options?: { cancelled?: boolean },
): {
  /** Newest first. Use `key` for lists: it stays when the id comes. */
  tasks: readonly Task[];
  hasMore: boolean;
  pending: number;
  isLoaded: boolean;
  error: RealtimeError | null;
  create(fields: TaskFields & { title: string }): Promise<void>;
  update(id: string, fields: TaskFields): Promise<void>;
  toggle(id: string): Promise<void>;
  /** Cancels it. */
  remove(id: string): Promise<void>;
  isPending(id: string): boolean;
};

export function useNotifications(): {
  /** Newest first. */
  items: readonly Notification[];
  unread: number;
  hasMore: boolean;
  isLoaded: boolean;
  error: RealtimeError | null;
  markRead(id: string | 'all'): Promise<void>;
  loadMore(): Promise<void>;
};

/** How many messages are unread; live for the threads that are named. */
export function useUnread(watch?: string[]): {
  total: number;
  threads: readonly { kind: string; id: string; unread: number }[];
  of(resource: string): number;
};
