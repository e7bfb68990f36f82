// Names of people who wrote here and are neither members of the project nor there: whoever has got a message that
// everybody may read is named with it.
import { useEffect, useRef, useState } from 'react';

import { useCall } from '@wrk-copilot/realtime/react';

import { strangersIn } from './rows.js';

const NOBODY = new Map();

/** Map of id -> name; known: ids that need no asking. */
export function useAuthors(messages, known) {
  const [names, setNames] = useState(NOBODY);
  const { call } = useCall('message.receipts');
  const asked = useRef(new Set()); // ids that were asked for, whatever came of it
  const strangers = strangersIn(messages, (id) => known.has(id) || asked.current.has(id));
  // the oldest that everybody reads: who has got a later one has got this
  const about = messages.find(({ type, state, deleted_at: gone }) => type === 'client' && !gone && state !== 'sending' && state !== 'failed')?.id;
  const key = strangers.join(' ');
  useEffect(() => {
    if (!key || !about) return;
    for (const id of key.split(' ')) asked.current.add(id);
    call({ id: about }).then(
      ({ receipts }) => setNames((before) => new Map([...before, ...receipts.map(({ user_id: id, name }) => [id, name])])),
      // a name is not worth a complaint
      () => {},
    );
  }, [key, about, call]);
  return names;
}
