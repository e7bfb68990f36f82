import { useEffect, useMemo, useRef } from 'react';

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
} from '../src/app.js';
import { needed, told, useShared } from './shared.js';

const LIST = { isLoaded: false, error: null };
const NONE = {
  project: { project: null, ...LIST },
  status: { version: null, status: null, allowed: [], isPending: false, ...LIST },
  tasks: { tasks: [], hasMore: false, pending: 0, ...LIST },
  messages: { messages: [], unread: 0, hasOlder: false, isLoadingOlder: false, ...LIST },
  unread: { total: 0, threads: [], ...LIST },
  notifications: { items: [], unread: 0, hasMore: false, ...LIST },
  presence: { members: [], self: null, count: 0, error: null },
  typing: { typists: [], error: null },
  cursors: { cursors: [], error: null },
};

const keyOf = (id, options) => (id ? `${id} ${JSON.stringify(options)}` : null);

// an id alone is that of a project
const resourceOf = (id) => (id ? (id.includes(':') ? id : `project:${id}`) : null);

/**
 * A store's state with functions of its own. `later` are those that give a promise, `now` those that do their work at
 * once; without a store the ones are refused, and the others do nothing.
 */
function useStore(kind, key, make, { later = [], now = [] }) {
  const [state, store] = useShared(kind, key, make, NONE[kind]);
  const actions = useMemo(() => {
    const promised = (name) => (...all) => told(new Promise((done) => done(needed(store())[name](...all))));
    const done = (name) => (...all) => store()?.[name](...all);
    return Object.fromEntries([...later.map((name) => [name, promised(name)]), ...now.map((name) => [name, done(name)])]);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the names are always the same
  }, [store]);
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}

/** See react.d.ts for all of these. */
export function useProjectRealtime(projectId) {
  return useStore('project', projectId || null, (client) => new ProjectStore(client, projectId), { later: ['refetch'] });
}

export function useAutomationVersion(versionId, { mode = 'pending' } = {}) {
  const make = (client) => new StatusChip(client, versionId, { mode });
  return useStore('status', keyOf(versionId, mode), make, { later: ['transition', 'refetch'] });
}

export function useTasks(projectId, { cancelled = false } = {}) {
  const resource = resourceOf(projectId);
  const make = (client) => new TaskList(client, resource, { cancelled });
  const later = ['create', 'update', 'toggle', 'remove'];
  const { isPending, ...rest } = useStore('tasks', keyOf(resource, cancelled), make, { later, now: ['isPending'] });
  return useMemo(() => ({ ...rest, isPending: (id) => isPending(id) ?? false }), Object.values(rest));
}

export function useMessages(projectId, { type, page } = {}) {
  const resource = resourceOf(projectId);
  const make = (client) => new MessageThread(client, resource, { type, page });
  return useStore('messages', keyOf(resource, [type, page]), make, {
    later: ['send', 'retry', 'edit', 'remove', 'loadOlder'],
    now: ['discard', 'markRead', 'stateOf'],
  });
}

export function useUnread(watch = []) {
  const names = [...watch].sort();
  const make = (client) => new UnreadCounts(client, { watch: names });
  const { of, ...rest } = useStore('unread', names.join(' '), make, { now: ['of'] });
  return useMemo(() => ({ ...rest, of: (resource) => of(resource) ?? 0 }), Object.values(rest));
}

export function useNotifications() {
  return useStore('notifications', '', (client) => new Notifications(client), { later: ['markRead', 'loadMore'] });
}

const makePresence = (resource) => (client) => new PresenceManager(client, resource);

export function usePresence(resource, me = null) {
  const [state, store] = useShared('presence', resource || null, makePresence(resource), NONE.presence);
  const place = useRef(null); // what enter() gave, while mounted
  const said = me ? JSON.stringify(me) : null;
  useEffect(() => {
    if (said === null) return undefined;
    const mine = (place.current = store()?.enter(JSON.parse(said)) ?? null);
    return () => {
      place.current = null;
      mine?.leave();
    };
  }, [store, said]);
  const actions = useMemo(
    () => ({ update: (more) => place.current?.update(more), lastSeen: (id) => store()?.lastSeen(id) ?? null }),
    [store],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}

// names are those of the people who are there
function useNamed(kind, resource, key, make, now) {
  const [, presence] = useShared('presence', resource, makePresence(resource), NONE.presence);
  return useStore(kind, key, (client) => make(client, presence()), { now });
}

export function useTyping(resource) {
  const make = (client, presence) => new Typing(client, resource, { presence });
  return useNamed('typing', resource || null, resource || null, make, ['type', 'stop']);
}

export function useCursors(resource, { type = 'cursor', expiry } = {}) {
  const make = (client, presence) => new Cursors(client, resource, { presence, type, expiry });
  return useNamed('cursors', resource || null, keyOf(resource, [type, expiry]), make, ['move', 'hide']);
}
