import { get, isObject, keys } from './tree.js';

// Members that only say how an editor shows an element of a collection just now. They are told by their paths, as
// a tree of Maps with ALL at the end of each.

export const ALL = true;

/** A collection is a keyed array that is a member of the document under any name but this. */
export const META = 'meta';

const USUAL = ['selected', 'dragging', 'resizing', 'measured', 'positionAbsolute', ['data', 'selected']];

/** The tree of these keys and paths of keys. Of two of which one leads through the other the shorter one counts. */
export function shownBy(paths = USUAL) {
  const tree = new Map();
  for (const path of paths) {
    let at = tree;
    for (const [i, name] of [path].flat().entries()) {
      if (at.get(name) === ALL) break;
      if (i === [path].flat().length - 1) at.set(name, ALL);
      else if (!at.has(name)) at.set(name, new Map());
      at = at.get(name);
    }
  }
  return tree;
}

/** A value of an element without what is only shown. */
export function without(value, shown) {
  if (!shown || !isObject(value)) return value;
  const kept = { ...value };
  for (const [name, below] of shown) {
    const member = get(value, name);
    if (below === ALL) delete kept[name];
    else if (member !== undefined) kept[name] = without(member, below);
  }
  return kept;
}

/** A member of the document without what is only shown in its elements, if it is a collection. */
export const allWithout = (array, shown) => (keys(array) ? array.map((element) => without(element, shown)) : array);

/** See documents.d.ts. */
export function strip(document, { ui } = {}) {
  const shown = shownBy(ui);
  const stripped = ([name, value]) => [name, name === META ? value : allWithout(value, shown)];
  return Object.fromEntries(Object.entries(document).map(stripped));
}
