// The entries as a table; a row opens to everything that is known of it.
import { Fragment, memo, useState } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { useDirectory } from '../../parts/use_directory.js';
import { Icon } from '../../parts/icon.jsx';
import { roleName } from '../../parts/people.js';
import { Time } from '../../parts/time.jsx';
import { actionWords, changesOf, kindName, pretty, summary } from './audit_words.js';

const ways = { jwt: 'Login token', api_key: 'API key', impersonate: 'On behalf of the user' };

// [words, value] of what is known of how it was done
function factsOf({ roles, via, request_id: request, session_id: session, resource_type: type, resource_id: id, db_user: db }) {
  return [
    ['Roles', (roles ?? []).map(roleName).join(', ')],
    ['Signed in by', ways[via] ?? via],
    [`${kindName(type)} ID`, id],
    ['Request', request],
    ['Session', session],
    ['Database user', db],
  ].filter(([, value]) => value);
}

function More({ entry, nameOf }) {
  const changes = changesOf(entry, nameOf);
  return (
    <tr className="audit-more-row">
      <td colSpan={5}>
        {changes.length > 0 && (
          <dl className="audit-changes">
            {changes.map(({ name, field, before, after }) => (
              <div key={name}>
                <dt>{field}</dt>
                <dd>
                  {before !== null && <del>{before}</del>} {after !== null && <ins>{after}</ins>}
                </dd>
              </div>
            ))}
          </dl>
        )}
        <dl className="audit-facts">
          {factsOf(entry).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <details className="audit-raw">
          <summary>Raw data</summary>
          <pre className="audit-json" tabIndex={0} aria-label="Raw data">
            {pretty(entry)}
          </pre>
        </details>
      </td>
    </tr>
  );
}

const Entry = memo(function Entry({ entry, isOpen, record, nameOf, toggle }) {
  const name = entry.name ?? (entry.user_id ? nameOf(entry.user_id) : null) ?? (entry.user_id ? 'Someone' : 'System');
  return (
    <tr className="audit-row" data-audit={entry.id} data-open={isOpen || undefined}>
      <td>
        <button type="button" className="audit-open" aria-expanded={isOpen} aria-label={`Details of entry ${entry.id}`} onClick={() => toggle(entry.id)}>
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
      <td>{actionWords(entry)}</td>
      <td className="audit-what">{[record, summary(entry, nameOf)].filter(Boolean).join(': ')}</td>
    </tr>
  );
});

// what the row is called that an entry is about, where that is known and not said anyway
function recordOf({ resource_type: type, resource_id: id, changes }, names, nameOf) {
  if (type === 'tenant_user' || type === 'user') return nameOf(id);
  if (type === 'user_role') return nameOf(id?.split(':')[0]);
  return changes?.new?.name ? undefined : names.get(`${type}:${id}`);
}

export function AuditTable({ entries, names, isLive }) {
  const [open, setOpen] = useState(null);
  const toggle = useState(() => (id) => setOpen((before) => (before === id ? null : id)))[0];
  const { known: nameOf } = useDirectory();
  if (entries.length === 0) return null;
  return (
    <div className="audit-scroll" tabIndex={0} role="region" aria-label="Audit log">
      <table className="audit-table">
        <caption className="unseen">Audit log, newest first{isLive ? ', live' : ''}</caption>
        <thead>
          <tr>
            {['Entry', 'When', 'Who', 'What', 'Details'].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Fragment key={entry.id}>
              <Entry entry={entry} isOpen={open === entry.id} record={recordOf(entry, names, nameOf)} nameOf={nameOf} toggle={toggle} />
              {open === entry.id && <More entry={entry} nameOf={nameOf} />}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}
