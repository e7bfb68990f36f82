// People to name, above the line to write.
import { Avatar } from '../../parts/avatar.jsx';

export function NameList({ id, people, active, pick }) {
  return (
    <ul className="talk-names" id={id} role="listbox" aria-label="People">
      {people.map(({ id: person, name, role }, i) => (
        <li
          key={person}
          id={`${id}-${i}`}
          role="option"
          aria-selected={i === active}
          // the field keeps the focus
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => pick(i)}
        >
          <Avatar id={person} name={name} size="s" />
          {name}
          {role && <span className="talk-soft">{role}</span>}
        </li>
      ))}
    </ul>
  );
}
