// Rows as calls answer them and events carry them.

/** A text that sorts as the times do, to the microsecond: times as JSON has them may be in any zone. */
export function sortable(time) {
  if (!time) return '';
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? [];
  const seconds = Date.parse(time.replace(/\.\d+/, '')) / 1000;
  return `${String(seconds).padStart(12, '0')}.${fraction.padEnd(6, '0')}`;
}

/** Where a row is in lists: by the time it was made, then by id. */
export const place = ({ created_at, id }) => `${sortable(created_at)} ${id}`;

const changed = ({ created_at, updated_at, edited_at, deleted_at }) =>
  [created_at, updated_at, edited_at, deleted_at].map(sortable).reduce((a, b) => (a > b ? a : b));

/** The later state of a row, of which one may be unknown: what is heard may be older than what was read. */
export const later = (known, row) => (known && changed(known) > changed(row) ? known : row);

/** { kind, id } of a resource such as project:42. */
export function parts(resource) {
  const at = resource.indexOf(':');
  return { kind: resource.slice(0, at), id: resource.slice(at + 1) };
}
