// A person as a small disc with initials. With a status it wears its shape.
import './avatar.css';
import { hueOf, initials, statusWord } from './people.js';
import { StatusShape } from './status_shape.jsx';

export function Avatar({ id, name, status, size = 'm', isTyping = false }) {
  const title = status ? `${name ?? 'Someone'}, ${statusWord(status)}` : (name ?? undefined);
  return (
    <span className="avatar" data-hue={hueOf(id)} data-size={size} data-typing={isTyping || undefined} data-tip={title}>
      <span aria-hidden="true">{initials(name)}</span>
      {status && <StatusShape status={status} isSilent />}
    </span>
  );
}
