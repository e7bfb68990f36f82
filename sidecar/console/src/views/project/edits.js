// Edits of a blueprint: each gives the document as it shall be. What an edit is not about stays the same object, so
// that the difference is found quickly and nothing else is drawn again.
import { edgesOf, nodesOf, placeOf } from './flow.js';

const STEP = 40;

const changed = (document, id, change) => ({
  ...document,
  nodes: nodesOf(document).map((node) => (String(node.id) === id ? change(node) : node)),
});

/** An id that no element of these has: what it is, and the lowest number. */
function freshId(elements, stem) {
  const taken = new Set(elements.map(({ id }) => String(id)));
  // several people add at once: a number alone would be the same for both
  const some = () => Math.random().toString(36).slice(2, 8);
  let id;
  do id = `${stem}-${some()}`;
  while (taken.has(id));
  return id;
}

/** Where there is nothing yet, near a place. */
function freePlace(document, { x, y }) {
  const taken = new Set(nodesOf(document).map((node) => key(placeOf(node))));
  let place = { x: Math.round(x), y: Math.round(y) };
  while (taken.has(key(place))) place = { x: place.x + STEP, y: place.y + STEP };
  return place;
}

const key = ({ x, y }) => `${Math.round(x / STEP)},${Math.round(y / STEP)}`;

/** With another node; returns [document, id]. */
export function added(document, { type, label, at }) {
  const id = freshId(nodesOf(document), type.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
  const node = { id, type, position: freePlace(document, at), data: { label } };
  return [{ ...document, nodes: [...nodesOf(document), node], edges: edgesOf(document) }, id];
}

/** places: Map of id to { x, y }. */
export function moved(document, places) {
  const nodes = nodesOf(document).map((node) => {
    const place = places.get(String(node.id));
    if (!place) return node;
    const { x, y } = { x: Math.round(place.x), y: Math.round(place.y) };
    return node.position?.x === x && node.position?.y === y ? node : { ...node, position: { ...node.position, x, y } };
  });
  return { ...document, nodes };
}

export const renamed = (document, id, label) =>
  changed(document, id, (node) => ({ ...node, data: { ...node.data, label } }));

/** path: member names below the node. */
export const withValue = (document, id, path, value) => changed(document, id, (node) => put(node, path, value));

function put(at, [name, ...rest], value) {
  const isObject = at !== null && typeof at === 'object' && !Array.isArray(at);
  const object = isObject ? at : {};
  return { ...object, [name]: rest.length === 0 ? value : put(object[name], rest, value) };
}

/** Without these nodes, the edges on them, and these edges. */
export function removed(document, { nodes = new Set(), edges = new Set() }) {
  const stays = ({ id, source, target }) => !edges.has(String(id)) && !nodes.has(String(source)) && !nodes.has(String(target));
  return {
    ...document,
    nodes: nodesOf(document).filter(({ id }) => !nodes.has(String(id))),
    edges: edgesOf(document).filter(stays),
  };
}

/** With an edge between two nodes; the same document if there is one, or it would lead nowhere. */
export function connected(document, { source, target }) {
  const ends = (edge) => String(edge.source) === source && String(edge.target) === target;
  const there = new Set(nodesOf(document).map(({ id }) => String(id)));
  if (source === target || !there.has(source) || !there.has(target) || edgesOf(document).some(ends)) return document;
  // ids of nodes may be numbers: an edge names them as they are
  const idOf = (wanted) => nodesOf(document).find(({ id }) => String(id) === wanted).id;
  const edge = { id: freshId(edgesOf(document), 'edge'), source: idOf(source), target: idOf(target) };
  return { ...document, edges: [...edgesOf(document), edge] };
}

/** What a form shows of a node: [{ path, name, value, isLong }] for every text, number and truth below its data. */
export function fieldsOf(node, most = 60) {
  const fields = [];
  const visit = (value, path) => {
    if (fields.length >= most) return;
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [name, member] of Object.entries(value)) visit(member, [...path, name]);
    } else if (['string', 'number', 'boolean'].includes(typeof value)) {
      fields.push({ path, name: path.slice(1).join(' › '), value, isLong: typeof value === 'string' && (value.length > 40 || value.includes('\n')) });
    }
  };
  const { label, ...others } = node.data ?? {};
  visit(others, ['data']);
  return fields;
}
