// Undo and redo of one's own edits; off only where it is known that there is nothing to do, and then they say so.
import { IconButton } from '../../parts/icon_button.jsx';
import { whyNot } from './steps_known.js';

export function StepButtons({ back, document, canEdit }) {
  const why = (step) => whyNot(back.known, step, { document, canEdit });
  return (
    <>
      <IconButton icon="undo" label="Undo my last edit" onClick={back.undo} why={why('undo')} />
      <IconButton icon="redo" label="Redo my last edit" onClick={back.redo} why={why('redo')} />
    </>
  );
}
