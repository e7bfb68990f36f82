/** What the application's screens show, kept up to date. */
export { Cursors } from './app/cursors.js';
export { MessageThread } from './app/message_thread.js';
export { Notifications } from './app/notifications.js';
export { PresenceManager } from './app/presence_manager.js';
export { ProjectStore } from './app/project.js';
export { StatusChip } from './app/status_chip.js';
export { TaskList } from './app/task_list.js';
export { Typing } from './app/typing.js';
export { UnreadCounts } from './app/unread_counts.js';
