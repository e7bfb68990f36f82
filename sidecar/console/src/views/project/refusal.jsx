// A step that the database refused: its code, its words, what may help, and what would be legal.
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { statusOf } from './status_words.js';

const legalOf = ({ allowed }) => (Array.isArray(allowed) ? allowed.map((step) => (typeof step === 'string' ? step : (step.to ?? step.to_state))) : null);

export function Refusal({ error, to, dismiss }) {
  const details = error.details ?? {};
  const hint = error.hint ?? details.hint;
  const legal = legalOf(details);
  return (
    <div className="refusal" role="alert" data-code={error.code} data-refused={to}>
      <Icon name="alert" />
      <div className="refusal-text">
        <p>
          <strong>Refused by the database.</strong> {error.message}
        </p>
        {hint && <p>{hint}</p>}
        <dl className="refusal-facts">
          <dt>code</dt>
          <dd>
            <code>
              {error.code} {error.status || ''}
            </code>
          </dd>
          {legal && (
            <>
              <dt>legal from here</dt>
              <dd>{legal.length > 0 ? legal.map((code) => (code === 'previous' ? 'back to before' : statusOf(code).label)).join(', ') : 'nothing'}</dd>
            </>
          )}
        </dl>
      </div>
      <IconButton icon="close" label="Dismiss" onClick={dismiss} />
    </div>
  );
}
