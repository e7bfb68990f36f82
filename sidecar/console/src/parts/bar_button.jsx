// A button of a toolbar: a drawing and a word. Where the toolbar folds its words, the word is its tip.
import './parts.css';
import { Icon } from './icon.jsx';

export function BarButton({ icon, label, ...rest }) {
  return (
    <button type="button" className="button quiet small" data-tip={label} {...rest}>
      <Icon name={icon} />
      <span className="button-label">{label}</span>
    </button>
  );
}
