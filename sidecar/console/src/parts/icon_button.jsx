// A button that is only a drawing; its name is said, and shown on hover and focus. With `why` it cannot be pressed now,
// and says so to whoever comes to it.
import './parts.css';

import { useId } from 'react';

import { Icon } from './icon.jsx';

export function IconButton({ icon, label, why, onClick, ...rest }) {
  const id = useId();
  const off = why ? { 'aria-disabled': true, 'aria-describedby': id } : { onClick };
  return (
    <button type="button" className="icon-button" aria-label={label} data-tip={why ? `${label}: ${why}` : label} {...off} {...rest}>
      <Icon name={icon} />
      {why && (
        <span id={id} hidden>
          {why}
        </span>
      )}
    </button>
  );
}
