// Which document: automations, and the versions of each.
import { statusOf } from './status_words.js';

function grouped(versions) {
  const groups = new Map();
  for (const version of versions) {
    const { automation_id: id, automation_name: name } = version;
    if (!groups.has(id)) groups.set(id, { id, name, versions: [] });
    groups.get(id).versions.push(version);
  }
  return [...groups.values()];
}

// status: of the chosen one, as it is now; the others have that of when they were listed
export function DocumentChooser({ versions, chosen, choose, status }) {
  const isKnown = versions?.some(({ id }) => id === chosen);
  return (
    <label className="document-chooser">
      <span className="unseen">Blueprint</span>
      <select value={chosen ?? ''} onChange={({ target }) => choose(target.value)} disabled={!versions}>
        {!isKnown && <option value={chosen ?? ''}>{versions ? 'Choose a blueprint' : 'Loading …'}</option>}
        {grouped(versions ?? []).map(({ id, name, versions: own }) => (
          <optgroup key={id} label={name}>
            {own.map((version) => (
              <option key={version.id} value={version.id}>
                {name}, version {version.number} ({statusOf((version.id === chosen && status) || version.status).label})
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}
