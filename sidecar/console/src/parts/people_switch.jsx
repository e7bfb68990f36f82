// Where there is room for one person only: whose pane is in front.
import './parts.css';
import { Avatar } from './avatar.jsx';

export function PeopleSwitch({ people, front, show }) {
  return (
    <div className="segments people-switch" role="group" aria-label="Person in front">
      {people.map(({ key, id, name }) => (
        <button key={key} type="button" className="segment" aria-pressed={key === front} onClick={() => show(key)}>
          <Avatar id={id ?? key} name={name} size="s" />
          {name.split(' ')[0]}
        </button>
      ))}
    </div>
  );
}
