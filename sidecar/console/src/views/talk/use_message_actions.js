// What may be done to a message, as one object that stays the same for a thread: so that a message is drawn again only
// when it has changed itself.
import { useMemo } from 'react';

export function useMessageActions({ edit, remove, retry, discard }) {
  return useMemo(() => ({ edit, remove, retry, discard }), [edit, remove, retry, discard]);
}
