// The same document as a list: every node and connection is a control, so that all that can be done on the canvas can
// be done by key. One stop for Tab; arrows go from row to row, Alt with an arrow moves the node, Delete deletes.
import './list_view.css';

import { memo, useRef } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { Icon } from '../../parts/icon.jsx';
import { branchOf, edgesOf, kindOf, labelOf, nodesOf, placeOf } from './flow.js';

const NUDGE = 20;
const PEOPLE_SHOWN = 2;
const arrows = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

function Marks({ people = [], conflicts }) {
  return (
    <span className="list-marks">
      {people.slice(0, PEOPLE_SHOWN).map(({ id, name }) => (
        <Avatar key={id} id={id} name={name} size="s" />
      ))}
      {people.length > PEOPLE_SHOWN && <span aria-hidden="true">+{people.length - PEOPLE_SHOWN}</span>}
      {people.length > 0 && <span className="unseen">, {people.map(({ name }) => name).join(', ')} here</span>}
      {conflicts && (
        <span className="list-conflict" data-tip="Unresolved conflict">
          <Icon name="alert" />
          <span className="unseen">, conflict</span>
        </span>
      )}
    </span>
  );
}

const NodeRow = memo(function NodeRow({ node, mark, isSelected, isStop, choose }) {
  const id = String(node.id);
  const { kind, icon, type } = kindOf(node);
  return (
    <li>
      <button type="button" className="row-button list-row" data-node={id} data-kind={kind} aria-pressed={isSelected} tabIndex={isStop ? 0 : -1} onClick={() => choose('nodes', id)}>
        <span className="node-icon">
          <Icon name={icon} />
        </span>
        <span className="list-label">{labelOf(node)}</span>
        {mark?.people || mark?.conflicts ? <Marks {...mark} /> : <span className="list-type">{type}</span>}
      </button>
    </li>
  );
});

const EdgeRow = memo(function EdgeRow({ id, from, to, label, isSelected, isStop, choose }) {
  return (
    <li>
      <button type="button" className="row-button list-row list-edge" data-edge={id} aria-pressed={isSelected} tabIndex={isStop ? 0 : -1} onClick={() => choose('edges', id)}>
        <Icon name="link" />
        <span className="list-ends">
          <span className="unseen">From </span>
          <span className="list-label">{from}</span>
          <span className="unseen"> to </span>
          <Icon name="chevron_right" />
          <span className="list-label">{to}</span>
          {label && <span className="unseen">, {label}</span>}
        </span>
      </button>
    </li>
  );
});

// Rows by key: from one to the next, and what is done with the one that has the focus.
function onRowKey(event, { editor, selection }) {
  const row = event.target.closest('.list-row');
  const step = arrows[event.key];
  if (!row || (!step && event.key !== 'Delete' && event.key !== 'Home' && event.key !== 'End')) return;
  const rows = [...event.currentTarget.querySelectorAll('.list-row')];
  const i = rows.indexOf(row);
  event.preventDefault();
  if (event.key === 'Delete') return remove(row, rows[i + 1] ?? rows[i - 1], editor);
  if (!step || !event.altKey) {
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? rows.length - 1 : i + (step[0] + step[1]);
    return rows[Math.min(Math.max(to, 0), rows.length - 1)].focus();
  }
  const node = nodesOf(editor.document).find(({ id }) => String(id) === row.dataset.node);
  if (!node) return;
  const { x, y } = placeOf(node);
  selection.only('nodes', String(node.id));
  editor.move(new Map([[String(node.id), { x: x + NUDGE * step[0], y: y + NUDGE * step[1] }]]));
}

function remove({ dataset: { node, edge } }, next, editor) {
  if (!editor.canEdit) return;
  next?.focus();
  editor.remove(node === undefined ? { edges: new Set([edge]) } : { nodes: new Set([node]) });
}

export function ListView({ editor, selection, marks, headingRef, choose }) {
  const { document } = editor;
  const list = useRef(null);
  const nodes = nodesOf(document);
  const edges = edgesOf(document);
  const byId = new Map(nodes.map((node) => [String(node.id), node]));
  const end = (id) => labelOf(byId.get(String(id)) ?? { id });
  const [chosenNode] = selection.nodes;
  const [chosenEdge] = selection.edges;
  const first = nodes.length > 0 ? String(nodes[0].id) : null;
  const stop = byId.has(chosenNode) ? chosenNode : first;
  return (
    <section className="list-view" aria-label="Nodes and connections" ref={list} onKeyDown={(event) => onRowKey(event, { editor, selection })}>
      <h2 className="list-heading" tabIndex={-1} ref={headingRef}>
        Nodes <span className="badge">{nodes.length}</span>
      </h2>
      <ul className="list-rows">
        {nodes.map((node) => {
          const id = String(node.id);
          return <NodeRow key={id} node={node} mark={marks.get(id)} isSelected={selection.nodes.has(id)} isStop={id === stop} choose={choose} />;
        })}
      </ul>
      <h2 className="list-heading">
        Connections <span className="badge">{edges.length}</span>
      </h2>
      <ul className="list-rows">
        {edges.map((edge, i) => {
          const id = String(edge.id);
          const isStop = id === chosenEdge || (chosenEdge === undefined && i === 0);
          return <EdgeRow key={id} id={id} from={end(edge.source)} to={end(edge.target)} label={branchOf(edge)} isSelected={selection.edges.has(id)} isStop={isStop} choose={choose} />;
        })}
      </ul>
    </section>
  );
}
