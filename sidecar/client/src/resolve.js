import { get, isObject, keys, same } from './tree.js';

// Conflicts: whose is what, and what becomes of a document when one is decided. A place that is no more is left alone.

const OFFSET = 40; // of a copy from its original, so that both are seen

const find = (document, path) =>
  path.reduce((at, name) => (Array.isArray(at) ? at[keys(at)?.get(name)] : get(at, name)), document);

// With this value at the path, without any if it is undefined. Elements that are not there go to the end.
function put(at, [name, ...rest], value) {
  const made = (before) => (rest.length > 0 ? put(before, rest, value) : value);
  if (Array.isArray(at)) {
    const i = keys(at)?.get(name) ?? at.length;
    const element = made(at[i]);
    return [...at.slice(0, i), ...(element === undefined ? [] : [element]), ...at.slice(i + 1)];
  }
  if (!isObject(at)) return at;
  const { [name]: before, ...others } = at;
  const member = made(before);
  return member === undefined ? others : { ...at, [name]: member };
}

// Those of these ids in this order, in the places that they have.
function arrange(document, path, ids) {
  const array = find(document, path);
  if (!keys(array)) return document;
  const isMeant = new Set(ids);
  const there = new Map(array.map((element) => [element.id, element]));
  const wanted = ids.filter((id) => there.has(id));
  return put(document, path, array.map((element) => (isMeant.has(element.id) ? there.get(wanted.shift()) : element)));
}

// The element as they want it, and a copy of it as we do.
function copied(document, [collection, id, ...rest], ours) {
  const element = find(document, [collection, id]);
  const taken = new Set(document[collection].map((other) => other.id));
  let n = 2;
  while (taken.has(`${id}-${n}`)) n++;
  const copy = { ...(rest.length > 0 ? put(element, rest, ours) : ours), id: `${id}-${n}` };
  const { position } = copy;
  if (isObject(position)) copy.position = { ...position, x: position.x + OFFSET, y: position.y + OFFSET };
  return put(document, [collection, copy.id], copy);
}

/** Of an edge whose node is gone: is this a side that drew it? Who left it as it was is who took the node away. */
export const isDrawn = (edge, { kind, base }) => kind === 'dangling_edge' && edge !== undefined && !same(edge, base);

const OTHER_WAY = { edit_delete: 'delete_edit', delete_edit: 'edit_delete' };

/** As who is here sees it: `ours` is theirs. isMine: it was found when an edit made here was merged, as `theirs`. */
export function fromOurSide(conflict, { isMine, won = 'ours', ...about }) {
  const { kind, ours, theirs, by = null, name = null, ...rest } = conflict;
  const seen = isMine ? { kind: OTHER_WAY[kind] ?? kind, ours: theirs, theirs: ours } : { kind, ours, theirs };
  // an edge goes with its node, whoever drew it
  return { ...rest, ...seen, by, name, ...about, won: isDrawn(seen.ours, conflict) ? 'theirs' : won };
}

/** The edge that a decision brings back, although its node is gone; undefined if it does not. */
export function returning(conflict, choice) {
  const sides = choice === 'both' ? ['ours', 'theirs'] : [choice];
  return sides.map((side) => conflict[side]).find((edge) => isDrawn(edge, conflict));
}

/** nodes: those to bring back for the edge that is returning. */
export function resolved(document, conflict, choice, nodes = []) {
  const { kind, path, ours, theirs } = conflict;
  if (kind === 'dangling_edge') {
    const edge = returning(conflict, choice);
    const missing = nodes.filter(({ id }) => !find(document, ['nodes', id]));
    const whole = missing.reduce((made, node) => put(made, ['nodes', node.id], node), document);
    return edge ? put(whole, path, edge) : document;
  }
  if (kind === 'order') return arrange(document, path, choice === 'theirs' ? theirs : ours);
  if (choice !== 'both') return put(document, path, conflict[choice]);
  if (ours === undefined || theirs === undefined) return put(document, path, ours ?? theirs);
  const isInElement = path.length > 1 && keys(get(document, path[0]))?.has(path[1]);
  return isInElement ? copied(put(document, path, theirs), path, ours) : document;
}
