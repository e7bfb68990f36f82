import { META } from './shown.js';
import { failure, get, isObject, keys } from './tree.js';

// Whether something is a diff, as the database sees it. Strict: a member that is not known is refused, because
// who misspells one would lose a change without a word.

const refuse = (path, message) => {
  throw failure('bad_request', 400, message, { path });
};

const needArray = (path, value) => Array.isArray(value) || refuse(path, 'this part of a diff must be an array');
const needObject = (path, value) => isObject(value) || refuse(path, 'this part of a diff must be an object');
const needId = (path, id) =>
  typeof id === 'string' || typeof id === 'number' || refuse(path, 'an id must be a string or a number');

function needPath(place, path, taken) {
  const isPath = Array.isArray(path) && path.length > 0 && path.every((name) => typeof name === 'string');
  if (!isPath) refuse(place, 'a path must be an array of names, of one at least');
  if (taken.includes(path[0])) refuse(place, 'a path must not lead to an id or a collection');
  return path;
}

function checkApart(paths) {
  const isThrough = (first, path) => first.every((name, i) => path[i] === name);
  const seen = new Map(); // of what begins with the same name
  for (const [path, place] of paths.sort(([a], [b]) => a.length - b.length)) {
    const others = seen.get(path[0]) ?? [];
    if (others.some((first) => isThrough(first, path)))
      refuse(place, 'two paths of a diff are the same, or one leads through the other');
    seen.set(path[0], [...others, path]);
  }
}

const pathOf = {
  set: (place, step, taken) =>
    Array.isArray(step) && step.length === 2
      ? needPath([...place, 0], step[0], taken)
      : refuse(place, 'an element of "set" must be [path, value]'),
  unset: needPath,
  in: (place, step, taken) => {
    needObject(place, step);
    if (get(step, 'path') === undefined) refuse(place, 'an element of "in" needs a "path"');
    const path = needPath([...place, 'path'], step.path, taken);
    checkCollection(place, step, 'path');
    return path;
  },
};

function checkChanges(place, changes, other, taken) {
  const paths = [];
  for (const [name, steps] of Object.entries(changes)) {
    const list = [...place, name];
    if (name === other) continue;
    if (!Object.hasOwn(pathOf, name)) refuse(list, 'a diff has no such member here');
    needArray(list, steps);
    steps.forEach((step, i) => paths.push([pathOf[name]([...list, i], step, taken), [...list, i]]));
  }
  checkApart(paths);
}

function checkKeyed(list, elements) {
  if (keys(elements)) return;
  const at = elements.findIndex((_, i) => !keys(elements.slice(0, i + 1)));
  needObject([...list, at], elements[at]);
  refuse([...list, at], 'an element must have an id, a string or a number, that no other has');
}

const checks = {
  added: checkKeyed,
  updated: (list, updates) => {
    checkKeyed(list, updates);
    updates.forEach((changes, i) => checkChanges([...list, i], changes, 'id', ['id']));
  },
  deleted: (list, ids) => ids.forEach((id, i) => needId([...list, i], id)),
  order: (list, steps) =>
    steps.forEach((step, i) => {
      const place = [...list, i];
      const isStep = Array.isArray(step) && step.length === 2;
      if (!isStep) refuse(place, 'an element of "order" must be [id, id or null]');
      needId([...place, 0], step[0]);
      if (step[1] !== null) needId([...place, 1], step[1]);
      if (step[0] === step[1]) refuse(place, 'an element cannot be put after itself');
    }),
};

function checkCollection(place, changes, other) {
  needObject(place, changes);
  for (const [name, part] of Object.entries(changes)) {
    if (name === other) continue;
    needArray([...place, name], part);
    if (!Object.hasOwn(checks, name)) refuse([...place, name], 'a diff has no such member here');
    checks[name]([...place, name], part);
  }
}

/** See documents.d.ts. */
export function checkDiff(diff) {
  needObject([], diff);
  const collections = Object.keys(diff).filter((name) => name !== META);
  for (const name of collections) checkCollection([name], diff[name]);
  const meta = get(diff, META);
  if (meta === undefined) return;
  needObject([META], meta);
  checkChanges([META], meta, null, collections);
}
