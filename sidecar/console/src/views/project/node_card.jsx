// A node on the canvas. It is drawn again only when its own part of the document, or what is said of it, is another.
import { memo } from 'react';

import { Handle } from '@xyflow/react';

import { Icon } from '../../parts/icon.jsx';
import { hueOf, initials } from '../../parts/people.js';
import { useCanvasActions } from './canvas_actions.jsx';
import { kindOf, labelOf } from './flow.js';

const DIFF_WORDS = { added: 'added', changed: 'changed', removed: 'removed' };

function People({ people }) {
  return (
    <span className="node-people">
      {people.map(({ id, name, field }) => (
        <span key={id} className="node-person" data-hue={hueOf(id)} data-tip={field ? `${name} is editing ${field}` : `${name} is here`}>
          {name ? name.split(' ')[0] : initials(name)}
          {field && <span className="node-person-field">{field}</span>}
        </span>
      ))}
    </span>
  );
}

function ConflictBadge({ id, label, count }) {
  const { openConflict } = useCanvasActions();
  return (
    <button type="button" className="node-conflict nodrag nopan" onClick={() => openConflict(id)} aria-label={`Resolve the conflict on ${label}`}>
      <Icon name="alert" />
      {count > 1 && count}
    </button>
  );
}

export const NodeCard = memo(function NodeCard({ id, data: { node, mark }, selected }) {
  const { kind, icon, type } = kindOf(node);
  const label = labelOf(node);
  const first = mark?.people?.[0];
  return (
    <div
      className="node-card"
      data-kind={kind}
      data-selected={selected || undefined}
      data-diff={mark?.diff}
      data-hue={first ? hueOf(first.id) : mark?.flash}
      data-flash={mark?.flash !== undefined ? mark.turn % 2 : undefined}
      data-conflicted={mark?.conflicts ? '' : undefined}
    >
      <Handle type="target" position="left" />
      <span className="node-icon">
        <Icon name={icon} />
      </span>
      <span className="node-text">
        <span className="node-label" title={label}>
          {label}
        </span>
        <span className="node-type">{type}</span>
      </span>
      {mark?.diff && <span className="node-diff">{DIFF_WORDS[mark.diff]}</span>}
      {mark?.people && <People people={mark.people} />}
      {mark?.conflicts && <ConflictBadge id={id} label={label} count={mark.conflicts} />}
      <Handle type="source" position="right" />
    </div>
  );
});
