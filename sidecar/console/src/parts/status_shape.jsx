// Whether somebody is active, idle or away, by shape: a disc, half a disc, a ring. The word goes with it, for those
// who hear it.
import { statusWord } from './people.js';

export function StatusShape({ status, isSilent = false }) {
  return (
    <>
      <svg className="status-shape" data-status={status} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <circle className="status-shape-edge" cx="6" cy="6" r="5.6" />
        <circle className="status-shape-ring" cx="6" cy="6" r="3.4" />
        {status === 'active' && <circle className="status-shape-fill" cx="6" cy="6" r="4.2" />}
        {status === 'idle' && <path className="status-shape-fill" d="M6 2.6a3.4 3.4 0 0 1 0 6.8z" />}
      </svg>
      {!isSilent && <span className="unseen">{statusWord(status)}</span>}
    </>
  );
}
