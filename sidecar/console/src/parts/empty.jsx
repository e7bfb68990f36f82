// Where there is nothing yet: says so, and what would make something.
import './parts.css';
import { Icon } from './icon.jsx';

export function Empty({ icon = 'info', title, children }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p className="empty-title">{title}</p>
      {children && <p className="empty-more">{children}</p>}
    </div>
  );
}
