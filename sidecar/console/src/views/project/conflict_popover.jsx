// A conflict, on the node that it is about: whose is what, and what becomes of it. It takes no focus by itself, and
// what it says is announced; one gesture is one question, and one click decides it.
import './conflict.css';

import { useEffect, useRef } from 'react';

import { useStore } from '@xyflow/react';

import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { asked } from './conflicts.js';
import { CARD, nodesOf, placeOf } from './flow.js';
import { useFocusReturn } from './use_focus_return.js';

const SIZE = { width: 320, height: 236 };
const GAP = 12;

// Above the node if there is room, because its properties are below; always in sight.
export function placed({ transform: [dx, dy, zoom], width, height }, place) {
  const within = (at, size, room) => Math.min(Math.max(at, GAP), Math.max(room - size - GAP, GAP));
  if (!place) return { left: GAP, top: GAP };
  const left = within(place.x * zoom + dx, SIZE.width, width);
  const below = (place.y + CARD.height) * zoom + dy + GAP;
  const above = place.y * zoom + dy - GAP - SIZE.height;
  return { left, top: above >= GAP ? above : within(below, SIZE.height, height) };
}

function Side({ name, value, stands }) {
  return (
    <div className="conflict-side" data-stands={stands || undefined}>
      <dt>{name}</dt>
      <dd>
        {value}
        {stands && (
          <span className="conflict-stands">
            <Icon name="check" />
            Current
          </span>
        )}
      </dd>
    </div>
  );
}

export function ConflictPopover({ question, count, document, nameOf, decide, later, turn, back }) {
  const choicesRef = useRef(null);
  const focus = useFocusReturn(() => back(question.node ?? undefined));
  // who asked to see it is led to it; who did not is left where they are
  useEffect(() => {
    if (turn > 0) choicesRef.current.querySelector('button').focus();
  }, [turn]);
  const node = nodesOf(document).find(({ id }) => String(id) === question.node);
  const { left, top } = useStore(
    (view) => placed(view, node && placeOf(node)),
    (a, b) => a.left === b.left && a.top === b.top,
  );
  const { label, who, field, ours, theirs, won, choices } = asked(question, document, nameOf);
  const both = choices.find(({ choice }) => choice === 'both');
  return (
    <section
      className="conflict"
      data-conflict={question.node ?? ''}
      aria-label={`Conflict about ${field} of ${label}`}
      style={{ left, top }}
      onKeyDown={({ key }) => key === 'Escape' && later()}
      {...focus}
    >
      <header className="conflict-top">
        <Icon name="alert" />
        <div>
          <h2>{label}</h2>
          <p>
            You and {who} changed {field} at the same time
          </p>
        </div>
        {count > 1 && <span className="badge">{count}</span>}
        <IconButton icon="close" label="Decide later" onClick={later} />
      </header>
      <dl className="conflict-sides">
        <Side name="Yours" value={ours} stands={won === 'ours'} />
        <Side name={`Theirs (${who})`} value={theirs} stands={won === 'theirs'} />
      </dl>
      <div className="conflict-choices" ref={choicesRef}>
        {choices.map(({ choice, name }) => (
          <button key={choice} type="button" className={`button small${choice === won ? '' : ' quiet'}`} onClick={() => decide(question, choice)}>
            {name}
          </button>
        ))}
      </div>
      {both && <p className="conflict-hint">“Keep both” {both.hint}.</p>}
    </section>
  );
}
