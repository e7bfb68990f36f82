// A new node, of a kind to choose, in the middle of what is in sight.
import { useReactFlow } from '@xyflow/react';

import { Icon } from '../../parts/icon.jsx';
import { CARD } from './flow.js';

const kinds = [
  ['trigger', 'Trigger'],
  ['http request', 'Request'],
  ['extract', 'Read with a model'],
  ['decision', 'Decision'],
  ['code', 'Code'],
  ['human', 'Ask a person'],
  ['message', 'Message'],
  ['note', 'Note'],
];

export function AddNode({ editor, frame, announce }) {
  const { screenToFlowPosition } = useReactFlow();
  const add = (event) => {
    const { value: type, textContent: label } = event.currentTarget;
    const { left, top, width, height } = frame.current.getBoundingClientRect();
    const middle = screenToFlowPosition({ x: left + width / 2, y: top + height / 2 });
    const details = event.currentTarget.closest('details');
    details.open = false;
    details.querySelector('summary').focus();
    editor.add({ type, label, at: { x: middle.x - CARD.width / 2, y: middle.y - CARD.height / 2 } });
    announce(`Added ${label}. Its properties are beside the canvas.`);
  };
  const close = (event) => {
    if (event.key !== 'Escape') return;
    event.currentTarget.open = false;
    event.currentTarget.querySelector('summary').focus();
  };
  return (
    <details className="menu" onKeyDown={close} onBlur={({ currentTarget, relatedTarget }) => relatedTarget && !currentTarget.contains(relatedTarget) && (currentTarget.open = false)}>
      <summary className="button small" aria-disabled={!editor.canEdit} onClick={(event) => !editor.canEdit && event.preventDefault()}>
        <Icon name="add" />
        Add node
      </summary>
      <div className="menu-list" role="group" aria-label="Kinds of node">
        {kinds.map(([type, label]) => (
          <button key={type} type="button" className="menu-item" value={type} onClick={add}>
            {label}
          </button>
        ))}
      </div>
    </details>
  );
}
