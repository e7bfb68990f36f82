// Who this pane is, and who it could be instead.
import { IconButton } from './icon_button.jsx';
import { roleName } from './people.js';

export function PersonChooser({ person, others, become, close }) {
  const choose = ({ target }) => become(others.find(({ key }) => key === target.value));
  return (
    <div className="person">
      <label>
        <span className="unseen">Signed in as</span>
        <select className="person-select" value={person.key} onChange={choose} disabled={others.length === 0}>
          {[person, ...others].map(({ key, name, role, tenant }) => (
            <option key={key} value={key}>
              {name}, {roleName(role)}, {tenant.name}
            </option>
          ))}
        </select>
      </label>
      {close && <IconButton icon="close" label={`Close ${person.name}'s pane`} onClick={close} />}
    </div>
  );
}
