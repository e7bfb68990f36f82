// A button that opens a short list of buttons; Escape and going elsewhere close it, and the focus comes back.
import './menu.css';

import { useEffect, useRef } from 'react';

import { Icon } from '../../parts/icon.jsx';

export function Menu({ icon, label, title, hint, className = 'button small', disabled = false, children }) {
  const details = useRef(null);
  const close = () => {
    details.current.open = false;
    details.current.querySelector('summary').focus();
  };
  // what is pressed need not take the focus, a canvas for one
  useEffect(() => {
    const onPress = ({ target }) => {
      if (details.current && !details.current.contains(target)) details.current.open = false;
    };
    document.addEventListener('pointerdown', onPress, true);
    return () => document.removeEventListener('pointerdown', onPress, true);
  }, []);
  const onKeyDown = (event) => {
    if (event.key !== 'Escape' || !details.current.open) return;
    event.stopPropagation();
    close();
  };
  const onBlur = ({ currentTarget, relatedTarget }) => {
    if (relatedTarget && !currentTarget.contains(relatedTarget)) currentTarget.open = false;
  };
  return (
    <details className="menu" ref={details} onKeyDown={onKeyDown} onBlur={onBlur}>
      <summary className={className} data-tip={label} aria-disabled={disabled || undefined} onClick={(event) => disabled && event.preventDefault()}>
        {icon && <Icon name={icon} />}
        <span className="button-label">{label}</span>
        {!icon && <Icon name="chevron_down" />}
      </summary>
      <div className="menu-list" role="group" aria-label={title}>
        {hint && <p className="menu-hint">{hint}</p>}
        {children(close)}
      </div>
    </details>
  );
}
