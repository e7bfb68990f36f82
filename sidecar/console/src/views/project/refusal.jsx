// A step that the database refused: its code, its words, what may help, and what would be legal.
import { sentence } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { statusOf } from './status_words.js';

const legalOf = ({ allowed }) => (Array.isArray(allowed) ? allowed.map((step) => (typeof step === 'string' ? step : (step.to ?? step.to_state))) : null);

// by their names, where the database tells statuses by their codes
function wordsOf({ code, message, details: { from, to } = {} }) {
  const isKnown = code === 'invalid_transition' && [from, to].every((status) => statusOf(status).label !== 'Unknown');
  return isKnown ? `A version cannot go from ${statusOf(from).label} to ${statusOf(to).label}.` : sentence(message);
}

export function Refusal({ error, to, dismiss }) {
  const details = error.details ?? {};
  const hint = error.hint ?? details.hint;
  const legal = legalOf(details);
  return (
    <div className="refusal" role="alert" data-code={error.code} data-refused={to}>
      <Icon name="alert" />
      <div className="refusal-text">
        <p>
          <strong>Not allowed.</strong> <span title={error.message}>{wordsOf(error)}</span> {hint && sentence(hint)}
        </p>
        <dl className="refusal-facts">
          <dt>Code</dt>
          <dd>
            <code>
              {error.code} {error.status || ''}
            </code>
          </dd>
          {legal && (
            <>
              <dt>Allowed next</dt>
              <dd>{legal.length > 0 ? legal.map((code) => (code === 'previous' ? 'Previous status' : statusOf(code).label)).join(', ') : 'None'}</dd>
            </>
          )}
        </dl>
      </div>
      <IconButton icon="close" label="Dismiss" onClick={dismiss} />
    </div>
  );
}
