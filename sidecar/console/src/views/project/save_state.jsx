// Whether the server has everything. A refused edit stays on the screen until somebody decides.
import { useConnectionStatus } from '@wrk-copilot/realtime/react';

import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';

const isOnline = (state) => state === 'connected' || state === 'polling';

function wordsOf({ error, pending, state, canEdit, document }) {
  if (!document) return ['loading', 'clock', 'Loading …'];
  if (error) return ['refused', 'alert', 'Not saved'];
  if (pending) return isOnline(state) ? ['pending', 'refresh', 'Saving …'] : ['offline', 'clock', 'Offline, saved when back online'];
  return canEdit ? ['saved', 'check', 'Saved'] : ['locked', 'lock', 'Read only'];
}

export function SaveState({ blueprint: { error, pending, document }, canEdit }) {
  const { state } = useConnectionStatus();
  const [key, icon, words] = wordsOf({ error, pending, state, canEdit, document });
  return (
    <span className="save-state" data-save={key} role="status">
      <Icon name={icon} />
      {words}
    </span>
  );
}

export function SaveRefusal({ blueprint: { store, error, document } }) {
  if (!error) return null;
  if (!store?.pending) return <ErrorLine error={error} what={document ? 'Live updates have stopped.' : 'The blueprint could not be loaded.'} />;
  return (
    <div className="save-refusal">
      <ErrorLine error={error} what="Your changes were not saved." again={() => store.flush()} />
      <button type="button" className="button quiet small" onClick={() => store.discard()}>
        Discard changes
      </button>
    </div>
  );
}
