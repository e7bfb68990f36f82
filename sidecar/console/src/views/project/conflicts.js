// Conflicts of a blueprint, as people decide them: one question for what one gesture did.
import { fieldName, short } from './describe.js';
import { edgesOf, labelOf, nodesOf } from './flow.js';

/** The node that a conflict is shown on; null for one of the document itself. */
function nodeOf({ path, nodes }, document) {
  const [collection, id] = path;
  if (collection === 'nodes' && id !== undefined) return String(id);
  if (nodes?.length) return String(nodes[0]);
  const edge = collection === 'edges' && edgesOf(document).find((other) => other.id === id);
  return edge ? String(edge.source) : null;
}

// A move is two numbers, and one question.
const questionOf = ({ path, kind, by, version }) => JSON.stringify([path[2] === 'position' ? path.slice(0, 3) : path, kind, by, version]);

/** [{ key, node, conflicts, ... }] in the order they came; each is one question. */
export function questions(conflicts, document) {
  const found = new Map();
  for (const conflict of conflicts) {
    const key = questionOf(conflict);
    const question = found.get(key) ?? { key, node: nodeOf(conflict, document), conflicts: [] };
    question.conflicts.push(conflict);
    found.set(key, question);
  }
  return [...found.values()];
}

const place = (conflicts, side) => {
  const of = (axis) => conflicts.find(({ path }) => path.at(-1) === axis)?.[side];
  return ['x', 'y'].filter((axis) => of(axis) !== undefined).map((axis) => `${axis} ${Math.round(of(axis))}`).join(', ');
};

const GONE = 'Deleted it';

function value(conflicts, side) {
  const [conflict] = conflicts;
  const { path, kind } = conflict;
  if (kind === 'dangling_edge') return conflict[side] === undefined ? 'Deleted the node' : 'Added a connection';
  if (conflict[side] === undefined) return GONE;
  if (path[2] === 'position') return place(conflicts, side);
  if (kind === 'order') return 'A different order';
  const whole = path.length === 2 && typeof conflict[side] === 'object';
  return whole ? (kind === 'edit_delete' || kind === 'delete_edit' ? 'Changed it' : labelOf(conflict[side])) : short(conflict[side]);
}

/** What a popover says: { title, field, ours, theirs, won, choices: [{ choice, hint }] }. */
export function asked({ conflicts, node }, document, nameOf) {
  const [{ kind, path, by, name, won, ours, theirs, base }] = conflicts;
  const there = nodesOf(document).find(({ id }) => String(id) === node);
  const label = there ? labelOf(there) : labelOf([ours, theirs, base].find((side) => side?.id !== undefined) ?? { id: node ?? 'The document' });
  const isMove = path[2] === 'position';
  const isWhole = ours === undefined || theirs === undefined;
  // of a place there cannot be two, and an order is one
  const hasBoth = !isMove && kind !== 'order';
  const both = isWhole ? 'restores what was deleted' : 'keeps theirs and adds a copy with yours';
  return {
    label,
    who: nameOf(by, name, node),
    field: path.length > 2 ? fieldName(path.slice(2)) : kind === 'dangling_edge' ? 'a connection' : 'the whole node',
    ours: value(conflicts, 'ours'),
    theirs: value(conflicts, 'theirs'),
    won,
    choices: [
      { choice: 'ours', name: 'Keep yours' },
      { choice: 'theirs', name: 'Keep theirs' },
      ...(hasBoth ? [{ choice: 'both', name: 'Keep both', hint: both }] : []),
    ],
  };
}
