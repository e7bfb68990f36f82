// Entries of the audit log in words.
import { short } from '../project/describe.js';
import { statusOf } from '../project/status_words.js';
import { factWords, refusalWords } from './audit_refusals.js';

// what a row is recognized by
const FIRST = ['title', 'name', 'body', 'status', 'email'];

const KINDS = {
  automation_version: 'Automation version',
  api_key: 'API key',
  jwt_key: 'Signing key',
  tenant: 'Company',
  tenant_user: 'Member',
  user_role: 'Role',
  project_member: 'Project member',
};

// columns whose values are codes
const CODES = new Set(['kind', 'type', 'role', 'priority', 'pricing_status', 'show', 'digest', 'mode', 'metric']);

const OPS = { created: 'created', updated: 'changed', deleted: 'deleted', truncated: 'all deleted' };

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const spaced = (name) => String(name).replaceAll('_', ' ');
const isEmpty = (value) => [undefined, null, '', '[]', '{}'].includes(typeof value === 'object' && value !== null ? JSON.stringify(value) : value);

/** "Automation version", "Task": what the log calls automation_version, task. */
export const kindName = (type) => KINDS[type] ?? capital(spaced(type ?? ''));

/** "Blueprint", "Assignee": what a column is called. */
const fieldWords = (name) => ({ blueprint_json: 'Blueprint', requirements: 'Intake answers' })[name] ?? capital(spaced(name.replace(/_(id|at|json)$/, '')));

/** A value as people read it. nameOf: id of a person -> name, or undefined. */
function valueWords(name, value, nameOf = () => undefined) {
  if (value === null || value === undefined || value === '') return 'empty';
  if (CODES.has(name)) return capital(spaced(value));
  if (name === 'status') return statusOf(value).label === 'Unknown' ? capital(spaced(value)) : statusOf(value).label;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string' && /_(id|by)$/.test(name)) return nameOf(value) ?? short(value, 30);
  if (typeof value === 'string' && /_at$/.test(name)) return new Date(value).toLocaleString();
  return short(value, 60);
}

/** "Task created", "Task status: Done", "Refused: a client cannot read the audit log". */
export function actionWords(entry) {
  const { action = '', resource_type: type, op } = entry;
  const said = refusalWords(entry) ?? factWords(action);
  if (said) return said;
  const rest = action.startsWith(`${type}.`) ? action.slice(type.length + 1) : action;
  const [what, ...value] = rest.split('.');
  if (op === 'f') return capital(spaced(action.replaceAll('.', ' ')));
  if (value.length > 0) return `${kindName(type)} ${spaced(what)}: ${valueWords(what, value.join('.'))}`;
  return `${kindName(type)} ${OPS[what] ?? spaced(what)}`;
}

// "2 nodes added, 1 node changed"
function counts(diff) {
  const words = { added: 'added', updated: 'changed', deleted: 'deleted' };
  const of = ([collection, changes]) => {
    const one = collection === 'edges' ? 'connection' : collection.replace(/s$/, '');
    const lists = Object.keys(words).filter((list) => changes?.[list]?.length > 0);
    const said = lists.map((list) => `${changes[list].length} ${one}${changes[list].length === 1 ? '' : 's'} ${words[list]}`);
    return said.join(', ') || (collection === 'meta' ? 'other content changed' : `order of ${one}s changed`);
  };
  return Object.entries(diff).map(of).join(', ');
}

/** What changed of a row: [{ name, field, before, after }], what it is recognized by first; before is null of a new one. */
export function changesOf({ changes }, nameOf) {
  const { old = {}, new: now = {}, diff = {} } = changes ?? {};
  const all = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {}), ...Object.keys(diff ?? {})])];
  const names = [...all.filter((name) => FIRST.includes(name)), ...all.filter((name) => !FIRST.includes(name))];
  const isTold = (name) => !isEmpty(old?.[name]) || !isEmpty(now?.[name]) || !isEmpty(diff?.[name]);
  const words = (name, value) => valueWords(name, value, nameOf);
  return names.filter(isTold).map((name) => {
    const of = { name, field: fieldWords(name) };
    if (diff?.[name] !== undefined) return { ...of, before: null, after: counts(diff[name]) };
    return { ...of, before: old?.[name] === undefined ? null : words(name, old[name]), after: now?.[name] === undefined ? null : words(name, now[name]) };
  });
}

