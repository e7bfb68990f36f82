// The states of the connection in the last minutes, as a band; the latest ones in words for those who do not see it.
import { useEffect, useState } from 'react';

import { clock } from '../../parts/time.jsx';
import { inMs } from './samples.js';
import { SPAN_MS, spansOf } from './spans.js';

const words = {
  idle: 'Not connected',
  connecting: 'Connecting',
  connected: 'Connected',
  polling: 'Polling',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  unauthorized: 'Not logged in',
  closed: 'Closed',
};

function useNow(everyMs) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Timeline({ states }) {
  const now = Math.max(useNow(1000), states.at(-1).at);
  const spans = spansOf(states, now);
  const last = states.at(-1);
  return (
    <div role="group" className="inspector-timeline" aria-label="Connection">
      <p className="inspector-timeline-now" data-state={last.state}>
        <strong>{words[last.state]}</strong>
        <span className="inspector-soft">for {inMs(Math.max(now - last.at, 0))}</span>
      </p>
      <svg className="inspector-band" viewBox={`0 0 ${SPAN_MS} 10`} preserveAspectRatio="none" role="img" aria-label="States of the last five minutes">
        {spans.map(({ from, to, state }) => (
          <rect key={from} className="inspector-span" data-state={state} x={from} y="0" width={to - from} height="10">
            <title>{`${words[state]}, ${inMs(to - from)}`}</title>
          </rect>
        ))}
      </svg>
      <p className="inspector-timeline-ends inspector-soft" aria-hidden="true">
        <span>5 minutes ago</span>
        <span>now</span>
      </p>
      <ol className="unseen" aria-label="Latest states">
        {states.slice(-6).map(({ at, state }, i) => (
          <li key={`${at} ${i}`}>
            {clock(new Date(at))} {words[state]}
          </li>
        ))}
      </ol>
    </div>
  );
}
