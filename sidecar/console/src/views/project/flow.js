// A blueprint as React Flow draws it.
//
// What must stay true: a node of the document that is the same object as before, and is shown as before, is the same
// object for React Flow as before; then nothing of it is drawn again, however large the document is. Cards have one
// size and their handles one place, so that nothing need be measured.

import { CARD } from './card.js';
import { laneOf, leadsBack } from './routes.js';

export { CARD };

const HANDLES = [
  { id: null, type: 'target', position: 'left', x: 0, y: CARD.height / 2, width: 1, height: 1 },
  { id: null, type: 'source', position: 'right', x: CARD.width, y: CARD.height / 2, width: 1, height: 1 },
];

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

export const nodesOf = (document) => (Array.isArray(document?.nodes) ? document.nodes : []);
export const edgesOf = (document) => (Array.isArray(document?.edges) ? document.edges : []);

export const placeOf = ({ position }) =>
  isNumber(position?.x) && isNumber(position?.y) ? { x: position.x, y: position.y } : { x: 0, y: 0 };

/** What people call a node: its label, or what its editor had instead, or its id. */
export function labelOf(node) {
  const { data, name, id } = node ?? {};
  const label = [data?.label, data?.name, name].find((text) => typeof text === 'string' && text.trim() !== '');
  return label ?? String(id);
}

/** Elements as they were given last time, unless they are to be another way now. */
class Kept {
  #kept = new Map();

  // signs: everything that what is made depends on
  all(items, signsOf, make) {
    const now = new Map();
    for (const item of items) {
      const signs = signsOf(item);
      const before = this.#kept.get(signs[0]);
      const isSame = before && before.signs.every((sign, i) => sign === signs[i]);
      now.set(signs[0], isSame ? before : { signs, made: make(item, ...signs) });
    }
    this.#kept = now;
    return [...now.values()].map(({ made }) => made);
  }
}

/** The nodes of a document for React Flow. */
export class FlowNodes {
  #kept = new Kept();

  /** selected: Set of ids; places: Map of id to where a node is dragged now; marks: Map of id to what is said of it. */
  of(document, { selected, places, marks } = {}) {
    const signs = (node) => {
      const id = String(node.id);
      return [id, node, Boolean(selected?.has(id)), places?.get(id), marks?.get(id)];
    };
    return this.#kept.all(nodesOf(document), signs, (node, id, _, isSelected, place, mark) => ({
      id,
      type: 'card',
      position: place ?? placeOf(node),
      data: { node, mark },
      selected: isSelected,
      ariaLabel: labelOf(node),
      ...CARD,
      measured: CARD,
      handles: HANDLES,
    }));
  }
}

/** The edges of a document for React Flow; one whose node is not there is left out. */
export class FlowEdges {
  #kept = new Kept();

  /** places as for nodes. isMany: too many for ways of their own */
  of(document, { selected, marks, places, isMany = false } = {}) {
    const there = new Map(nodesOf(document).map((node) => [String(node.id), node]));
    const drawn = edgesOf(document).filter(({ source, target }) => there.has(String(source)) && there.has(String(target)));
    const at = new Map([...there].map(([id, node]) => [id, places?.get(id) ?? placeOf(node)]));
    const lane = ({ source, target }) => {
      const [from, to] = [at.get(String(source)), at.get(String(target))];
      return leadsBack(from, to) ? laneOf(from, to, [...at.values()]) : null;
    };
    const signs = (edge) => {
      const id = String(edge.id);
      return [id, edge, Boolean(selected?.has(id)), marks?.get(id), edgeName(edge, there), isMany ? null : lane(edge)];
    };
    return this.#kept.all(drawn, signs, (edge, id, _, isSelected, mark, name, y) => ({
      id,
      ...(y !== null && { type: 'back', data: { lane: y } }),
      source: String(edge.source),
      target: String(edge.target),
      label: branchOf(edge),
      selected: isSelected,
      className: mark && `flow-edge-${mark}`,
      ariaLabel: name,
    }));
  }
}

export const edgeName = ({ source, target }, nodes) =>
  `From ${labelOf(nodes.get(String(source)) ?? { id: source })} to ${labelOf(nodes.get(String(target)) ?? { id: target })}`;

/** Which way out of its source an edge is, if that has several: what its label says, or the name of a branch. */
export function branchOf({ label, data, sourceHandle }) {
  const said = [label, data?.label].find((text) => typeof text === 'string' && text !== '');
  return said ?? (/^(true|false|error|done|loop|yes|no)$/i.test(sourceHandle ?? '') ? sourceHandle : undefined);
}

const KINDS = [
  ['trigger', /trigger|webhook|cron|schedule|inject|^start|form/i, 'play'],
  ['logic', /\bif\b|decision|switch|filter|merge|router|choice|condition|split|wait|loop|parallel/i, 'sort'],
  ['model', /extract|llm|openai|chat|agent|model|lang|prompt|embedding|memory|gpt|classif/i, 'chat'],
  ['code', /code|function|script|set$|transform|task|template|change/i, 'edit'],
  ['call', /http|request|api|graphql|soap|mqtt|tcp/i, 'link'],
  ['data', /lookup|write|sql|postgres|mysql|sheet|airtable|mongo|redis|store|vector|table|file|drive|s3|load/i, 'archive'],
  ['message', /mail|slack|telegram|sms|discord|notif|twilio|message|debug/i, 'send'],
  ['person', /human|approv|manual|person/i, 'user'],
  ['note', /note|comment|sticky/i, 'note'],
];

/** What kind of step a node is, by its type: { kind, icon, type } for its card. */
export function kindOf({ type, data }) {
  const said = typeof type === 'string' && type !== 'default' && type !== 'customNode' ? type : String(data?.type ?? data?.kind ?? data?.name ?? 'step');
  const [kind, , icon] = KINDS.find(([, names]) => names.test(said)) ?? ['step', null, 'more'];
  return { kind, icon, type: said.split(/[./]/).at(-1) };
}
