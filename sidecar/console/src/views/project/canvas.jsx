// The blueprint as a picture that can be worked on. The document is the editor's; here is only what a hand is doing
// just now: which nodes are being dragged, and where to.
import './canvas_look.js';

import { useMemo, useState } from 'react';

import { Background, MiniMap, ReactFlow } from '@xyflow/react';

import { BackEdge } from './back_edge.jsx';
import { Cursors, usePointer } from './cursors.jsx';
import { useFar } from './far.js';
import { FlowEdges, FlowNodes } from './flow.js';
import { NodeCard } from './node_card.jsx';
import { ViewButtons } from './view_buttons.jsx';

const nodeTypes = { card: NodeCard };
const edgeTypes = { back: BackEdge };
const MANY = 300; // nodes; past it only those in sight are in the page
const overview = { width: 150, height: 96 };
const plainEdges = { type: 'straight', interactionWidth: 0 };

// Where dragged nodes are until they are let go; then it is an edit.
function useDragging(move) {
  const [places, setPlaces] = useState(null);
  const take = (changes) => {
    const moves = changes.filter(({ type, position }) => type === 'position' && position);
    if (moves.length === 0) return;
    const now = new Map(moves.map(({ id, position }) => [id, position]));
    if (moves.some(({ dragging }) => dragging)) return setPlaces(now);
    setPlaces(null);
    move(now);
  };
  return [places, take];
}

// The node or edge that itself has the focus; nothing for what is inside one.
function elementOf({ classList, dataset }) {
  if (classList.contains('react-flow__node')) return { kind: 'nodes', id: dataset.id };
  return classList.contains('react-flow__edge') ? { kind: 'edges', id: dataset.id } : null;
}

const choices = (changes) => changes.filter(({ type }) => type === 'select');

export function Canvas({ editor, selection, marks, cursors, children }) {
  const { document, canEdit } = editor;
  const [places, drag] = useDragging(editor.move);
  // what was drawn before; kept for as long as the canvas is there
  const [flow] = useState(() => ({ nodes: new FlowNodes(), edges: new FlowEdges() }));
  const nodes = useMemo(
    () => flow.nodes.of(document, { selected: selection.nodes, places, marks }),
    [flow, document, selection.nodes, places, marks],
  );
  const isMany = nodes.length > MANY;
  const edges = useMemo(
    () => flow.edges.of(document, { selected: selection.edges, places, isMany }),
    [flow, document, selection.edges, places, isMany],
  );
  const pointer = usePointer(cursors);
  const far = useFar();
  const onNodesChange = (changes) => {
    drag(changes);
    selection.take('nodes', choices(changes));
  };
  const onKeyDown = (event) => {
    if ((event.key !== 'Delete' && event.key !== 'Backspace') || event.target.closest('input, textarea, select')) return;
    event.preventDefault();
    const held = elementOf(event.target);
    if (held && !selection[held.kind].has(held.id)) editor.remove({ [held.kind]: new Set([held.id]) });
    else editor.removeSelected();
  };
  // React Flow would take the focus from what is no longer selected
  const onKeyDownCapture = (event) => {
    if (event.key !== 'Escape' || !elementOf(event.target)) return;
    event.stopPropagation();
    selection.clear();
  };
  return (
    <div className="canvas" data-far={far} onKeyDown={onKeyDown} onKeyDownCapture={onKeyDownCapture} {...pointer}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onNodesChange={onNodesChange}
        onEdgesChange={(changes) => selection.take('edges', choices(changes))}
        onConnect={editor.connect}
        nodesDraggable={canEdit}
        nodesConnectable={canEdit}
        edgesFocusable={!isMany}
        deleteKeyCode={null}
        onlyRenderVisibleElements={isMany}
        defaultEdgeOptions={isMany ? plainEdges : undefined}
        minZoom={0.05}
        maxZoom={2}
        attributionPosition="bottom-left"
      >
        <Background gap={20} size={1.4} />
        <ViewButtons isMany={isMany} />
        {nodes.length > 12 && <MiniMap pannable zoomable position="top-right" ariaLabel="Overview" style={overview} />}
        <Cursors cursors={cursors} />
        {children}
      </ReactFlow>
    </div>
  );
}
