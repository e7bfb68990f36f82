// A line that moves or is drawn anew takes the focus with it: who ticked a task off by keyboard goes on from there.
// Nobody who has gone elsewhere is called back.
import { useEffect, useLayoutEffect, useRef } from 'react';

const isLost = () => !document.activeElement || document.activeElement === document.body;

/** box: the list. Lines have data-task; what can have the focus in them has data-focus. */
export function useFocusKept(box) {
  const last = useRef(null); // { task, focus }
  useEffect(() => {
    const remember = ({ target }) => {
      const part = box.current?.contains(target) && target.closest('[data-focus]');
      const line = part && part.closest('[data-task]');
      last.current = line ? { task: line.dataset.task, focus: part.dataset.focus } : null;
    };
    const forget = ({ target }) => box.current?.contains(target) || (last.current = null);
    document.addEventListener('focusin', remember);
    document.addEventListener('pointerdown', forget);
    return () => {
      document.removeEventListener('focusin', remember);
      document.removeEventListener('pointerdown', forget);
    };
  }, [box]);
  useLayoutEffect(() => {
    if (!last.current || !isLost()) return;
    const { task, focus } = last.current;
    box.current.querySelector(`[data-task="${CSS.escape(task)}"] [data-focus="${focus}"]`)?.focus({ preventScroll: true });
  });
}
