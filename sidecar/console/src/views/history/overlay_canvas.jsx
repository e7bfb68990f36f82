// A version as a picture, with what is other than in the one it is compared with. Nothing here can be edited.
import '../project/canvas_look.js';
import './overlay.css';

import { useMemo, useState } from 'react';

import { Background, ReactFlow } from '@xyflow/react';

import { BackEdge } from '../project/back_edge.jsx';
import { useFar } from '../project/far.js';
import { FlowEdges, FlowNodes, nodesOf } from '../project/flow.js';
import { NodeCard } from '../project/node_card.jsx';
import { ViewButtons } from '../project/view_buttons.jsx';
import { BlameCard } from './blame_card.jsx';

const nodeTypes = { card: NodeCard };
const edgeTypes = { back: BackEdge };
const MANY = 300;

export function OverlayCanvas({ drawing, ...about }) {
  const [flow] = useState(() => ({ nodes: new FlowNodes(), edges: new FlowEdges() }));
  const [pointed, setPointed] = useState(null);
  const marks = useMemo(() => new Map([...drawing.nodes].map(([id, diff]) => [id, MARKS[diff]])), [drawing.nodes]);
  const nodes = useMemo(() => flow.nodes.of(drawing.document, { marks }), [flow, drawing.document, marks]);
  const edges = useMemo(() => flow.edges.of(drawing.document, { marks: drawing.edges, isMany: nodes.length > MANY }), [flow, drawing, nodes]);
  const far = useFar();
  const node = pointed !== null && nodesOf(drawing.document).find(({ id }) => String(id) === pointed);
  const focused = ({ target }) => setPointed(target.closest('.react-flow__node')?.dataset.id ?? null);
  return (
    <div className="canvas" data-far={far} onFocus={focused} onBlur={() => setPointed(null)} onKeyDown={({ key }) => key === 'Escape' && setPointed(null)}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        nodesFocusable
        edgesFocusable={false}
        deleteKeyCode={null}
        onNodeMouseEnter={(_, { id }) => setPointed(id)}
        onNodeMouseLeave={() => setPointed(null)}
        onlyRenderVisibleElements={nodes.length > MANY}
        minZoom={0.05}
        maxZoom={2}
        attributionPosition="bottom-left"
      >
        <Background gap={20} size={1.4} />
        <ViewButtons isMany={nodes.length > MANY} hasSheet={false} />
      </ReactFlow>
      {node && <BlameCard key={pointed} node={node} {...about} />}
    </div>
  );
}

// the same objects each time: cards are not drawn again for them
const MARKS = { added: { diff: 'added' }, changed: { diff: 'changed' }, removed: { diff: 'removed' } };
