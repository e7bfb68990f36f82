/**
 * @wrk-copilot/realtime/documents: blueprints, compared, merged and edited together; entities shown at once.
 *
 * Blueprints are documents as JSON has them: objects whose collections (`nodes`, `edges`, any member that is an
 * array of elements with ids of their own) are compared element by element. Numbers are those of JavaScript: 1.0 is
 * 1, and integers beyond 2^53 are not exact. What a function or an event gives is shared: do not change it.
 */

import type { Channel, RealtimeClient, RealtimeError, WireEvent } from '@wrk-copilot/realtime';

export type Id = string | number;
export type Blueprint = Record<string, any>;

/** Member names; leads through objects only. */
export type MemberPath = string[];

export interface ObjectChanges {
  set?: [MemberPath, any][];
  unset?: MemberPath[];
  /** Keyed arrays inside. */
  in?: ({ path: MemberPath } & ArrayChanges)[];
}

export interface ArrayChanges {
  added?: ({ id: Id } & Record<string, any>)[];
  updated?: ({ id: Id } & ObjectChanges)[];
  deleted?: Id[];
  /** Each element and the one before it, null for the front; one move after the other. */
  order?: [Id, Id | null][];
}

/** As wrk.blueprint_diff() has it: changes of each collection, and of all else in `meta`. */
export type Diff = { meta?: ObjectChanges } & { [collection: string]: ArrayChanges | ObjectChanges | undefined };

export interface UiOptions {
  /** Keys, or paths of keys, of elements that only say how they are shown; default those of React Flow. */
  ui?: (string | string[])[];
}

/** What changed; {} for nothing. */
export function diff(before: Blueprint, after: Blueprint, options?: UiOptions): Diff;

/** The document with the changes of a diff; what has not changed is shared with the one given. Throws `conflict`, `bad_request`. */
export function patch<D extends Blueprint>(document: D, diff: Diff): D;

/** Refuses what is no diff, as the server would: throws `bad_request` with details.path. patch() trusts its diff to be one. */
export function checkDiff(diff: unknown): asserts diff is Diff;

/** Without what only says how elements are shown. */
export function strip<D extends Blueprint>(document: D, options?: UiOptions): D;

export interface Conflict {
  kind: 'edit_edit' | 'edit_delete' | 'delete_edit' | 'add_add' | 'order' | 'dangling_edge';
  /** Names of members and ids of elements. */
  path: Id[];
  /** One that has no such value has no such member. */
  base?: any;
  ours?: any;
  theirs?: any;
  /** Of a dangling_edge: those that are gone. */
  nodes?: Id[];
}

/** Three-way merge. policy: lww (default, theirs win), ours, report (as ours), strict (throws `conflict`). */
export function merge(
  base: Blueprint,
  ours: Blueprint,
  theirs: Blueprint,
  options?: UiOptions & { policy?: 'lww' | 'ours' | 'report' | 'strict' },
): { result: Blueprint; conflicts: Conflict[]; dropped_edges: Id[] };

/** As this user sees it: ours is theirs who looks at it, theirs is the other's. */
export interface BlueprintConflict extends Conflict {
  /** Version at which it came about. */
  version: number;
  /** Who did what is theirs; null where that is not known. */
  by: string | null;
  /** What they are called; null where that is not told, though `by` may be. */
  name: string | null;
  /** Whose stands now. */
  won: 'ours' | 'theirs';
  /** Version that still has the nodes of a dangling edge. */
  at: number;
}

export interface StoreOptions {
  /** ms without an edit after which edits are sent, default 500; after four times that in any case. */
  delay?: number;
  onError?: (error: unknown, where: string) => void;
  env?: { setTimeout?: (run: () => void, ms: number) => unknown; clearTimeout?: (id: any) => void; now?: () => number; random?: () => number };
}

export interface StepAnswer {
  /** Version of the edit that was taken or brought back; null: there was none. */
  undone?: number | null;
  redone?: number | null;
  version?: number;
  changed?: boolean;
  conflicts?: Conflict[];
}

