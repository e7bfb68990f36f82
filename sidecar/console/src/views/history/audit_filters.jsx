// What of the log to show; applied as it is changed.
import { useRef } from 'react';

import { filtersOf } from './audit_words.js';

const types = ['automation', 'automation_version', 'project', 'task', 'message', 'user', 'tenant', 'tenant_user', 'user_role', 'project_member'];
const WAIT_MS = 300;

export function AuditFilters({ entries, apply }) {
  const timer = useRef(null);
  const people = [...new Map(entries.filter(({ user_id: id }) => id).map(({ user_id: id, name }) => [id, name ?? id]))];
  const change = (event) => {
    const fields = Object.fromEntries(new FormData(event.currentTarget));
    clearTimeout(timer.current);
    timer.current = setTimeout(() => apply(filtersOf(fields)), WAIT_MS);
  };
  return (
    <form className="audit-filters" role="search" aria-label="Filter of the audit log" onChange={change} onSubmit={(event) => event.preventDefault()} onReset={() => apply({})}>
      <label>
        Action begins with
        <input name="action" placeholder="task.status." autoComplete="off" spellCheck="false" />
      </label>
      <label>
        Who
        <input name="user" list="audit-people" placeholder="id of a user" autoComplete="off" />
        <datalist id="audit-people">
          {people.map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </datalist>
      </label>
      <label>
        Kind of row
        <select name="type" defaultValue="">
          <option value="">all</option>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </label>
      <label>
        Row
        <input name="id" placeholder="id" autoComplete="off" spellCheck="false" />
      </label>
      <label>
        From
        <input name="from" type="date" />
      </label>
      <label>
        Up to
        <input name="to" type="date" />
      </label>
      <button type="reset" className="button quiet small">
        Show all
      </button>
    </form>
  );
}
