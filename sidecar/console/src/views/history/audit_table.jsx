// The entries as a table; a row opens to everything that is known of it.
import { Fragment, memo, useState } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { Icon } from '../../parts/icon.jsx';
import { Time } from '../../parts/time.jsx';
import { opWord, pretty, summary } from './audit_words.js';

const known = ['via', 'roles', 'request_id', 'session_id', 'db_user', 'actor', 'resource_id'];

function More({ entry }) {
  return (
    <tr className="audit-more-row">
      <td colSpan={6}>
        <dl className="audit-facts">
          {known
            .filter((name) => entry[name] !== null && entry[name] !== undefined)
            .map((name) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{Array.isArray(entry[name]) ? entry[name].join(', ') : entry[name]}</dd>
              </div>
            ))}
        </dl>
        <pre className="audit-json" tabIndex={0} aria-label="Changes">
          {pretty({ ...entry.changes, ...(entry.metadata && { metadata: entry.metadata }) })}
        </pre>
      </td>
    </tr>
  );
}

const Entry = memo(function Entry({ entry, isOpen, toggle }) {
  const name = entry.name ?? (entry.user_id ? 'Somebody' : 'The system');
  return (
    <tr className="audit-row" data-audit={entry.id} data-open={isOpen || undefined}>
      <td className="audit-id">
        <button type="button" className="audit-open" aria-expanded={isOpen} aria-label={`Everything about entry ${entry.id}`} onClick={() => toggle(entry.id)}>
          <Icon name={isOpen ? 'chevron_down' : 'chevron_right'} />
          {entry.id}
        </button>
      </td>
      <td className="audit-when">
        <Time at={entry.created_at} />
      </td>
      <td>
        <span className="audit-who">
          <Avatar id={entry.user_id ?? 'system'} name={name} size="s" />
          {name}
        </span>
      </td>
      <td>
        <code>{entry.action}</code>
      </td>
      <td className="audit-kind">
        {entry.resource_type} {opWord(entry.op)}
      </td>
      <td className="audit-what">{summary(entry)}</td>
    </tr>
  );
});

export function AuditTable({ entries, isLive }) {
  const [open, setOpen] = useState(null);
  const toggle = useState(() => (id) => setOpen((before) => (before === id ? null : id)))[0];
  if (entries.length === 0) return null;
  return (
    <div className="audit-scroll" tabIndex={0} role="region" aria-label="Audit log">
      <table className="audit-table">
        <caption className="unseen">Audit log, newest first{isLive ? ', live' : ''}</caption>
        <thead>
          <tr>
            {['Entry', 'When', 'Who', 'Action', 'Row', 'What'].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Fragment key={entry.id}>
              <Entry entry={entry} isOpen={open === entry.id} toggle={toggle} />
              {open === entry.id && <More entry={entry} />}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}
