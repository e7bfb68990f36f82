// Follows what can be undone and redone: by the edits that are made here, by what the server answers, and by what the
// same person does elsewhere.
import { useEffect, useReducer, useRef } from 'react';

import { useEvent, useRealtime } from '@wrk-copilot/realtime/react';

import { UNKNOWN, knownAfter } from './steps_known.js';

const OURS = /^blueprint\.(apply|undo|redo)$/;
const KEYS_MAX = 100;

// The keys of the edits that this client has sent.
function useOwnKeys(client) {
  const keys = useRef(new Set());
  useEffect(
    () =>
      client.on('frame', ({ direction, json: { type, payload } }) => {
        if (direction !== 'out' || type !== 'call' || !OURS.test(payload.method)) return;
        keys.current.add(payload.key);
        if (keys.current.size > KEYS_MAX) keys.current.delete(keys.current.values().next().value);
      }),
    [client],
  );
  return keys;
}

/** Gives what is known, and a function to say what a step has come to. */
export function useStepsKnown({ store, pending, error }) {
  const client = useRealtime();
  const [known, note] = useReducer(knownAfter, UNKNOWN);
  const keys = useOwnKeys(client);
  useEffect(() => {
    if (error) note('elsewhere');
    else if (pending) note('edit');
  }, [pending, error]);
  useEvent(store && `automation_version:${store.id}`, 'blueprint.updated', ({ sender_id: sender, key }) => {
    if (sender === client.user?.id && !keys.current.has(key)) note('elsewhere');
  });
  return [known, note];
}
