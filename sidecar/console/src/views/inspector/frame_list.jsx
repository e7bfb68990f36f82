// Only the lines in view are drawn. New frames come in at the end, and move nobody who looks further up. Arrows,
// Page Up and Down, Home and End choose.
import { useId, useLayoutEffect, useRef, useState } from 'react';

import { Icon } from '../../parts/icon.jsx';
import { gist, sizeWords, stamp } from './frame_filter.js';

const LINE = 28; // px, as in inspector.css
const MORE = 8; // lines drawn beyond both ends
const PAGE = 12;
const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE, Home: -Infinity, End: Infinity };

function useWindow(count, isHeld) {
  const box = useRef(null);
  const isAtEnd = useRef(true);
  const [view, setView] = useState({ from: 0, to: 60 });
  const look = () => {
    if (!box.current) return; // scrolled while it went away
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < LINE;
    const from = Math.max(Math.floor(scrollTop / LINE) - MORE, 0);
    const to = Math.ceil((scrollTop + clientHeight) / LINE) + MORE;
    setView((before) => (before.from === from && before.to === to ? before : { from, to }));
  };
  useLayoutEffect(() => {
    if (isAtEnd.current && !isHeld) box.current.scrollTop = box.current.scrollHeight;
    look();
  }, [count, isHeld]);
  const show = (index) => {
    const { scrollTop, clientHeight } = box.current;
    if (index * LINE < scrollTop) box.current.scrollTop = index * LINE;
    else if ((index + 1) * LINE > scrollTop + clientHeight) box.current.scrollTop = (index + 1) * LINE - clientHeight;
  };
  return { box, view, look, show };
}

function Line({ frame, id, index, count, isChosen, choose }) {
  const { n, at, direction, type, text } = frame;
  return (
    <div
      id={id}
      role="option"
      className="inspector-frame"
      data-frame={n}
      data-direction={direction}
      data-type={type}
      aria-selected={isChosen}
      aria-posinset={index + 1}
      aria-setsize={count}
      style={{ top: index * LINE }}
      onClick={() => choose(n)}
    >
      <Icon name={direction === 'in' ? 'arrow_in' : 'arrow_out'} />
      <span className="unseen">{direction === 'in' ? 'received' : 'sent'}</span>
      <span className="mono inspector-stamp">{stamp(at)}</span>
      <span className="inspector-type">{type}</span>
      <span className="inspector-gist">{gist(frame)}</span>
      <span className="inspector-size">{sizeWords(text.length)}</span>
    </div>
  );
}

export function FrameList({ frames, chosen, choose, isHeld }) {
  const id = useId();
  const { box, view, look, show } = useWindow(frames.at(-1)?.n, isHeld);
  const now = frames.findIndex(({ n }) => n === chosen);
  const move = (event) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const from = now < 0 ? frames.length : now;
    const next = Math.min(Math.max(from + step, 0), frames.length - 1);
    choose(frames[next].n);
    show(next);
  };
  return (
    <div
      className="inspector-list"
      ref={box}
      role="listbox"
      aria-label={`${frames.length} frames, oldest first`}
      aria-activedescendant={now >= view.from && now < view.to ? `${id}-${chosen}` : undefined}
      tabIndex={0}
      onScroll={look}
      onKeyDown={move}
    >
      <div className="inspector-list-all" role="presentation" style={{ height: frames.length * LINE }}>
        {frames.slice(view.from, view.to).map((frame, i) => (
          <Line
            key={frame.n}
            id={`${id}-${frame.n}`}
            frame={frame}
            index={view.from + i}
            count={frames.length}
            isChosen={frame.n === chosen}
            choose={choose}
          />
        ))}
      </div>
    </div>
  );
}
