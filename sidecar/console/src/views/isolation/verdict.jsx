// What everything that was tried comes to, in one line; an alarm if something was let out.
import { Icon } from '../../parts/icon.jsx';
import { sum } from './judge.js';

export function Verdict({ results, leaks }) {
  if (results.length === 0) return null;
  const { sentence, alarms, unknown } = sum(results.map(({ outcome }) => outcome));
  const isAlarm = alarms > 0 || leaks.length > 0;
  const tone = isAlarm ? 'bad' : unknown > 0 ? 'warn' : 'good';
  return (
    <div className="isolation-verdict" data-tone={tone} role={isAlarm ? 'alert' : 'status'}>
      <Icon name={isAlarm ? 'alert' : 'shield_check'} />
      <p>
        <strong>{sentence}</strong>
        {leaks.length > 0 && ` ${leaks.length} unrequested frames about the other company were received: ${leaks.map(({ type }) => type).join(', ')}`}
      </p>
    </div>
  );
}
