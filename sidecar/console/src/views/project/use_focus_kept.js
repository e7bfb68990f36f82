// Focus is never taken by what others do. Only when what had it is deleted must it go somewhere: to the list's
// heading, which says why.
import { useLayoutEffect, useRef } from 'react';

import { labelOf, nodesOf } from './flow.js';

const idOf = (element) => element?.closest?.('[data-node]')?.dataset.node ?? element?.closest?.('.react-flow__node')?.dataset.id;

/** Gives handlers for the element around canvas and list. */
export function useFocusKept({ document: blueprint, heading, announce }) {
  const held = useRef(null);
  useLayoutEffect(() => {
    const before = held.current;
    if (!before || nodesOf(blueprint).some(({ id }) => String(id) === before.id)) return;
    held.current = null;
    const isLost = !document.activeElement || document.activeElement === document.body;
    if (!isLost) return;
    heading.current?.focus();
    announce(`${before.label} was deleted. Focus moved to the list of nodes.`);
  }, [blueprint, heading, announce]);
  return {
    onFocusCapture: ({ target }) => {
      const id = idOf(target);
      const node = id !== undefined && nodesOf(blueprint).find((other) => String(other.id) === id);
      held.current = node ? { id, label: labelOf(node) } : null;
    },
    onBlurCapture: ({ relatedTarget }) => {
      if (relatedTarget) held.current = null;
    },
  };
}
