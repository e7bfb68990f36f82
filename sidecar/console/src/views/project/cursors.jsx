// Where the others point. They move without React Flow's nodes being touched, and one's own pointer is told at most
// once a frame.
import { useEffect, useMemo, useRef } from 'react';

import { ViewportPortal, useReactFlow, useStore } from '@xyflow/react';

import { hueOf } from '../../parts/people.js';

const zoomOf = ({ transform }) => transform[2];

/** Handlers for the element that the pointer is told of. */
export function usePointer({ move, hide }) {
  const { screenToFlowPosition } = useReactFlow();
  const frame = useRef(0);
  const last = useRef(null);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return useMemo(
    () => ({
      onPointerMove: ({ clientX: x, clientY: y }) => {
        last.current = { x, y };
        if (frame.current) return;
        frame.current = requestAnimationFrame(() => {
          frame.current = 0;
          if (!last.current) return;
          const place = screenToFlowPosition(last.current);
          move({ x: Math.round(place.x), y: Math.round(place.y) });
        });
      },
      onPointerLeave: () => {
        last.current = null;
        hide();
      },
    }),
    [screenToFlowPosition, move, hide],
  );
}

function Cursor({ id, name, x, y, zoom }) {
  return (
    <div className="cursor" data-hue={hueOf(id)} data-cursor={id} style={{ transform: `translate(${x}px, ${y}px) scale(${1 / zoom})` }}>
      <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true" focusable="false">
        <path d="M2 1.5 13.5 8 8.3 9.2 5.6 14z" />
      </svg>
      <span className="cursor-name">{name}</span>
    </div>
  );
}

export function Cursors({ cursors: { shown } }) {
  const zoom = useStore(zoomOf);
  return (
    <ViewportPortal>
      <div className="cursors" aria-hidden="true">
        {shown.map((cursor) => (
          <Cursor key={cursor.id} {...cursor} zoom={zoom} />
        ))}
      </div>
    </ViewportPortal>
  );
}
