// A new node, of a kind to choose, in the middle of what is in sight.
import { useReactFlow } from '@xyflow/react';

import { CARD } from './flow.js';
import { Menu } from './menu.jsx';

const kinds = [
  ['trigger', 'Trigger'],
  ['http request', 'HTTP request'],
  ['extract', 'AI extraction'],
  ['decision', 'Decision'],
  ['code', 'Code'],
  ['human', 'Human task'],
  ['message', 'Message'],
  ['note', 'Note'],
];

export function AddNode({ editor, frame, announce }) {
  const { screenToFlowPosition } = useReactFlow();
  const add = (type, label) => {
    const { left, top, width, height } = frame.current.getBoundingClientRect();
    const middle = screenToFlowPosition({ x: left + width / 2, y: top + height / 3 });
    editor.add({ type, label, at: { x: middle.x - CARD.width / 2, y: middle.y - CARD.height / 2 } });
    announce(`Added ${label}. Edit its properties below the canvas.`);
  };
  return (
    <Menu icon="add" label="Add node" title="Node types" disabled={!editor.canEdit}>
      {(close) =>
        kinds.map(([type, label]) => (
          <button key={type} type="button" className="row-button menu-item" onClick={() => (close(), add(type, label))}>
            {label}
          </button>
        ))
      }
    </Menu>
  );
}
