// Documents as JSON has them, compared as the database does. A member that is undefined is not there. Nothing
// here changes what it is given.

export const MOST_BYTES = 512; // of the names of a path: what lies deeper is one value

const encoder = new TextEncoder();

export const bytes = (name) => encoder.encode(name);

/** @returns {value is Record<string, any>} */
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The member of this name, if the object has it itself: nothing of Object.prototype is one. */
export const get = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);

const names = (object) => Object.keys(object ?? {}).filter((name) => object[name] !== undefined);

/** Is it the same, byte for byte, in a jsonb? */
export function same(a, b) {
  if (a === b || typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (Array.isArray(b)) return false;
  const all = names(a);
  return all.length === names(b).length && all.every((name) => same(a[name], get(b, name)));
}

// as jsonb has its keys: shorter ones first, then by bytes of UTF-8
function compare(a, b) {
  const [x, y] = [bytes(a), bytes(b)];
  const i = x.findIndex((byte, k) => byte !== y[k]);
  return x.length - y.length || x[i] - y[i];
}

/** Names of the members that are not the same in all objects, in order; an object may be undefined. */
export function differing(first, ...others) {
  const all = new Set([first, ...others].flatMap(names));
  const differs = (name) => others.some((other) => !same(get(first, name), get(other, name)));
  return [...all].filter(differs).sort(compare);
}

/** Where each id is, if the array is keyed: every element an object with an id, a text or number, of its own. */
export function keys(array) {
  if (!Array.isArray(array)) return null;
  const at = new Map();
  for (const [i, element] of array.entries()) {
    const id = isObject(element) ? get(element, 'id') : null;
    if ((typeof id !== 'string' && typeof id !== 'number') || at.has(id)) return null;
    at.set(id, i);
  }
  return at;
}

/** The second, with all that is the same as in the first being that: so who looks at identity sees what changed. */
export function share(before, after) {
  if (same(before, after)) return before;
  const member = ([name, value]) => [name, share(get(before, name), value)];
  if (isObject(before) && isObject(after)) return Object.fromEntries(Object.entries(after).map(member));
  const at = keys(before);
  return at && keys(after) ? after.map((element) => share(before[at.get(element.id)], element)) : after;
}

/** What the database would answer, or what is made of it. */
export function failure(code, status, message, details) {
  const retry = code === 'conflict' ? 'refetch' : 'no';
  return Object.assign(new Error(message), { code, status, retry, retryAfter: 0, details });
}
