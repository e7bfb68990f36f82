import { META } from './shown.js';
import { failure, get, isObject, keys } from './tree.js';

// Making the changes of a diff, as wrk.blueprint_patch() does. What does not change is shared with the document
// that was given, which stays as it is.

const misfit = (path, message, id) => {
  throw failure('conflict', 409, message, id === undefined ? { path } : { path, id });
};

const twice = (path) => {
  throw failure('bad_request', 400, 'a diff has this element twice', { path });
};

// What becomes of an object when run() has changed the value at the path; undefined: it is not there.
function change(object, [name, ...rest], place, run) {
  const value = get(object, name);
  if (rest.length > 0 && !isObject(value)) misfit(place, 'the path leads through what is no object');
  const changed = rest.length > 0 ? change(value, rest, place, run) : run(value);
  if (changed !== undefined) return { ...object, [name]: changed };
  const { [name]: _, ...others } = object;
  return others;
}

function patchObject(object, { unset = [], set = [], in: inner = [] }, place) {
  const each = (list, steps, pathOf, run) =>
    steps.forEach((step, i) => {
      const here = [...place, list, i];
      object = change(object, pathOf(step), here, (value) => run(value, step, here));
    });
  each('unset', unset, (path) => path, (value, _, here) => {
    if (value === undefined) misfit(here, 'the member to take away is not there');
  });
  each('set', set, ([path]) => path, (_, [, value]) => value);
  each('in', inner, ({ path }) => path, (value, changes, here) => {
    if (!Array.isArray(value)) misfit(here, 'there is no array at the path');
    return patchArray(value, changes, here);
  });
  return object;
}

function patchArray(array, { deleted = [], updated = [], added = [], order = [] }, place) {
  const elements = new Map();
  const touched = new Set();
  const moved = new Set();
  if (!keys(array)) misfit(place, 'there is no array of elements with ids');
  for (const element of array) elements.set(element.id, element);
  const touch = (id, here) => {
    if (!elements.has(id) && !touched.has(id)) misfit(here, 'the element is not there', id);
    if (touched.has(id)) twice(here);
    touched.add(id);
  };
  deleted.forEach((id, i) => {
    touch(id, [...place, 'deleted', i]);
    elements.delete(id);
  });
  updated.forEach((changes, i) => {
    const here = [...place, 'updated', i];
    touch(changes.id, here);
    elements.set(changes.id, patchObject(elements.get(changes.id), changes, here));
  });
  added.forEach((element, i) => {
    const here = [...place, 'added', i];
    if (touched.has(element.id)) twice(here);
    if (elements.has(element.id)) misfit(here, 'the element to add is there already', element.id);
    elements.set(element.id, element);
  });
  if (order.length === 0) return [...elements.values()];
  // a list, so that a move takes constant time; both ends meet at null
  const ids = [null, ...elements.keys()];
  const next = new Map(ids.map((id, i) => [id, ids[(i + 1) % ids.length]]));
  const before = new Map(ids.map((id, i) => [id, ids.at(i - 1)]));
  const link = (id, follower) => next.set(id, follower) && before.set(follower, id);
  order.forEach(([id, after], i) => {
    const here = [...place, 'order', i];
    if (!elements.has(id)) misfit(here, 'the element to move is not there', id);
    if (moved.has(id) || id === after) twice(here);
    if (after !== null && !elements.has(after)) misfit(here, 'the element to move another behind is not there', after);
    moved.add(id);
    link(before.get(id), next.get(id));
    link(id, next.get(after));
    link(after, id);
  });
  const result = [];
  for (let id = next.get(null); id !== null; id = next.get(id)) result.push(elements.get(id));
  return result;
}

/** See index.d.ts. */
export function patch(document, diff) {
  for (const [name, changes] of Object.entries(diff)) {
    if (name === META) document = patchObject(document, changes, [name]);
    else {
      const array = get(document, name);
      const isBegun = array === undefined && changes.added;
      document = { ...document, [name]: patchArray(isBegun ? [] : array, changes, [name]) };
    }
  }
  return document;
}
