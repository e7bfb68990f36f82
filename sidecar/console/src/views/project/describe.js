// Changes and conflicts in words, for live regions, popovers and lists.
import { labelOf, nodesOf } from './flow.js';

const MOST_LETTERS = 60;

const NAMES = { position: 'position', data: '', parameters: '' };

/** "label", "position", "model › temperature": what a path below an element is called. */
export function fieldName(path) {
  const names = path.map((name) => NAMES[name] ?? String(name)).filter(Boolean);
  return path[0] === 'position' ? 'position' : names.join(' › ') || 'content';
}

/** A value as one short line. */
export function short(value, most = MOST_LETTERS) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text === undefined) return 'empty';
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

const labels = (document) => new Map(nodesOf(document).map((node) => [String(node.id), labelOf(node)]));

function counted(items, one, say) {
  if (items.length === 0) return [];
  return items.length > 3 ? [`${items.length} ${one}s`] : items.map(say);
}

const connections = ({ length }) => (length > 1 ? [`${length} connections`] : Array(length).fill('a connection'));

const LABEL = new Set([JSON.stringify(['data', 'label']), JSON.stringify(['data', 'name']), JSON.stringify(['name'])]);

// What a diff alone tells of labels: those that it adds or sets, and those that its inverse brings back.
function told(diff) {
  const { nodes = {} } = diff ?? {};
  const set = (nodes.updated ?? []).flatMap(({ id, set: values = [] }) =>
    values.filter(([path, value]) => LABEL.has(JSON.stringify(path)) && typeof value === 'string').map(([, value]) => [String(id), value]),
  );
  return new Map([...labels({ nodes: nodes.added }), ...set]);
}

/**
 * What a change of a blueprint says, as a sentence: "Ann added Read mail and moved Classify." Nodes are called what they
 * were called then.
 *
 * @param before, after the documents around it, as far as they are known; one may be given for both
 * @param inverse the diff back, if it is known
 */
export function sentence(who, diff, before, after = before, inverse = null) {
  const { nodes = {}, edges = {} } = diff;
  const was = new Map([...told(inverse), ...labels(before)]);
  const is = new Map([...labels(after), ...told(diff)]);
  const name = (id) => is.get(String(id)) ?? was.get(String(id)) ?? 'a node';
  const isRenamed = ({ id }) => was.has(String(id)) && is.has(String(id)) && was.get(String(id)) !== is.get(String(id));
  const isMove = ({ set = [], unset = [] }) => unset.length === 0 && set.length > 0 && set.every(([[first]]) => first === 'position');
  const updated = nodes.updated ?? [];
  const changed = updated.filter((change) => !isMove(change));
  const parts = [
    ['added', counted(nodes.added ?? [], 'node', labelOf)],
    ['moved', counted(updated.filter(isMove), 'node', ({ id }) => name(id))],
    ['renamed', counted(changed.filter(isRenamed), 'node', ({ id }) => `${was.get(String(id))} to ${name(id)}`)],
    ['changed', counted(changed.filter((change) => !isRenamed(change)), 'node', ({ id }) => name(id))],
    ['deleted', counted(nodes.deleted ?? [], 'node', (id) => was.get(String(id)) ?? name(id))],
    ['connected', counted(edges.added ?? [], 'pair', ({ source, target }) => `${name(source)} to ${name(target)}`)],
    ['deleted', connections(edges.deleted ?? [])],
  ];
  const said = parts.filter(([, what]) => what.length > 0).map(([verb, what]) => `${verb} ${what.join(', ')}`);
  return `${who} ${said.length > 0 ? said.join(' and ') : 'changed the blueprint'}.`;
}

/** Ids of the nodes that an event is about; those deleted too, if it is asked for. */
export function touched({ nodes: { added = [], updated = [], deleted = [] } = {} }, withDeleted = false) {
  const ids = [...added, ...updated].map(({ id }) => id);
  return [...ids, ...(withDeleted ? deleted : [])].map(String);
}
