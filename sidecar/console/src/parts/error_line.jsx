// A refusal in the server's own words: what it says, what may help, and its code for those who look it up. `again`
// offers another try, `dismiss` takes the line away.
import './parts.css';
import { Icon } from './icon.jsx';

export function ErrorLine({ error, what, again, dismiss }) {
  if (!error) return null;
  const hint = error.hint ?? error.details?.hint;
  return (
    <div className="error-line" role="alert" data-code={error.code}>
      <Icon name="alert" />
      <p>
        {what && <strong>{what} </strong>}
        <span title={error.message}>{wordsOf(error)}</span> {hint && sentence(hint)}{' '}
        {error.code && <code className="error-line-code">{error.code}</code>}
      </p>
      {again && (
        <button type="button" className="button quiet small" onClick={again}>
          Try again
        </button>
      )}
      {dismiss && (
        <button type="button" className="icon-button" aria-label="Dismiss" onClick={dismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

// "... is not for this role to change": whatever it is, that is what it comes to
const wordsOf = ({ code, message }) =>
  code === 'forbidden' && / not for this role /.test(message) ? 'You do not have permission to do this.' : sentence(message ?? 'Something went wrong');

/** The server's messages begin in lower case and end without a point. */
export function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
