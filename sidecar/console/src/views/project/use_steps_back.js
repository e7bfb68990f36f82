// Undo and redo of one's own edits, by button and by key.
import { useCallback, useMemo, useState } from 'react';

import { useStepsKnown } from './use_steps_known.js';

export function useStepsBack(blueprint, announce) {
  const { undo, redo } = blueprint;
  const [known, note] = useStepsKnown(blueprint);
  const [refused, setRefused] = useState(null); // { error, step }
  const go = useCallback(
    async (step, mode) => {
      setRefused(null);
      try {
        const answer = await (step === 'undo' ? undo : redo)(mode);
        const done = step === 'undo' ? answer.undone : answer.redone;
        note(done === null ? `no ${step}` : step === 'undo' ? 'undone' : 'redone');
        if (done === null) announce(`Nothing to ${step}.`);
        else announce(answer.changed === false ? 'Nothing left to change.' : step === 'undo' ? 'Undone.' : 'Redone.');
      } catch (error) {
        setRefused({ error, step });
      }
    },
    [undo, redo, announce, note],
  );
  const onKeyDown = useCallback(
    (event) => {
      const isKey = (event.ctrlKey || event.metaKey) && !event.altKey && /^[zy]$/i.test(event.key);
      // a field undoes its own letters
      if (!isKey || event.target.closest('input, textarea, select')) return;
      event.preventDefault();
      go(event.key.toLowerCase() === 'y' || event.shiftKey ? 'redo' : 'undo');
    },
    [go],
  );
  return useMemo(
    () => ({ undo: () => go('undo'), redo: () => go('redo'), rest: () => go(refused.step, 'ours'), forget: () => setRefused(null), refused, known, onKeyDown }),
    [go, refused, known, onKeyDown],
  );
}
