// Kinds of messages: who reads them, and who is offered to write them. The database decides both; this only spares
// people a switch of which every other side would be refused.
const operations = ['ops', 'ops_admin', 'cs_admin', 'admin'];
const staff = [...operations, 'builder', 'qa'];

export const kinds = {
  client: { title: 'Everyone', note: null, who: 'Everybody in the project reads it' },
  ops: { title: 'Team', note: 'Team only', who: 'Clients do not see it' },
  internal_note: { title: 'Internal note', note: 'Internal note', who: 'Only operations staff see it' },
  system: { title: 'System', note: 'System', who: 'Written by the system' },
};

/** What somebody of these roles is offered, the usual first. */
export function kindsFor(roles = []) {
  if (roles.some((role) => operations.includes(role))) return ['client', 'ops', 'internal_note'];
  if (roles.some((role) => staff.includes(role))) return ['ops'];
  return ['client'];
}
