// What a person may do to the document, by hand or by key: each is one edit of the store. The functions stay the
// same objects, so that what is given them need not be drawn again.
import { useCallback, useMemo, useRef } from 'react';

import { added, connected, moved, removed, renamed, withValue } from './edits.js';
import { labelOf, nodesOf } from './flow.js';

// as copilot.blueprint_states() has them; the server has the last word
const EDITABLE = ['intake_in_progress', 'needs_pricing', 'build_in_progress', 'qa_testing'];

export const isEditable = (status) => EDITABLE.includes(status);

export function useEditor({ document, edit, status, selection, announce }) {
  const canEdit = Boolean(document) && isEditable(status);
  const now = useRef(null);
  now.current = { document, edit, canEdit, selection, announce };
  const change = useCallback((make) => {
    const { document: before, edit: make_edit, canEdit: may } = now.current;
    if (!may) return false;
    const after = make(before);
    if (after !== before) make_edit(after);
    return after !== before;
  }, []);
  const actions = useMemo(() => {
    const say = (sentence) => now.current.announce(sentence);
    const remove = ({ nodes = new Set(), edges = new Set() }) => {
      if (nodes.size + edges.size === 0) return;
      const labels = nodesOf(now.current.document).filter(({ id }) => nodes.has(String(id))).map(labelOf);
      if (!change((document) => removed(document, { nodes, edges }))) return;
      now.current.selection.clear();
      say(labels.length > 0 ? `Deleted ${labels.join(', ')}.` : 'Deleted the connection.');
    };
    return {
      add({ type, label, at }) {
        let made = null;
        change((document) => {
          const [after, id] = added(document, { type, label, at });
          made = id;
          return after;
        });
        if (made) now.current.selection.only('nodes', made);
        return made;
      },
      move: (places) => change((document) => moved(document, places)),
      rename: (id, label) => change((document) => renamed(document, id, label)),
      set: (id, path, value) => change((document) => withValue(document, id, path, value)),
      connect: (ends) => change((document) => connected(document, ends)),
      remove,
      removeSelected: () => remove(now.current.selection),
    };
  }, [change]);
  return useMemo(() => ({ document, canEdit, ...actions }), [document, canEdit, actions]);
}
