// Whether somebody who asked for what is another tenant's has learnt anything. The yardstick is the answer for an id
// that nobody has: what is refused in the same words says nothing, not even that there is something.

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The same request for what nobody has: every id but one's own is a new one, the same one each time. */
export function forNobody(request, own) {
  const others = new Map();
  const kept = new Set(own.filter(Boolean).map((id) => id.toLowerCase()));
  const replace = (id) => {
    const known = id.toLowerCase();
    if (kept.has(known)) return id;
    if (!others.has(known)) others.set(known, newId());
    return others.get(known);
  };
  return JSON.parse(JSON.stringify(request).replace(UUID, replace));
}

// An answer without what is different each time: ids, and how long to wait.
function plain({ type, payload }) {
  const without = JSON.stringify({ type, payload }).replace(UUID, 'id');
  const made = JSON.parse(without);
  delete made.payload?.retryAfter;
  return made;
}

// The same members in any order.
const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
};

/** Paths where two answers differ, as "payload.message". */
export function differences(a, b, path = []) {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object')
    return a === b ? [] : [path.join('.') || 'all of it'];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], [...path, key]));
}

// Nothing but lists without items, nulls, zeros and ids.
function isEmpty(value) {
  if (Array.isArray(value)) return value.length === 0;
  if (value !== null && typeof value === 'object') return Object.values(value).every(isEmpty);
  return value === null || value === 0 || value === false || value === '' || value === 'id';
}

const passing = ['rate_limited', 'limit_exceeded', 'unavailable', 'token_expired'];

/**
 * @param theirs answer to what is the other tenant's: { type, payload }; null: none came
 * @param nobodys answer to the same for what nobody has
 * @param {(answer) => boolean} isRefusal
 * @returns {{ outcome: 'refused' | 'empty' | 'learnt' | 'open' | 'unknown', differs: string[] }} refused: in the same
 *   words. empty: answered alike, with nothing in it. learnt: refused in other words. open: got something. unknown: no
 *   verdict, because of a limit or a lost connection.
 */
export function judge(theirs, nobodys, isRefusal = ({ type }) => type === 'error') {
  const isPassing = (answer) => !answer || (answer.type === 'error' && passing.includes(answer.payload?.code));
  if (isPassing(theirs) || isPassing(nobodys)) return { outcome: 'unknown', differs: [] };
  const differs = differences(sorted(plain(theirs)), sorted(plain(nobodys)));
  if (isRefusal(theirs)) return { outcome: differs.length === 0 ? 'refused' : 'learnt', differs };
  if (differs.length === 0 && isEmpty(plain(theirs).payload)) return { outcome: 'empty', differs };
  return { outcome: 'open', differs };
}

/** What all attempts come to: { tried, refused, empty, alarms, unknown, sentence }. */
export function sum(outcomes) {
  const count = (...which) => outcomes.filter((outcome) => which.includes(outcome)).length;
  const found = { tried: outcomes.length, refused: count('refused'), empty: count('empty'), unknown: count('unknown'), alarms: count('learnt', 'open') };
  const { tried, refused, empty, unknown, alarms } = found;
  const words = [`${tried} ${tried === 1 ? 'attempt' : 'attempts'}`, `${refused} refused`];
  if (empty > 0) words.push(`${empty} empty`);
  if (unknown > 0) words.push(`${unknown} inconclusive`);
  words.push(alarms > 0 ? `${alarms} disclosed something` : 'nothing disclosed');
  return { ...found, sentence: words.join(', ') };
}
