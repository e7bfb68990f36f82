// Tabs of the side panel, by the keys that tabs have: arrows, Home and End.
import { useId } from 'react';

import { Icon } from '../../parts/icon.jsx';

const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

export function TalkTabs({ tabs, chosen, choose, children }) {
  const id = useId();
  const move = (event) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const now = tabs.findIndex(({ key }) => key === chosen);
    const next = Number.isFinite(step) ? (now + step + tabs.length) % tabs.length : step < 0 ? 0 : tabs.length - 1;
    choose(tabs[next].key);
    event.currentTarget.children[next].focus();
  };
  return (
    <>
      <div className="talk-tabs" role="tablist" aria-label="Side panel" onKeyDown={move}>
        {tabs.map(({ key, title, icon, count, counted, isStrong }) => (
          <button
            key={key}
            id={`${id}-${key}`}
            type="button"
            role="tab"
            className="talk-tab"
            data-tab={key}
            data-tip={title}
            aria-selected={key === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={key === chosen ? 0 : -1}
            onClick={() => choose(key)}
          >
            <Icon name={icon} />
            <span className="button-label">{title}</span>
            {count > 0 && (
              <span className="badge" data-strong={isStrong || undefined}>
                {count > 99 ? '99+' : count}
                <span className="unseen"> {counted}</span>
              </span>
            )}
          </button>
        ))}
      </div>
      <div className="talk-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>
        {children}
      </div>
    </>
  );
}
