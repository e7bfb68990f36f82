// What is known of one's own edits of a document: is there one to be undone, and one to be redone? null is not known,
// as when the page has just been opened: the server keeps them, and only it can say.

export const UNKNOWN = { undo: null, redo: null };

/** known, after what has come: edit, undone, redone, no undo, no redo, or elsewhere: by the same person, not from here. */
export function knownAfter(known, what) {
  switch (what) {
    case 'edit':
      return { undo: true, redo: false };
    case 'undone':
      return { undo: null, redo: true };
    case 'redone':
      return { undo: true, redo: null };
    case 'no undo':
      return { ...known, undo: false };
    case 'no redo':
      return { ...known, redo: false };
    default:
      return UNKNOWN;
  }
}

/** Why a step cannot be taken; undefined when it can, or when only trying will tell. */
export function whyNot(known, step, { document, canEdit }) {
  if (!document) return 'still loading';
  if (!canEdit) return 'read only in this status';
  return known[step] === false ? `nothing to ${step}` : undefined;
}
