// Which conflict is being asked about. The newest is shown by itself; who wants to decide later finds it on its node.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { asked, questions as asQuestions } from './conflicts.js';

const CLOSED = Symbol('closed');

export function useConflicts({ blueprint: { conflicts, document, resolve }, editors, nameOf: named, announce }) {
  const questions = useMemo(() => asQuestions(conflicts, document), [conflicts, document]);
  // where it is not told with whom it is, who was last at the node is seen
  const nameOf = useCallback(
    (by, name, node) => {
      const other = by ?? editors.get(node);
      return other ? named(other, name) : 'someone else';
    },
    [named, editors],
  );
  const [chosen, setChosen] = useState(null); // key, null: the first, CLOSED
  const [turn, setTurn] = useState(0); // how often somebody has asked to see it since it was closed
  const [error, setError] = useState(null);
  const known = useRef(new Set());
  useEffect(() => {
    const fresh = questions.filter(({ key }) => !known.current.has(key));
    known.current = new Set(questions.map(({ key }) => key));
    if (questions.length === 0) setTurn(0);
    if (fresh.length === 0) return;
    const { label, who, field } = asked(fresh[0], document, nameOf);
    announce(`Conflict: you and ${who} changed ${field} of ${label} at the same time.`);
    setChosen((key) => (key === CLOSED ? null : key));
  }, [questions, document, nameOf, announce]);
  const open = chosen === CLOSED ? null : (questions.find(({ key }) => key === chosen) ?? questions[0] ?? null);
  const decide = async ({ conflicts: all }, choice) => {
    setError(null);
    try {
      for (const [i, conflict] of all.entries()) await resolve(conflict, i > 0 && choice === 'both' ? 'theirs' : choice);
      announce({ ours: 'Kept yours.', theirs: 'Kept theirs.', both: 'Kept both.' }[choice]);
    } catch (refusal) {
      setError(refusal);
    }
  };
  return {
    questions,
    nameOf,
    open,
    decide,
    error,
    later: () => {
      setChosen(CLOSED);
      setTurn(0);
    },
    turn,
    show: (key) => {
      setChosen(key);
      setTurn((n) => n + 1);
    },
    showNode: (id) => {
      setChosen(questions.find(({ node }) => node === id)?.key ?? null);
      setTurn((n) => n + 1);
    },
  };
}
