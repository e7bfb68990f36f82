// Completing a name behind an @: arrows choose, Enter or Tab takes, Escape leaves it.
import { useLayoutEffect, useRef, useState } from 'react';

import { nameBeingTyped, whoFits, withName } from './mentions.js';

export function useNaming(field, text, write, people) {
  const [caret, setCaret] = useState(0);
  const [chosen, setChosen] = useState(0);
  const [refused, setRefused] = useState(null); // where Escape was pressed: not offered again there
  const moveTo = useRef(null);
  const typed = nameBeingTyped(text, caret);
  const fits = typed && typed.from !== refused ? whoFits(people, typed.query) : [];
  const active = Math.min(chosen, fits.length - 1);
  const isOpen = fits.length > 0;

  useLayoutEffect(() => {
    if (moveTo.current === null) return;
    field.current.setSelectionRange(moveTo.current, moveTo.current);
    moveTo.current = null;
  }, [text, field]);

  const pick = (index) => {
    const made = withName(text, caret, fits[index].name);
    moveTo.current = made.caret;
    setCaret(made.caret);
    setChosen(0);
    write(made.text);
    field.current.focus();
  };
  // true: the key was meant for the list
  const onKeyDown = (event) => {
    if (!isOpen) return false;
    if (event.key === 'ArrowDown') setChosen((active + 1) % fits.length);
    else if (event.key === 'ArrowUp') setChosen((active + fits.length - 1) % fits.length);
    else if (event.key === 'Enter' || event.key === 'Tab') pick(active);
    else if (event.key === 'Escape') setRefused(typed.from);
    else return false;
    event.preventDefault();
    return true;
  };
  const onSelect = ({ target }) => {
    setCaret(target.selectionStart);
    if (!nameBeingTyped(target.value, target.selectionStart)) setRefused(null);
  };
  return { isOpen, fits, active, pick, onKeyDown, onSelect, close: () => setCaret(0) };
}
