import { ALL, META, allWithout, shownBy, without } from './shown.js';
import { MOST_BYTES, bytes, differing, failure, get, isObject, keys, same } from './tree.js';

// What two sides made of one document, put together as wrk.blueprint_merge() does: members of objects and elements
// of keyed arrays one by one, everything else as a whole. Versions are [base, ours, theirs], undefined where there
// is none, and so is what comes of them.

const NAMES = ['base', 'ours', 'theirs'];
const OURS = 1;
const THEIRS = 2;
const WINNERS = { lww: THEIRS, ours: OURS, report: OURS, strict: OURS };

// whose it is if one side at most made something of it, else 0
const settled = ([base, ours, theirs]) =>
  same(ours, base) || same(ours, theirs) ? THEIRS : same(theirs, base) ? OURS : 0;

const size = (name) => (typeof name === 'string' ? bytes(name).length : 8); // as the database counts, nearly

const conflict = (path, kind, versions, more) => {
  const told = NAMES.map((name, i) => [name, versions[i]]).filter(([, version]) => version !== undefined);
  return { path, kind, ...more, ...Object.fromEntries(told) };
};

// shown, of what is only shown: in the document the tree of shown.js, in a collection { each: that tree }, and in
// an element what of the tree is left below
function merger(winner, conflicts) {
  function decide(versions, path, shown) {
    const [base, ours, theirs] = versions;
    const plain = (value) => (shown?.each ? allWithout(value, shown.each) : without(value, shown));
    const whose = settled(versions.map(plain));
    if (whose) return versions[whose];
    const edit = base === undefined ? 'add_add' : 'edit_edit';
    const kind = ours === undefined ? 'delete_edit' : theirs === undefined ? 'edit_delete' : edit;
    conflicts.push(conflict(path, kind, versions));
    return versions[winner];
  }

  function mergeObjects(versions, path, length, shown) {
    const result = new Map(Object.entries(versions[THEIRS]));
    for (const name of differing(...versions)) {
      const members = versions.map((version) => get(version, name));
      const below = path.length > 0 ? shown?.get?.(name) : name !== META && { each: shown };
      const value = merge(members, [...path, name], length + size(name), below);
      if (value === undefined) result.delete(name);
      else result.set(name, value);
    }
    return Object.fromEntries(result);
  }

  // ids of what all have, in the order of this side, and whether that is another than it was
  function common(base, side, other) {
    const ids = [...side.keys()].filter((id) => base.has(id) && other.has(id));
    return [ids, ids.some((id, i) => i > 0 && base.get(ids[i - 1]) > base.get(id))];
  }

  function winnerOfOrder([base, ours, theirs], path) {
    const [mine, isMine] = common(base, ours, theirs);
    const [others, isOthers] = common(base, theirs, ours);
    if (isMine && isOthers && !same(mine, others)) {
      const before = [...mine].sort((a, b) => base.get(a) - base.get(b));
      conflicts.push(conflict(path, 'order', [before, mine, others]));
    }
    return isMine === isOthers ? winner : isMine ? OURS : THEIRS;
  }

  function mergeArrays(versions, path, length, shown) {
    const at = versions.map(keys);
    const merged = new Map();
    for (const id of new Set([...at[OURS].keys(), ...at[THEIRS].keys()])) {
      const elements = versions.map((version, i) => version[at[i].get(id)]);
      const value = merge(elements, [...path, id], length + size(id), shown?.each, true);
      if (value !== undefined) merged.set(id, value);
    }
    // what only the other side has comes right after the element that it follows there
    const whose = winnerOfOrder(at, path);
    const front = [];
    const behind = new Map();
    let last = front;
    for (const id of at[OURS + THEIRS - whose].keys()) {
      if (!merged.has(id)) continue;
      if (at[whose].has(id)) behind.set(id, (last = []));
      else last.push(id);
    }
    const order = [...at[whose].keys()].flatMap((id) => (merged.has(id) ? [id, ...(behind.get(id) ?? [])] : []));
    return [...front, ...order].map((id) => merged.get(id));
  }

  function merge(versions, path, length, shown, isElement) {
    const [base, ours, theirs] = versions;
    const whose = settled(versions) || (shown === ALL && THEIRS);
    if (whose) return versions[whose];
    const isBoth = ours !== undefined && theirs !== undefined;
    const given = versions.filter((version) => version !== undefined);
    // two elements that were added under one id have little in common
    if (isBoth && length <= MOST_BYTES && !(isElement && base === undefined)) {
      if (given.every(isObject)) return mergeObjects(versions, path, length, shown);
      if (given.every(keys)) return mergeArrays(versions.map((version) => version ?? []), path, length, shown);
    }
    return decide(versions, path, shown);
  }
  return merge;
}

// Takes the edges away whose node once was and is no more; reports them in their order. Nodes that are no collection
// any more do not say which of them are gone.
function dropDangling(versions, result, conflicts) {
  const left = result.nodes === undefined ? new Map() : keys(result.nodes);
  const others = versions.filter(({ nodes }) => nodes !== result.nodes);
  const all = others.flatMap(({ nodes }) => [...(keys(nodes)?.keys() ?? [])]);
  const gone = new Set(left ? all.filter((id) => !left.has(id)) : []);
  const dropped = new Set();
  if (gone.size === 0 || !keys(result.edges)) return { result, dropped };
  const edges = versions.map((version) => keys(version.edges));
  for (const { id, source, target } of result.edges) {
    const nodes = [...new Set([source, target])].filter((node) => gone.has(node));
    if (nodes.length === 0) continue;
    const known = versions.map((version, i) => version.edges?.[edges[i]?.get(id)]);
    conflicts.push(conflict(['edges', id], 'dangling_edge', known, { nodes }));
    dropped.add(id);
  }
  if (dropped.size === 0) return { result, dropped };
  return { result: { ...result, edges: result.edges.filter(({ id }) => !dropped.has(id)) }, dropped };
}

/** See documents.d.ts. */
export function merge(base, ours, theirs, { policy = 'lww', ui } = {}) {
  const conflicts = [];
  const versions = [base, ours, theirs];
  if (!Object.hasOwn(WINNERS, policy))
    throw failure('bad_request', 400, 'policy must be lww, ours, report or strict', { path: ['policy'] });
  const merged = merger(WINNERS[policy], conflicts)(versions, [], 0, shownBy(ui));
  const { result, dropped } = dropDangling(versions, merged, conflicts);
  if (policy === 'strict' && conflicts.length > 0)
    throw failure('conflict', 409, 'the blueprints are in conflict', { conflicts });
  return { result, conflicts, dropped_edges: [...dropped] };
}
