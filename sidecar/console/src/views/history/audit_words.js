// Entries of the audit log in words.
import { short } from '../project/describe.js';

const OPS = { i: 'made', u: 'changed', d: 'deleted', f: 'refused' };

// what a row is recognized by
const FIRST = ['title', 'name', 'body', 'status', 'email'];

const plain = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value);

export const opWord = (op) => OPS[op] ?? op ?? '';

// "nodes 2 added, 1 updated"
function counts(diff) {
  const of = ([collection, changes]) => {
    const lists = ['added', 'updated', 'deleted'].filter((list) => changes?.[list]?.length > 0);
    return [collection, lists.map((list) => `${changes[list].length} ${list}`).join(', ')].filter(Boolean).join(' ');
  };
  return Object.entries(diff).map(of).join('; ');
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

/** What of a row changed, on one line: "status: open → done". */
export function summary({ changes, metadata }) {
  const { old = {}, new: now = {}, diff = {} } = changes ?? {};
  const isTold = (name) => !/(^|_)id$/.test(name) && ![undefined, null, '', '[]', '{}'].includes(plain(now?.[name] ?? diff?.[name]));
  const all = [...new Set([...Object.keys(now ?? {}), ...Object.keys(diff ?? {})])];
  const names = [...all.filter((name) => FIRST.includes(name)), ...all.filter((name) => !FIRST.includes(name))].filter(isTold);
  const said = names.slice(0, 4).map((name) => {
    if (diff?.[name] !== undefined) return `${name}: ${counts(diff[name])}`;
    return old?.[name] === undefined ? `${name}: ${short(now[name], 30)}` : `${name}: ${short(old[name], 24)} → ${short(now[name], 24)}`;
  });
  if (names.length > 4) said.push(`and ${names.length - 4} more`);
  return said.join('; ') || (metadata ? short(metadata, 80) : '');
}

/** Parameters of audit.list from what a form has: what is empty is left out, days become times. */
export function filtersOf(fields) {
  const given = Object.entries(fields)
    .map(([name, value]) => [name, String(value ?? '').trim()])
    .filter(([, value]) => value !== '');
  const day = (value, more) => {
    const [year, month, date] = value.split('-').map(Number);
    return new Date(year, month - 1, date + more).toISOString();
  };
  return Object.fromEntries(given.map(([name, value]) => [name, name === 'from' ? day(value, 0) : name === 'to' ? day(value, 1) : value]));
}

/** What the light says of an answer of audit.verify: { tone, title, text }. */
export function verdict({ ok, seals, rows, unsealed, dropped, problem, seal, audit_id: row, detail }) {
  const counted = (n, one) => `${n.toLocaleString()} ${n === 1 ? one : `${one}s`}`;
  const rest = [
    unsealed > 0 && `${counted(unsealed, 'row')} not sealed yet`,
    dropped > 0 && `${counted(dropped, 'row')} dropped by retention`,
  ].filter(Boolean);
  if (!ok) {
    const place = row ? `row ${row}` : seal ? `seal ${seal}` : 'an unknown place';
    return { tone: 'bad', title: `Not whole: ${String(problem).replaceAll('_', ' ')}`, text: [`at ${place}`, detail].filter(Boolean).join(': ') };
  }
  if (seals === 0) return { tone: 'none', title: 'Nothing is sealed yet', text: rest.join(', ') };
  return { tone: 'good', title: 'Whole', text: [`${counted(rows, 'row')} in ${counted(seals, 'seal')} checked`, ...rest].join(', ') };
}
