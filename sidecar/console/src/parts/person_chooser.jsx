// Who this pane is, and who it could be instead.
export function PersonChooser({ person, others, become, close }) {
  const choose = ({ target }) => become(others.find(({ key }) => key === target.value));
  return (
    <div className="person">
      <label>
        <span className="unseen">Person of this pane</span>
        <select className="person-select" value={person.key} onChange={choose} disabled={others.length === 0}>
          {[person, ...others].map(({ key, name, role, tenant }) => (
            <option key={key} value={key}>
              {name}, {role}, {tenant.name}
            </option>
          ))}
        </select>
      </label>
      {close && (
        <button type="button" className="button quiet" onClick={close} aria-label={`Close ${person.name}'s pane`}>
          Close
        </button>
      )}
    </div>
  );
}
