// What of the log to show: people, kinds of activity and records by name; applied as it is changed.
import { useRef } from 'react';

import { useDirectory } from '../../parts/use_directory.js';
import { actionChoices, filtersOf } from './audit_words.js';
import { choicesOf } from './use_records.js';

const WAIT_MS = 300;

function Choice({ label, name, all, groups }) {
  return (
    <label>
      {label}
      <select name={name} defaultValue="">
        <option value="">{all}</option>
        {groups.map(([title, choices]) =>
          title ? (
            <optgroup key={title} label={title}>
              {choices.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </optgroup>
          ) : (
            choices.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))
          ),
        )}
      </select>
    </label>
  );
}

/** records: { projects, automations, versions }, those that there are to choose from. */
export function AuditFilters({ records, apply }) {
  const timer = useRef(null);
  const { list } = useDirectory();
  const change = (event) => {
    const fields = Object.fromEntries(new FormData(event.currentTarget));
    clearTimeout(timer.current);
    timer.current = setTimeout(() => apply(filtersOf(fields)), WAIT_MS);
  };
  return (
    <form className="audit-filters" role="search" aria-label="Filter the audit log" onChange={change} onSubmit={(event) => event.preventDefault()} onReset={() => apply({})}>
      <Choice label="Person" name="user" all="Anyone" groups={[[null, list.map(({ id, name }) => [id, name])]]} />
      <Choice label="Activity" name="action" all="Any activity" groups={actionChoices} />
      <Choice label="Record" name="row" all="Any record" groups={choicesOf(records)} />
      <label>
        From
        <input name="from" type="date" />
      </label>
      <label>
        To
        <input name="to" type="date" />
      </label>
      <button type="reset" className="button quiet small">
        Clear filters
      </button>
    </form>
  );
}
