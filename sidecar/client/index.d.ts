/**
 * @wrk-copilot/realtime: the browser's side of wrk.v1.
 *
 * One client is one person on one page: one connection, however many channels. Times are milliseconds,
 * positions are opaque strings, ids are decimal strings. Every on() returns its unsubscribe.
 */

export type ConnectionState =
  | 'idle' // nothing asked for yet
  | 'connecting' // first attempt
  | 'connected'
  | 'reconnecting' // lost, another attempt is under way or waits
  | 'offline' // the browser says that there is no network
  | 'polling' // connected, by long polling, because sockets and streams are blocked
  | 'unauthorized' // no token is accepted any more; connect() begins anew
  | 'closed'; // close() was called, or the server said stop; connect() begins anew

/** What waits to be confirmed by the server; pending 0 = synced. oldest: when that was called. */
export type SyncStatus = { pending: number; oldest: number | null };

export type TransportName = 'websocket' | 'sse' | 'poll';

export interface ClientOptions {
  /** ws:, wss:, http: or https: address of the gateway. */
  url: string;
  /** Called for every attempt and at 80 % of the life of the token before; null = nobody is logged in. */
  getToken: (why: { reason: 'connect' | 'refresh' | 'refused' }) => string | null | Promise<string | null>;
  /** In the order they are tried; default all three. */
  transports?: TransportName[];
  /** 500, 30000; the delay begins anew after `stable` (10000) of connection. */
  backoff?: { base?: number; cap?: number; stable?: number };
  /** How long an answer may take, default 20000. */
  callTimeout?: number;
  /** 1000 calls, 24 h. persist: name of the IndexedDB store, one for each user; false (default): memory only. */
  queue?: { limit?: number; ttl?: number; persist?: false | string };
  /** What a listener threw, and where; default console.error. */
  onError?: (error: unknown, where: string) => void;
  /** For tests. */
  env?: Environment;
}

/** What the client takes from its surroundings; every member replaces the global of the same name. */
export interface Environment {
  now?: () => number;
  setTimeout?: (run: () => void, ms: number) => unknown;
  clearTimeout?: (id: any) => void;
  random?: () => number;
  WebSocket?: unknown;
  fetch?: unknown;
  window?: EventTarget | null;
  document?: (EventTarget & { visibilityState?: string }) | null;
  navigator?: { onLine?: boolean; locks?: LockManager } | null;
  indexedDB?: IDBFactory | null;
}

/** Why something was refused or did not happen. */
export class RealtimeError extends Error {
  constructor(payload: {
    code?: string;
    status?: number;
    message?: string;
    hint?: string;
    retry?: string;
    retryAfter?: number;
    details?: Record<string, unknown>;
  });
  code: string;
  status: number;
  /** What to do about it, for people, in the words of the database. */
  hint?: string;
  retry: 'no' | 'backoff' | 'refetch' | 'refresh';
  retryAfter: number;
  details: Record<string, unknown>;
}

export interface WireEvent<P = any> {
  type: string;
  channel: string;
  id?: string;
  payload: P;
  sender_id?: string;
  timestamp?: number;
  key?: string;
  ephemeral?: true;
}

export interface CallOptions {
  /** Idempotency key; made unless given, except for reads. */
  key?: string;
  /** Calls of the same order are made one after the other, in the order of call(). */
  order?: string;
  /** How long to wait in all, offline included; without it a queued call waits for queue.ttl. */
  timeout?: number;
  /** May it wait offline? Default: yes, unless the method's last word says that it only reads. */
  queue?: boolean;
  signal?: AbortSignal;
}

/** The payload of `result`; eventId is the id of the last event that the call produced. */
export type CallResult<R> = { payload: R; eventId: string | null; key: string | null };

export class RealtimeClient {
  constructor(options: ClientOptions);
  readonly state: ConnectionState;
  readonly sync: SyncStatus;
  readonly user: { id: string | null; roles: string[] } | null;
  readonly tenant: string | null;
  readonly transport: TransportName | null;
  /** The last round trip. */
  readonly latency: number | null;
  /** The client's own life; 'frame' is every frame both ways, for inspectors. */
  on(event: 'state', fn: (state: ConnectionState, before: ConnectionState) => void): () => void;
  on(event: 'sync', fn: (status: SyncStatus) => void): () => void;
  on(event: 'database', fn: (up: boolean) => void): () => void;
  on(event: 'flow', fn: (flow: { level: number; dropped: Record<string, number> }) => void): () => void;
  /** Recovery was impossible: read the state again. */
  on(event: 'resync', fn: (channel: string) => void): () => void;
  on(event: 'closed', fn: (bye: { code: number; reason: string; retry: string }) => void): () => void;
  on(event: 'frame', fn: (frame: { direction: 'in' | 'out'; at: number; json: any }) => void): () => void;
  /** Resolves when connected; also begun by the first subscribe or call. Rejects when it ends unauthorized or closed. */
  connect(): Promise<void>;
  close(): void;
  /** The same object for the same name. */
  channel(name: string): Channel;
  /** Runs `method` as the user. Offline it waits in the queue (bounded, FIFO per `order`, with a key made for it). */
  call<R = any>(method: string, params?: object, options?: CallOptions): Promise<CallResult<R>>;
  /** Asks the server; resolves with the round trip. */
  ping(): Promise<number>;
}

export interface Channel {
  readonly name: string;
  readonly canonical: string | null;
  readonly state: 'idle' | 'subscribing' | 'subscribed' | 'refused';
  readonly position: string | null;
  readonly can: string[];
  /** 'task.updated' | 'task.*' | '*' hear events; 'subscribed' | 'unsubscribed' | 'resync' the channel's own life. */
  on<P = any>(type: string, fn: (event: WireEvent<P>) => void): () => void;
  /** Reference-counted: as many unsubscribe() as subscribe() that resolved leave the channel. */
  subscribe(options?: {
    since?: string;
    types?: string[];
  }): Promise<{ position: string; recovered: boolean; can: string[] }>;
  unsubscribe(): void;
  /** Ephemeral: sent now or never, throttled, never queued. */
  publish(type: string, data: unknown): void;
  /** Of presence:{resource}; the same object. */
  presence(): Presence;
}

export interface Member {
  id: string;
  name: string | null;
  status: 'active' | 'idle' | 'away';
  connections: number;
  lastSeen: number;
  meta: Record<string, unknown>;
}

export interface Presence {
  readonly members: ReadonlyMap<string, Member>;
  join(me?: { status?: Member['status']; meta?: object }): void;
  update(me: { status?: Member['status']; meta?: object }): void;
  leave(): void;
  /** Watches without being there, until the returned function is called. */
  watch(): () => void;
  on(event: 'sync' | 'join' | 'update' | 'leave', fn: (users: Member[]) => void): () => void;
}

export function createRealtimeClient(options: ClientOptions): RealtimeClient;
