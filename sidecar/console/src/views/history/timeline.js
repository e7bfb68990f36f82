// The versions of a blueprint as its history has them: who made each, what it changed, who last touched what.
import { diff, patch } from '@wrk-copilot/realtime/documents';

import { fieldName, sentence } from '../project/describe.js';
import { edgesOf, nodesOf } from '../project/flow.js';

const COLUMN = 'blueprint_json';

const hasBlueprint = ({ changes }) => Boolean(changes?.diff?.[COLUMN] ?? changes?.new?.[COLUMN]);

/**
 * Entries of history.list (newest first) that changed the blueprint, with the version each led to. Every change of a
 * blueprint is one entry and one version, so they are counted back from the current one.
 */
export function versionsOf(entries, current) {
  const of = ({ changes: { diff: changed, inverse } }) => ({ diff: changed?.[COLUMN] ?? null, inverse: inverse?.[COLUMN] ?? null });
  return entries.filter(hasBlueprint).map((entry, i) => ({ ...entry, version: current - i, ...of(entry) }));
}

export const who = ({ by, name }) => name ?? (by ? 'Someone' : 'System');

// before, after: the documents around this version; null where they are not known
function told(entry, versions, before, after) {
  if (entry.reverts) {
    const version = versions.find(({ id }) => id === entry.reverts)?.version;
    return `${who(entry)} reverted ${version === undefined ? 'an earlier change' : `version ${version}`}.`;
  }
  if (!entry.diff) return `${who(entry)} ${entry.op === 'i' ? 'created the blueprint' : 'replaced the whole blueprint'}.`;
  return sentence(who(entry), entry.diff, before, after, entry.inverse);
}

function back(document, inverse) {
  try {
    return document && inverse && patch(document, inverse);
  } catch {
    return null; // it is not of this document: what is older is told by its own diff
  }
}

/**
 * What each version did, in words, by the labels that its nodes had then: Map of version -> sentence.
 *
 * @param versions newest first
 * @param newest the document as of the first of them, null while it is not known
 */
export function toldAll(versions, newest) {
  const said = new Map();
  let after = newest;
  for (const entry of versions) {
    const before = back(after, entry.inverse);
    said.set(entry.version, told(entry, versions, before, after));
    after = before;
  }
  return said;
}

const touches = ({ diff: changes }, kind, id) => {
  if (!changes) return true;
  const { added = [], updated = [] } = changes[kind] ?? {};
  return [...added, ...updated].some((element) => String(element.id) === id);
};

/** The latest of these versions, up to one, that touched an element; null when that is older than what is known. */
export const lastTouched = (versions, upto, kind, id) =>
  versions.find((entry) => entry.version <= upto && touches(entry, kind, id)) ?? null;

const pathsOf = ({ set = [], unset = [], in: inner = [] }) => [
  ...set.map(([path]) => path),
  ...unset,
  ...inner.map(({ path }) => path),
];

/** What changed of an element: ["label", "position"]. */
export const fieldsChanged = (update) => [...new Set(pathsOf(update).map(fieldName))];

/**
 * Two versions as one drawing: { document, nodes, edges, items }. The document has what is in either; nodes and
 * edges are Maps of id to added, changed or removed; items are all of it to be listed.
 */
export function overlay(before, after) {
  const changes = diff(before, after);
  const drawn = { ...after };
  const marks = { nodes: new Map(), edges: new Map() };
  const items = [];
  for (const [kind, elementsOf] of [['nodes', nodesOf], ['edges', edgesOf]]) {
    const { added = [], updated = [], deleted = [] } = changes[kind] ?? wholly(before, after, elementsOf);
    const gone = elementsOf(before).filter(({ id }) => deleted.includes(id));
    const byId = new Map([...elementsOf(after), ...gone].map((element) => [element.id, element]));
    const note = (id, how, fields) => {
      marks[kind].set(String(id), how);
      items.push({ kind, id: String(id), how, fields, element: byId.get(id) });
    };
    for (const { id } of added) note(id, 'added');
    for (const update of updated) note(update.id, 'changed', fieldsChanged(update));
    for (const id of deleted) note(id, 'removed');
    drawn[kind] = [...elementsOf(after), ...gone];
  }
  return { document: drawn, ...marks, items };
}

// Where a collection came or went as a whole.
function wholly(before, after, elementsOf) {
  const [was, is] = [elementsOf(before), elementsOf(after)];
  if (was.length > 0 && is.length > 0) return {};
  return { added: was.length === 0 ? is : [], deleted: is.length === 0 ? was.map(({ id }) => id) : [] };
}

/** Fields of one node by what history.blame says: [{ field, value, change }], newest first. */
export function blamed({ leaves, changes }, node) {
  const byId = new Map(changes.map((change) => [change.id, change]));
  const valueAt = (path) => path.reduce((at, name) => (at !== null && typeof at === 'object' ? at[name] : undefined), node);
  const fields = leaves
    .map(({ path, change }) => ({ path: path.slice(3), change: byId.get(change) ?? null }))
    .filter(({ path }) => path.length > 0 && path[0] !== 'id')
    .map(({ path, change }) => ({ field: path.join(' › ').replace(/^data › /, ''), value: valueAt(path), change }))
    .sort((a, b) => (b.change?.id ?? 0) - (a.change?.id ?? 0));
  // two numbers are one place, and the later of them says whose it is
  const isPlace = ({ field }) => field.startsWith('position › ');
  const place = fields.find(isPlace);
  const merged = { ...place, field: 'position', value: `${node.position?.x}, ${node.position?.y}` };
  return fields.filter((field) => !isPlace(field) || field === place).map((field) => (field === place ? merged : field));
}
