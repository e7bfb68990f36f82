// A button that is only a drawing; its name is said and shown on hover.
import './parts.css';
import { Icon } from './icon.jsx';

export function IconButton({ icon, label, ...rest }) {
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
