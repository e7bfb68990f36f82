import { useMemo } from 'react';

// Empty until their stores are there.
const nothing = (value) => () => useMemo(() => value, []);
const later = () => Promise.reject(new Error('not there yet'));
const now = () => {};

export const useProjectRealtime = nothing({ project: null, isLoaded: false, error: null, refetch: later });
export const useAutomationVersion = nothing({ version: null, status: null, allowed: [], isPending: false, isLoaded: false, error: null, transition: later, refetch: later });
export const useTasks = nothing({ tasks: [], hasMore: false, pending: 0, isLoaded: false, error: null, create: later, update: later, toggle: later, remove: later, isPending: () => false });
export const useMessages = nothing({ messages: [], unread: 0, hasOlder: false, isLoadingOlder: false, isLoaded: false, error: null, send: later, retry: later, discard: now, edit: later, remove: later, markRead: now, stateOf: now, loadOlder: later });
export const useUnread = nothing({ total: 0, threads: [], of: () => 0 });
export const useNotifications = nothing({ items: [], unread: 0, hasMore: false, isLoaded: false, error: null, markRead: later, loadMore: later });
export const usePresence = nothing({ members: [], self: null, count: 0, error: null, update: now, lastSeen: () => null });
export const useTyping = nothing({ typists: [], type: now, stop: now });
export const useCursors = nothing({ cursors: [], move: now, hide: now });
