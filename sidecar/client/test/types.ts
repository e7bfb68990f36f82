// Everything of index.d.ts, used as an application does: tsc finds what does not fit.

import {
  RealtimeClient,
  RealtimeError,
  createRealtimeClient,
  type CallResult,
  type Channel,
  type ConnectionState,
  type Member,
  type Presence,
  type SyncStatus,
  type WireEvent,
} from '../index.js';

const client: RealtimeClient = createRealtimeClient({
  url: 'wss://example.com/realtime',
  getToken: async ({ reason }) => (reason === 'refused' ? null : 'token'),
  transports: ['websocket', 'sse', 'poll'],
  backoff: { base: 500, cap: 30000, stable: 10000 },
  callTimeout: 20000,
  queue: { limit: 100, ttl: 60000, persist: 'queue-of-ann' },
  onError: (error: unknown, where: string) => console.error(where, error),
  env: { now: Date.now, WebSocket: globalThis.WebSocket, window: null, navigator: { onLine: true } },
});
new RealtimeClient({ url: '/realtime', getToken: () => null });

const state: ConnectionState = client.state;
const sync: SyncStatus = client.sync;
const who: [string | null | undefined, string | null, string | null, number | null] = [
  client.user?.id,
  client.tenant,
  client.transport,
  client.latency,
];
const stop: (() => void)[] = [
  client.on('state', (now: ConnectionState, before: ConnectionState) => void [now, before]),
  client.on('sync', ({ pending, oldest }) => void [pending, oldest]),
  client.on('database', (up) => up === true),
  client.on('flow', ({ level, dropped }) => void [level, dropped]),
  client.on('resync', (channel) => channel.length),
  client.on('closed', ({ code, reason, retry }) => void [code, reason, retry]),
  client.on('frame', ({ direction, at, json }) => void [direction === 'in', at, json.type]),
];
// @ts-expect-error: there is no such event
client.on('opened', () => {});

async function use(): Promise<void> {
  await client.connect();
  const channel: Channel = client.channel('project:42');
  stop.push(channel.on<{ title: string }>('task.*', (event: WireEvent<{ title: string }>) => void event.payload.title));
  const { position, recovered, can } = await channel.subscribe({ since: '1.1:1:', types: ['task.*'] });
  channel.publish('cursor', { x: 1, y: 2, position, recovered, can });
  channel.unsubscribe();

  const presence: Presence = channel.presence();
  presence.on('sync', (users: Member[]) => users.map(({ id, name, status, connections, lastSeen, meta }) => [id, name, status, connections, lastSeen, meta]));
  presence.join({ status: 'active', meta: { colour: 'red' } });
  presence.update({ status: 'idle' });
  presence.watch()();
  presence.leave();
  const member: Member | undefined = presence.members.get('U');

  try {
    const signal = new AbortController().signal;
    const options = { key: 'k', order: 'task:1', timeout: 1000, queue: false, signal };
    const { payload, eventId, key }: CallResult<{ id: string }> = await client.call<{ id: string }>('task.create', {}, options);
    console.log(payload.id, eventId, key, member, await client.ping());
  } catch (error) {
    if (error instanceof RealtimeError) console.log(error.code, error.status, error.retry, error.retryAfter, error.details);
  }
  client.close();
}

export { state, sync, who, stop, use };
