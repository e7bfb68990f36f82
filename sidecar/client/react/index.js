/** Hooks for React 18 and later. */
export {
  useAutomationVersion,
  useCursors,
  useMessages,
  useNotifications,
  usePresence,
  useProjectRealtime,
  useTasks,
  useTyping,
  useUnread,
} from './app.js';
export { useBlueprint } from './blueprint.js';
export { useCall } from './call.js';
export { useChannel, useEvent } from './channel.js';
export { useConnectionStatus } from './connection.js';
export { RealtimeProvider, useRealtime } from './context.js';
