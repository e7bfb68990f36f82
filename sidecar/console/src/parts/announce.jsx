// What a screen reader is told of changes that nobody here made. One polite live region for the page: useAnnounce()
// gives a function that says a sentence; many at once become one.
import { createContext, useCallback, useContext, useRef, useState } from 'react';

const Announce = createContext(() => {});
const GATHER_MS = 700;

export const useAnnounce = () => useContext(Announce);

export function Announcer({ children }) {
  const [said, setSaid] = useState('');
  const waiting = useRef([]);
  const announce = useCallback((sentence) => {
    waiting.current.push(sentence);
    if (waiting.current.length > 1) return;
    setTimeout(() => {
      const sentences = waiting.current.splice(0);
      setSaid(sentences.length > 3 ? `${sentences.length} changes. ${sentences.at(-1)}` : sentences.join(' '));
    }, GATHER_MS);
  }, []);
  return (
    <Announce.Provider value={announce}>
      {children}
      <div className="unseen" role="status" aria-live="polite">
        {said}
      </div>
    </Announce.Provider>
  );
}
