// Where a notification leads: to a message, a comment or a task of the project that is shown, or nowhere on this screen.
const icons = { mention: 'chat', chat: 'chat', conflict: 'alert', alert: 'alert', blocked: 'lock', build_complete: 'check', quote: 'note' };

export const iconOf = (kind) => icons[kind] ?? 'bell';

/** { type: 'message' | 'comment' | 'task' | 'project', id }, or null. */
export function leadOf({ resource_type: type, resource_id: id, payload = {} }, projectId, versionId) {
  if (type === 'message' && payload.automation_version_id) return payload.automation_version_id === versionId ? { type: 'comment', id } : null;
  if (type === 'message') return payload.project_id === projectId ? { type, id } : null;
  if (type === 'task') return (payload.project_id ?? projectId) === projectId ? { type, id } : null;
  if (type === 'project') return id === projectId ? { type, id } : null;
  return null;
}

const places = { automation_version: 'an automation version', message: 'another thread', task: 'another project', project: 'another project' };

/** Where it is, for who cannot be led there. */
export const placeOf = ({ resource_type: type }) => places[type] ?? (type ? `a ${type.replaceAll('_', ' ')}` : null);
