// Where a version is in its life, and the steps that are open to this person now. "Other statuses" tries one that is
// not, to see it refused: what the database says is shown as it comes.
import { useRef, useState } from 'react';

import { Icon } from '../../parts/icon.jsx';
import { Menu } from './menu.jsx';
import { Refusal } from './refusal.jsx';
import { StatusChip } from './status_chip.jsx';
import { statuses } from './status_words.js';
import { useFocusReturn } from './use_focus_return.js';

function Reason({ step, go, cancel, back }) {
  const focus = useFocusReturn(back);
  const submit = (event) => {
    event.preventDefault();
    go(new FormData(event.currentTarget).get('reason').trim());
  };
  return (
    <form className="status-reason" onSubmit={submit} onKeyDown={({ key }) => key === 'Escape' && cancel()} {...focus}>
      <label>
        <span className="unseen">Reason: {step.label ?? step.to}</span>
        <input name="reason" placeholder="Reason" required maxLength={2000} autoFocus autoComplete="off" />
      </label>
      <button type="submit" className="button small">
        {step.label ?? 'Continue'}
      </button>
      <button type="button" className="button quiet small" onClick={cancel}>
        Cancel
      </button>
    </form>
  );
}

function Force({ status, legal, force }) {
  const others = statuses.filter(({ code }) => code !== status && !legal.has(code));
  return (
    <div className="status-force">
      <Menu label="Other statuses" title="Statuses not allowed from here" className="button quiet small" hint="Not allowed from here. The database refuses it and says why.">
        {(close) =>
          others.map(({ code, label }) => (
            <button key={code} type="button" className="row-button menu-item" onClick={() => (close(), force(code))}>
              {label}
            </button>
          ))
        }
      </Menu>
    </div>
  );
}

export function StatusBar({ lifecycle: { status, allowed, isLoaded, transition } }) {
  const [asking, setAsking] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const bar = useRef(null);
  // to the button that asked for the reason; where that cannot have the focus, to what it stood in
  const back = (to) => {
    const button = bar.current?.querySelector(`[data-step="${CSS.escape(to)}"]:enabled`);
    (button ?? bar.current)?.focus();
  };
  const go = async (to, reason) => {
    setAsking(null);
    setRefusal(null);
    setBusy(true);
    try {
      await transition(to, reason);
    } catch (error) {
      setRefusal({ error, to });
    } finally {
      setBusy(false);
    }
  };
  const take = (step) => (step.needsReason ? setAsking(step) : go(step.to));
  if (!status) return <div className="status-bar" />;
  return (
    <div className="status-bar" role="group" aria-label="Status" tabIndex={-1} ref={bar}>
      <StatusChip status={status} />
      {asking ? (
        <Reason step={asking} go={(reason) => go(asking.to, reason)} cancel={() => setAsking(null)} back={() => back(asking.to)} />
      ) : (
        <>
          {allowed.length > 0 && <Icon name="chevron_right" />}
          {allowed.map((step) => (
            <button key={step.to} type="button" data-step={step.to} className="button quiet small status-step" disabled={isBusy} onClick={() => take(step)}>
              {step.label ?? step.stateLabel}
              {step.needsReason && ' …'}
            </button>
          ))}
          {isLoaded && allowed.length === 0 && <span className="status-none">No next step for your role</span>}
          {isLoaded && <Force status={status} legal={new Set(allowed.map(({ to }) => to))} force={(to) => go(to, 'Tried from the console')} />}
        </>
      )}
      {refusal && <Refusal {...refusal} dismiss={() => setRefusal(null)} />}
    </div>
  );
}
