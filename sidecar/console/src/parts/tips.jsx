// What a control is called, beside it while the pointer or the focus is there: one layer for the page and every element
// with data-tip. An element whose own words are in sight needs none. Who sees the tip may go into it; Escape, a press
// and scrolling take it away. It repeats names only, so that a screen reader is told nothing of it.
import './tips.css';

import { useEffect, useLayoutEffect, useRef, useState } from 'react';

const WAIT_MS = 350; // of a pointer; who has just seen one sees the next at once
const STAY_MS = 120; // to reach the tip itself
const MARGIN = 6;

const isInSight = (words) => words !== null && words.offsetWidth > 1;

/** The element that has something to say of what is under the pointer or has the focus; null when there is none. */
function speaker(target) {
  const element = target instanceof Element ? target.closest('[data-tip]') : null;
  return element && (element.ariaDisabled === 'true' || !isInSight(element.querySelector('.button-label'))) ? element : null;
}

function useTip() {
  const [tip, setTip] = useState(null); // { element, text }
  const box = useRef(null);
  useEffect(() => {
    let timer = null;
    let shown = null;
    const set = (element) => {
      clearTimeout(timer);
      if (element === shown) return;
      shown = element;
      setTip(element && { element, text: element.dataset.tip });
    };
    const soon = (element, ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => set(element), ms);
    };
    const over = ({ target, pointerType }) => {
      if (pointerType === 'touch') return;
      if (box.current?.contains(target)) return clearTimeout(timer);
      const element = speaker(target);
      if (element) soon(element, shown ? 0 : WAIT_MS);
      // what has the focus keeps its own
      else if (!shown?.matches(':focus-visible')) soon(null, STAY_MS);
    };
    const focus = ({ target }) => set(target.matches(':focus-visible') ? speaker(target) : null);
    const hide = () => set(null);
    const key = (event) => event.key === 'Escape' && hide();
    const listeners = { pointerover: over, focusin: focus, focusout: hide, pointerdown: hide, click: hide, keydown: key, scroll: hide };
    for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener, { capture: true, passive: true });
    return () => {
      clearTimeout(timer);
      for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener, { capture: true });
    };
  }, []);
  return [tip, box];
}

export function Tips() {
  const [tip, box] = useTip();
  // below what it is of, or above where there is no room; always in the window
  useLayoutEffect(() => {
    if (!tip) return;
    const { left, top, bottom, width } = tip.element.getBoundingClientRect();
    const { offsetWidth: own, offsetHeight: height, style } = box.current;
    const right = document.documentElement.clientWidth - own - MARGIN;
    style.left = `${Math.max(Math.min(left + (width - own) / 2, right), MARGIN)}px`;
    style.top = `${bottom + MARGIN + height < innerHeight ? bottom + MARGIN : Math.max(top - MARGIN - height, 0)}px`;
  }, [tip, box]);
  return (
    tip && (
      <div className="tip" aria-hidden="true" ref={box}>
        {tip.text}
      </div>
    )
  );
}
