// Is the audit log still what was sealed? Asked when the view is opened and whenever somebody wants to know.
import { useCallback, useEffect, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { Icon } from '../../parts/icon.jsx';
import { Time } from '../../parts/time.jsx';
import { verdict } from './audit_words.js';

const icons = { good: 'shield_check', bad: 'alert', none: 'shield' };

export function SealLight() {
  const client = useRealtime();
  const [state, setState] = useState({ answer: null, error: null, isAsking: false });
  const ask = useCallback(() => {
    setState((before) => ({ ...before, isAsking: true }));
    // each time anew: a repeated answer would be an old one
    return client.call('audit.verify', {}, { queue: false }).then(
      ({ payload }) => setState({ answer: payload, error: null, isAsking: false }),
      (error) => setState({ answer: null, error, isAsking: false }),
    );
  }, [client]);
  useEffect(() => void ask(), [ask]);
  const { answer, error, isAsking } = state;
  const said = answer ? verdict(answer) : { tone: 'none', title: error ? 'Could not be verified' : 'Verifying …', text: error?.message ?? '' };
  return (
    <div className="seal" data-seal={answer ? said.tone : error ? 'refused' : 'asking'} role="status">
      <span className="seal-lamp">
        <Icon name={icons[said.tone]} />
      </span>
      <div className="seal-text">
        <strong>{said.title}</strong>
        <span>
          {said.text}
          {answer && (
            <>
              {said.text && ', '}
              <Time at={answer.at} />
            </>
          )}
        </span>
      </div>
      <button type="button" className="button quiet small" onClick={ask} disabled={isAsking}>
        <Icon name="refresh" />
        Verify again
      </button>
    </div>
  );
}
