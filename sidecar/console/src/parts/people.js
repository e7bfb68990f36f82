// How people are written and coloured, the same everywhere.
const HUES = 8;

export const statusWord = (status) => ({ active: 'active', idle: 'idle', away: 'away' })[status] ?? 'offline';

const ROLES = {
  client: 'Client',
  builder: 'Builder',
  qa: 'QA',
  ops: 'Operations',
  ops_admin: 'Operations admin',
  cs_admin: 'Customer success admin',
  admin: 'Admin',
  system: 'System',
};

/** What a role is called; undefined for none. */
export const roleName = (role) => ROLES[role] ?? role;

/** Up to two letters for a name: those of its first and last word. */
export function initials(name) {
  const words = (name ?? '').trim().split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join('') || '?';
}

/** One of the colours of tokens; the same person has the same one on every screen. */
export function hueOf(id) {
  let sum = 0;
  for (const letter of String(id)) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum % HUES;
}

/** "Ann is typing", "Ann and Bob are typing", "Ann, Bob and 2 others are typing". */
export function typingSentence(names) {
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing`;
  const others = names.length - 2;
  return `${names[0]}, ${names[1]} and ${others} ${others === 1 ? 'other' : 'others'} are typing`;
}
