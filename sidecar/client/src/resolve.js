import { get, isObject, same } from './tree.js';

// What becomes of a document when a conflict is decided. A place that is no more is left alone.

const OFFSET = 40; // of a copy from its original, so that both are seen

const find = (at, path) =>
  path.reduce((value, name) => (Array.isArray(value) ? value.find(({ id }) => id === name) : get(value, name)), at);

// With this value at the path, without any if it is undefined. Elements that are not there go to the end.
function put(at, [name, ...rest], value) {
  const made = (before) => (rest.length > 0 ? put(before, rest, value) : value);
  if (Array.isArray(at)) {
    const i = at.findIndex(({ id }) => id === name);
    const element = made(at[i]);
    return [...at.slice(0, i < 0 ? at.length : i), ...(element === undefined ? [] : [element]), ...(i < 0 ? [] : at.slice(i + 1))];
  }
  if (!isObject(at)) return at;
  const { [name]: before, ...others } = at;
  const member = made(before);
  return member === undefined ? others : { ...at, [name]: member };
}

// Those of these ids in this order, in the places that they have.
function arrange(document, path, ids) {
  const array = find(document, path) ?? [];
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

/** The edge that a decision brings back, although its node is gone; undefined if it does not. */
export function returning({ kind, base, ours, theirs }, choice) {
  if (kind !== 'dangling_edge') return undefined;
  // who left it as it was is who took the node away
  const drawn = [choice !== 'theirs' && ours, choice !== 'ours' && theirs];
  return drawn.find((edge) => edge && !same(edge, base));
}

/** nodes: those to bring back for the edge that is returning. */
export function resolved(document, conflict, choice, nodes = []) {
  const { kind, path, ours, theirs } = conflict;
  if (kind === 'dangling_edge') {
    const edge = returning(conflict, choice);
    const whole = nodes.reduce((made, node) => (find(made, ['nodes', node.id]) ? made : put(made, ['nodes', node.id], node)), document);
    return edge ? put(whole, path, edge) : document;
  }
  if (kind === 'order') return arrange(document, path, choice === 'theirs' ? theirs : ours);
  if (choice !== 'both') return put(document, path, conflict[choice]);
  if (ours === undefined || theirs === undefined) return put(document, path, ours ?? theirs);
  const isInElement = path.length > 1 && Array.isArray(get(document, path[0])) && find(document, path.slice(0, 2));
  return isInElement ? copied(put(document, path, theirs), path, ours) : document;
}
