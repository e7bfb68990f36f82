import { ALL, META, allWithout, shownBy, without } from './shown.js';
import { MOST_BYTES, bytes, differing, get, isObject, keys, same } from './tree.js';

// What changed between two blueprints, as wrk.blueprint_diff() tells it, list by list in the same order.

const MOST_NAMES = 64; // of a path

const add = (changes, list, item) => (changes[list] ??= []).push(item);

/**
 * Which elements must be moved to come into another order: all but a longest increasing subsequence, of several
 * the one that prefers elements that stand first. wanted[i] is where the i-th shall be; told by wanted place.
 */
function moves(wanted) {
  const tops = []; // of piles, patience sorted from the last to the first: they fall
  const next = [];
  const isMoved = wanted.map(() => true);
  for (let i = wanted.length - 1; i >= 0; i--) {
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (wanted[tops[middle]] > wanted[i]) low = middle + 1;
      else high = middle;
    }
    next[i] = tops[low - 1];
    tops[low] = i;
  }
  for (let i = tops.at(-1); i !== undefined; i = next[i]) isMoved[wanted[i]] = false;
  return isMoved;
}

// false if they are not both keyed
function diffArrays(a, b, shown, changes) {
  const inA = keys(a);
  const inB = inA && keys(b);
  if (!inB) return false;
  const ids = [...inB.keys()];
  for (const id of ids) {
    const element = b[inB.get(id)];
    if (!inA.has(id)) add(changes, 'added', without(element, shown));
    else {
      const update = diffObjects(a[inA.get(id)], element, shown, [], 0, {});
      if (Object.keys(update).length > 0) add(changes, 'updated', { id, ...update });
    }
  }
  for (const id of inA.keys()) if (!inB.has(id)) add(changes, 'deleted', id);
  // patching leaves what stays in the old order, then what is added in the new one
  const there = [...inA.keys()].filter((id) => inB.has(id));
  const fresh = ids.filter((id) => !inA.has(id));
  const isMoved = moves([...there, ...fresh].map((id) => inB.get(id)));
  for (const [j, id] of ids.entries()) if (isMoved[j]) add(changes, 'order', [id, ids[j - 1] ?? null]);
  return true;
}

function diffValues(a, b, shown, path, size, changes) {
  const inner = {};
  if (shown === ALL || same(a, b)) return;
  if (b === undefined) add(changes, 'unset', path);
  else if (isObject(a) && isObject(b) && path.length < MOST_NAMES && (size <= MOST_BYTES || shown))
    diffObjects(a, b, shown, path, size, changes);
  else if (diffArrays(a, b, null, inner)) add(changes, 'in', { path, ...inner });
  else add(changes, 'set', [path, without(b, shown)]);
}

function diffObjects(a, b, shown, path, size, changes) {
  for (const name of differing(a, b))
    diffValues(get(a, name), get(b, name), shown?.get(name), [...path, name], size + bytes(name).length, changes);
  return changes;
}

/** See index.d.ts. */
export function diff(a, b, { ui } = {}) {
  const shown = shownBy(ui);
  const result = [];
  const meta = {};
  for (const name of differing(a, b)) {
    const before = get(a, name);
    let after = get(b, name);
    const changes = {};
    if (name !== META && diffArrays(before, after, shown, changes)) {
      result.push([name, changes]);
      continue;
    }
    if (name !== META) after = allWithout(after, shown);
    diffValues(before, after, null, [name], bytes(name).length, meta);
  }
  result.push([META, meta]);
  // not by assignment, because a member may be called __proto__
  return Object.fromEntries(result.filter(([, changes]) => Object.keys(changes).length > 0));
}