/** The blueprint of an automation version, edited by several people at once. */
export class BlueprintStore<D extends Blueprint = Blueprint> {
  constructor(client: RealtimeClient, id: string, options?: StoreOptions);
  readonly id: string;
  /** With local edits; null until it is there. The same object as long as it says the same. */
  readonly document: D | null;
  /** Of the server, that the document is built on; 0 until it is there. */
  readonly version: number;
  /** Of the automation version, when the document was read. */
  readonly status: string | null;
  /** Is there anything that is not saved? */
  readonly pending: boolean;
  /** Why the last edit was refused; the edit is still shown, and not saved. */
  readonly error: RealtimeError | null;
  /** Not decided yet; at most 100, the oldest are forgotten. */
  readonly conflicts: readonly BlueprintConflict[];
  /** Begins to follow it; resolves when the document is there. */
  open(): Promise<void>;
  /** Sends what is not sent, and follows no more once that is saved, or cannot be. */
  close(): void;
  /** The whole document as it shall be, or a function that changes a copy or returns another. Shown at once. */
  edit(change: D | ((draft: D) => D | void)): void;
  /** Sends now what was edited, and once more what was refused. */
  flush(): void;
  /** Resolves when everything is saved; rejects with the refusal. */
  saved(): Promise<void>;
  /** Forgets local edits that are not under way, those that were refused included. */
  discard(): void;
  /** Takes back one's own last edit; others' work is never overwritten: `strict` (default) rejects with `conflict`, `ours` leaves theirs. */
  undo(mode?: 'strict' | 'ours'): Promise<StepAnswer>;
  redo(mode?: 'strict' | 'ours'): Promise<StepAnswer>;
  /**
   * Decides a conflict by an edit. both: what one side deleted comes back; of an element there are two then, theirs
   * and a copy with ours; of what is in no element theirs stands as it is.
   */
  resolve(conflict: BlueprintConflict, choice: 'ours' | 'theirs' | 'both'): Promise<void>;
  on(event: 'change', fn: (document: D) => void): () => void;
  on(event: 'pending', fn: (pending: boolean) => void): () => void;
  on(event: 'conflicts', fn: (conflicts: readonly BlueprintConflict[]) => void): () => void;
  /** An edit was refused, or the document cannot be followed (any more). */
  on(event: 'error', fn: (error: RealtimeError) => void): () => void;
}

export interface Operation {
  /** Of the entity: a temporary one if it is to be created. */
  id: string;
  /** Idempotency key of the call. */
  key: string;
  /** The server's answer; rejects when it was refused and taken back. */
  done: Promise<{ id: string; payload: any; eventId: string | null; key: string }>;
}

export interface OptimisticOptions {
  /** Operations that are not confirmed; past it `queue_full`. Default 1000. */
  limit?: number;
  /** The id of what was created, of the answer's payload; default its `id`. */
  idOf?: (payload: any) => string;
  /** Which of two states of an entity is the later one, where what is heard may be older than what was read; default: the second. */
  later?: (known: any, heard: any) => any;
  onError?: (error: unknown, where: string) => void;
  env?: { now?: () => number; random?: () => number };
}

/** Entities with ids, shown as they will be: as confirmed, with all that is under way. */
export class OptimisticManager<T extends { id: string } = { id: string } & Record<string, any>> {
  constructor(client: RealtimeClient, options?: OptimisticOptions);
  /** In the order they were loaded or came; another array after every change. */
  readonly items: readonly T[];
  /** How many operations are not confirmed. */
  readonly pending: number;
  /** By its id, also a temporary one that has become real since. */
  get(id: string): T | undefined;
  isPending(id: string): boolean;
  /** How many operations the server has answered. */
  readonly answers: number;
  /**
   * What the server has, after subscribing and after `stale`; operations stay on top. answers: how many there were when reading
   * began, so that operations end whose events are among those that were missed.
   */
  load(entities: Iterable<T>, answers?: number): void;
  /** More of what the server has: an older page, for instance. */
  add(entities: Iterable<T>): void;
  /** Each is shown at once and called in its order; temporary ids in params are replaced before they are sent. */
  create(fields: Omit<T, 'id'>, method: string, params?: object): Operation;
  update(id: string, change: Partial<T> | ((entity: T) => T), method: string, params?: object): Operation;
  delete(id: string, method: string, params?: object): Operation;
  /** Hears `{name}.created`, `{name}.updated` and so on, until the returned function is called. */
  follow(channel: Channel, name: string): () => void;
  /** One such event, payload { id, data: the entity }. */
  take(event: WireEvent): void;
  on(event: 'change', fn: (items: readonly T[]) => void): () => void;
  /** An operation was refused and taken back. */
  on(event: 'error', fn: (error: RealtimeError, operation: { id: string; method: string }) => void): () => void;
  on(event: 'id', fn: (temporary: string, id: string) => void): () => void;
  /** The entity (null: all) must be read again: too large for an event, or events were missed. */
  on(event: 'stale', fn: (id: string | null) => void): () => void;
}
