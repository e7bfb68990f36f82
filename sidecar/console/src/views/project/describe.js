// Changes and conflicts in words, for live regions, popovers and lists.
import { labelOf, nodesOf } from './flow.js';

const MOST_LETTERS = 60;

const NAMES = { position: 'place', data: '', parameters: '' };

/** "label", "place", "model › temperature": what a path below an element is called. */
export function fieldName(path) {
  const names = path.map((name) => NAMES[name] ?? String(name)).filter(Boolean);
  return path[0] === 'position' ? 'place' : names.join(' › ') || 'content';
}

/** A value as one short line. */
export function short(value, most = MOST_LETTERS) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text === undefined) return 'nothing';
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

const labels = (document) => new Map(nodesOf(document).map((node) => [String(node.id), labelOf(node)]));

function counted(items, one, say) {
  if (items.length === 0) return [];
  return items.length > 3 ? [`${items.length} ${one}s`] : items.map(say);
}

const connections = ({ length }) => (length > 1 ? [`${length} connections`] : Array(length).fill('a connection'));

/**
 * What an event blueprint.updated says, as a sentence: "Ann added Read mail and moved Classify". before: the document
 * that has the labels of what is deleted.
 */
export function sentence(who, { nodes = {}, edges = {} }, before) {
  const known = new Map([...labels(before), ...labels({ nodes: nodes.added })]);
  const name = (id) => known.get(String(id)) ?? String(id);
  const isMove = ({ set = [], unset = [] }) => unset.length === 0 && set.length > 0 && set.every(([[first]]) => first === 'position');
  const updated = nodes.updated ?? [];
  const parts = [
    ['added', counted(nodes.added ?? [], 'node', labelOf)],
    ['moved', counted(updated.filter(isMove), 'node', ({ id }) => name(id))],
    ['changed', counted(updated.filter((change) => !isMove(change)), 'node', ({ id }) => name(id))],
    ['deleted', counted(nodes.deleted ?? [], 'node', name)],
    ['connected', counted(edges.added ?? [], 'pair', ({ source, target }) => `${name(source)} to ${name(target)}`)],
    ['removed', connections(edges.deleted ?? [])],
  ];
  const said = parts.filter(([, what]) => what.length > 0).map(([verb, what]) => `${verb} ${what.join(', ')}`);
  return `${who} ${said.length > 0 ? said.join(' and ') : 'changed the blueprint'}.`;
}

/** Ids of the nodes that an event is about; those deleted too, if it is asked for. */
export function touched({ nodes: { added = [], updated = [], deleted = [] } = {} }, withDeleted = false) {
  const ids = [...added, ...updated].map(({ id }) => id);
  return [...ids, ...(withDeleted ? deleted : [])].map(String);
}
