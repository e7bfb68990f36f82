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
        const { label, field, ours, theirs } = asked(question, document, () => 'somebody');
        return (
          <li key={question.key}>
            <strong>{label}</strong>, {field}: is “{ours}” since, would be “{theirs}”
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
      {error && <ErrorLine error={error} what={entry ? `Version ${entry.version} is not taken back.` : 'Not brought back.'} dismiss={forget} />}
      {left && (
        <p>
          <Icon name="info" /> Taken back but for what was changed since:
        </p>
      )}
      {conflicts.length > 0 && <Conflicts conflicts={conflicts} document={document} />}
      {error?.code === 'conflict' && entry && (
        <button type="button" className="button small" onClick={() => takeBack(entry, 'ours')}>
          Take back the rest, keep these
        </button>
      )}
    </div>
  );
}