/** What of a row changed, on one line: "Status: Open → Done". */
export function summary(entry, nameOf) {
  const { metadata } = entry;
  const all = changesOf(entry, nameOf).filter(({ name }) => name !== 'id' && (nameOf || !/_(id|by)$/.test(name)) && name !== 'tenant_id' && !/_at$/.test(name));
  const said = all.slice(0, 3).map(({ field, before, after }) => {
    const cut = (text) => short(text, 30);
    if (before === null) return `${field}: ${cut(after ?? 'empty')}`;
    return after === null ? `${field}: ${cut(before)}` : `${field}: ${cut(before)} → ${cut(after)}`;
  });
  if (all.length > 3) said.push(`+${all.length - 3} more`);
  if (said.length > 0) return said.join('; ');
  if (!metadata || refusalWords(entry)) return '';
  return Object.entries(metadata).map(([name, value]) => `${fieldWords(name)}: ${short(value, 40)}`).join('; ');
}

/** A value as JSON that can be read: what fits into a line stays on one. */
export function pretty(value, indent = '', width = 100) {
  const line = JSON.stringify(value);
  if (line === undefined || typeof value !== 'object' || value === null || indent.length + line.length <= width) return line ?? '';
  const isArray = Array.isArray(value);
  const deeper = `${indent}  `;
  const members = Object.entries(value).map(([name, member]) => `${deeper}${isArray ? '' : `${JSON.stringify(name)}: `}${pretty(member, deeper, width)}`);
  return `${isArray ? '[' : '{'}\n${members.join(',\n')}\n${indent}${isArray ? ']' : '}'}`;
}

/** Parameters of audit.list from what a form has: what is empty is left out, days become times; row is "type:id". */
export function filtersOf({ row, ...fields }) {
  const [, type, id] = /^([a-z_]+):(.+)$/.exec(row ?? '') ?? [];
  const given = Object.entries({ ...fields, type, id })
    .map(([name, value]) => [name, String(value ?? '').trim()])
    .filter(([, value]) => value !== '');
  const day = (value, more) => {
    const [year, month, date] = value.split('-').map(Number);
    return new Date(year, month - 1, date + more).toISOString();
  };
  return Object.fromEntries(given.map(([name, value]) => [name, name === 'from' ? day(value, 0) : name === 'to' ? day(value, 1) : value]));
}

const kinds = ['task', 'message', 'project', 'automation', 'automation_version'];

/** What may be chosen of what was done: [title, [[prefix of the action, words], ...]], in groups. */
export const actionChoices = [
  ...kinds.map((kind) => [
    `${kindName(kind)}s`,
    [
      [`${kind}.`, `Any ${kindName(kind).toLowerCase()} activity`],
      [`${kind}.created`, 'Created'],
      [`${kind}.updated`, 'Changed'],
      ...(kind === 'message' || kind === 'automation' ? [] : [[`${kind}.status.`, 'Status changed']]),
      [`${kind}.deleted`, 'Deleted'],
    ],
  ]),
  [
    'People and access',
    [
      ['tenant_user.', 'Members'],
      ['user_role.', 'Roles'],
      ['project_member.', 'Project members'],
      ['invitation.', 'Invitations'],
      ['session.', 'Sessions'],
      ['api_key.', 'API keys'],
    ],
  ],
  [
    'Refused',
    [
      ['call.refused', 'Refused calls'],
      ['channel.refused', 'Refused subscriptions'],
      ['login.refused', 'Refused logins'],
    ],
  ],
];

/** What the light says of an answer of audit.verify: { tone, title, text }. */
export function verdict({ ok, seals, rows, unsealed, dropped, problem, seal, audit_id: row, detail }) {
  const counted = (n, one, many) => `${n.toLocaleString()} ${n === 1 ? one : many}`;
  const entries = (n) => counted(n, 'entry', 'entries');
  const rest = [unsealed > 0 && `${entries(unsealed)} not sealed yet`, dropped > 0 && `${entries(dropped)} removed by retention`].filter(Boolean);
  if (!ok) {
    const place = row ? `entry ${row}` : seal ? `seal ${seal}` : 'an unknown place';
    return { tone: 'bad', title: `Tampered with: ${String(problem).replaceAll('_', ' ')}`, text: [`at ${place}`, detail].filter(Boolean).join(': ') };
  }
  if (seals === 0) return { tone: 'none', title: 'Not sealed yet', text: rest.join(', ') };
  return { tone: 'good', title: 'Verified', text: [`${entries(rows)} in ${counted(seals, 'seal', 'seals')} intact`, ...rest].join(', ') };
}
