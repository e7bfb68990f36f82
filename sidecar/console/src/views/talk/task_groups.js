// Tasks as they are listed: what is to be done, the most urgent first and of those the newest, as the server has them;
// and what was done, the latest first. Those that were called off are not shown.
const weights = { urgent: 0, high: 1, normal: 2, low: 3 };

export const isDone = ({ status }) => status === 'done';

export function groupTasks(tasks) {
  const kept = tasks.filter(({ status }) => status !== 'cancelled');
  const byWeight = (a, b) => (weights[a.priority] ?? 2) - (weights[b.priority] ?? 2);
  // one that is being ticked off has no time yet: it is the latest
  const endOf = ({ completed_at: at }) => at ?? '~';
  const byEnd = (a, b) => (endOf(a) < endOf(b) ? 1 : endOf(a) > endOf(b) ? -1 : 0);
  return { open: kept.filter((task) => !isDone(task)).sort(byWeight), done: kept.filter(isDone).sort(byEnd) };
}

/** "overdue", "due today", "due 3 Mar", or null. */
export function dueWords(task, now = Date.now()) {
  if (!task.due_at || isDone(task)) return null;
  const due = new Date(task.due_at);
  if (due.getTime() < now) return 'overdue';
  if (due.toDateString() === new Date(now).toDateString()) return 'due today';
  return `due ${due.toLocaleDateString([], { day: 'numeric', month: 'short' })}`;
}
