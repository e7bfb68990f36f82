// What stands in the way of going back: the database's words, and each thing that others have changed since.
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { asked, questions } from '../project/conflicts.js';

// the log names the column first
const below = (conflict) => (conflict.path?.[0] === 'blueprint_json' ? { ...conflict, path: conflict.path.slice(1) } : conflict);

function Conflicts({ conflicts, document }) {
  const asking = questions(conflicts.map(below), document);
  return (
    <ul className="revert-conflicts">
      {asking.map((question) => {
        const { label, field, ours, theirs } = asked(question, document, () => 'someone');
        return (
          <li key={question.key}>
            <strong>{label}</strong>, {field}: now “{ours}”, reverting would make it “{theirs}”
          </li>
        );
      })}
    </ul>
  );
}

export function RevertProblem({ problem: { error, left, entry }, document, takeBack, forget }) {
  const conflicts = left ?? error?.details?.conflicts ?? [];
  return (
    <div className="revert-problem">
      {error && <ErrorLine error={error} what={entry ? `Version ${entry.version} was not reverted.` : 'The version was not restored.'} dismiss={forget} />}
      {left && (
        <p>
          <Icon name="info" /> Reverted, except for what has changed since:
        </p>
      )}
      {conflicts.length > 0 && <Conflicts conflicts={conflicts} document={document} />}
      {error?.code === 'conflict' && entry && (
        <button type="button" className="button small" onClick={() => takeBack(entry, 'ours')}>
          Revert the rest and keep these
        </button>
      )}
    </div>
  );
}
