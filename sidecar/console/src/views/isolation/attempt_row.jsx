// One attempt: what was asked, and both answers as they came, beside each other.
import { useState } from 'react';

import { Icon } from '../../parts/icon.jsx';

const outcomes = {
  refused: { icon: 'shield_check', word: 'Refused, identical answers', tone: 'good' },
  empty: { icon: 'shield_check', word: 'Empty, identical answers', tone: 'good' },
  learnt: { icon: 'alert', word: 'Refused, but the answers differ', tone: 'bad' },
  open: { icon: 'alert', word: 'Data returned', tone: 'bad' },
  unknown: { icon: 'info', word: 'Inconclusive', tone: 'warn' },
};

const say = ({ type, channel, payload = {} }) =>
  [type, channel, payload.method, payload.params && JSON.stringify(payload.params), payload.since && `since ${payload.since}`].filter(Boolean).join(' ');

function Answer({ title, answer, isOpen }) {
  return (
    <div className="isolation-answer">
      <h4>{title}</h4>
      {!answer && <p className="isolation-soft">No answer</p>}
      {answer && !isOpen && (
        <p>
          {answer.payload?.code && <code>{`${answer.payload.code}${answer.payload.status ? ` ${answer.payload.status}` : ''}`}</code>}{' '}
          {answer.payload?.message ?? JSON.stringify(answer.payload)?.slice(0, 160)}
        </p>
      )}
      {answer && isOpen && (
        <pre className="mono" tabIndex={0} aria-label={`${title}, raw`}>
          {JSON.stringify(answer, null, 2).slice(0, 8000)}
        </pre>
      )}
    </div>
  );
}

export function AttemptRow({ attempt, result, isBusy, go }) {
  const [isOpen, setOpen] = useState(false);
  const { icon, word, tone } = outcomes[result?.outcome] ?? {};
  return (
    <li className="isolation-attempt" data-attempt={attempt.key} data-outcome={result?.outcome ?? 'untried'} data-tone={tone}>
      <div className="isolation-line">
        <h3>{attempt.title}</h3>
        {result && (
          <span className="isolation-outcome">
            <Icon name={icon} />
            {word}
          </span>
        )}
        {result && (
          <button type="button" className="button quiet small" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Hide raw' : 'Raw'}
          </button>
        )}
        {go && (
          <button type="button" className="button quiet small" disabled={isBusy} onClick={go} aria-label={`Try: ${attempt.title}`}>
            Try
          </button>
        )}
      </div>
      {result && (
        <>
          <p className="isolation-request mono" title={say(result.request)}>
            {say(result.request)}
          </p>
          <div className="isolation-answers">
            <Answer title="Their ID" answer={result.theirs} isOpen={isOpen} />
            <Answer title="Unused ID" answer={result.nobodys} isOpen={isOpen} />
          </div>
          {result.differs.length > 0 && <p className="isolation-differs">The answers differ in {result.differs.slice(0, 5).join(', ')}</p>}
        </>
      )}
    </li>
  );
}
