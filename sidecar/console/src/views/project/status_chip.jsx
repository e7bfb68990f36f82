import './status.css';
import { Icon } from '../../parts/icon.jsx';
import { statusOf } from './status_words.js';

const icons = { work: 'edit', wait: 'clock', good: 'check', bad: 'alert', over: 'archive' };

export function StatusChip({ status }) {
  const { code, label, tone } = statusOf(status);
  return (
    <span className="status-chip" data-status={code} data-tone={tone}>
      <Icon name={icons[tone]} />
      {label}
    </span>
  );
}
