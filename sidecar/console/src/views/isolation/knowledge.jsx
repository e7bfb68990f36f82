// Whom to try it with, and what is known of them; ids may be put in by hand.
import { useId } from 'react';

const fields = [
  { key: 'tenant', title: 'Company' },
  { key: 'project', title: 'Project' },
  { key: 'version', title: 'Automation version' },
];

export function Knowledge({ others, other, choose, given, change, sees }) {
  const id = useId();
  return (
    <div className="isolation-known">
      {others.length > 0 && (
        <p>
          <label htmlFor={`${id}-other`}>Target</label>
          <select id={`${id}-other`} value={other.key} onChange={({ target }) => choose(target.value)}>
            {others.map(({ key, name, tenant }) => (
              <option key={key} value={key}>
                {tenant.name} ({name})
              </option>
            ))}
          </select>
        </p>
      )}
      {fields.map(({ key, title }) => (
        <p key={key}>
          <label htmlFor={`${id}-${key}`}>{title}</label>
          <input
            id={`${id}-${key}`}
            spellCheck="false"
            autoComplete="off"
            placeholder="ID"
            value={given[key] ?? ''}
            onChange={({ target }) => change({ [key]: target.value.trim() })}
          />
        </p>
      ))}
      {sees && (
        <p className="isolation-sees">
          For comparison, {other.name} sees {sees.join(', ')}.
        </p>
      )}
    </div>
  );
}
