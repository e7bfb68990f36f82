// Where a notification leads: to a message, a comment or a task of the project that is shown, or to another blueprint.
const icons = { mention: 'chat', chat: 'chat', conflict: 'alert', alert: 'alert', blocked: 'lock', build_complete: 'check', quote: 'note' };

export const iconOf = (kind) => icons[kind] ?? 'bell';

/** The version of an automation that a notification is about, or null. */
function versionOf({ resource_type: type, resource_id: id, payload }) {
  return type === 'automation_version' ? id : (payload?.automation_version_id ?? null);
}

/**
 * { type: 'message' | 'comment' | 'task' | 'project' | 'version', id, version? }, or null. version: the one to open first.
 * versions: those that this person may open.
 */
export function leadOf(item, projectId, versionId, versions = []) {
  const { resource_type: type, resource_id: id, payload = {} } = item;
  const version = versionOf(item);
  const canOpen = version !== null && (version === versionId || versions.some((one) => one.id === version));
  if (type === 'message' && version) return canOpen ? { type: 'comment', id, version } : null;
  if (type === 'message') return payload.project_id === projectId ? { type, id } : null;
  if (type === 'task' && (payload.project_id ?? projectId) === projectId) return { type, id };
  if (type === 'project') return id === projectId ? { type, id } : null;
  return canOpen && version !== versionId ? { type: 'version', id: version, version } : null;
}

const places = { message: 'another thread', task: 'another project', project: 'another project', billing_period: 'Billing', client: 'Clients' };

/** What it says. */
export const titleOf = ({ title, payload }) => (payload?.what === 'task_assigned' ? `Assigned to you: ${title}` : title);

/** What it is about: "Invoice intake, version 3", "a quote"; null if that is not known. */
export function placeOf(item, versions = []) {
  const { resource_type: type } = item;
  const known = versions.find(({ id }) => id === versionOf(item));
  if (known) return `${known.automation_name}, version ${known.number}`;
  return places[type] ?? (type ? `a ${type.replaceAll('_', ' ')}`.replace(/^a a/, 'an a') : null);
}
