// The figures that say at a glance whether all is well.
import { useEffect, useState } from 'react';

import { useConnectionStatus, useRealtime } from '@wrk-copilot/realtime/react';

import { Icon } from '../../parts/icon.jsx';
import { Spark } from '../../parts/spark.jsx';
import { inMs } from './samples.js';

const PING_MS = 5000;

function Card({ title, note, children, tone }) {
  return (
    <div role="group" className="inspector-card" data-tone={tone} aria-label={title} data-tip={note}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

function Percentiles({ samples, label }) {
  const { n, p50, p95 } = samples.summary();
  return (
    <>
      <dl className="inspector-figures">
        <div>
          <dt>p50</dt>
          <dd data-figure={`${label}-p50`}>{inMs(p50)}</dd>
        </div>
        <div>
          <dt>p95</dt>
          <dd data-figure={`${label}-p95`}>{inMs(p95)}</dd>
        </div>
        <Spark values={samples.values.slice(-60)} />
      </dl>
      <p className="inspector-soft">{n === 0 ? 'No data yet' : `last ${n}`}</p>
    </>
  );
}

// Somebody who looks at round trips wants some.
function usePings(client, state) {
  const [isBusy, setBusy] = useState(false);
  const isUp = state === 'connected';
  // who looks at a connection wants one
  useEffect(() => void client.connect().catch(() => {}), [client]);
  useEffect(() => {
    if (!isUp) return undefined;
    const ping = () => client.ping().catch(() => {});
    ping();
    const timer = setInterval(ping, PING_MS);
    return () => clearInterval(timer);
  }, [client, isUp]);
  const measure = async () => {
    setBusy(true);
    for (let i = 0; i < 10; i++) await client.ping().catch(() => {});
    setBusy(false);
  };
  return { isBusy, isUp, measure };
}

function clockWords({ value, low, high, isBounded }) {
  if (!isBounded) return 'clock offset not known yet';
  const bounds = `database clock ${Math.round(low)} to ${Math.round(high)} ms ahead`;
  return value === 0 ? `${bounds}, within the error` : `${bounds}, ${Math.round(value)} ms subtracted`;
}

export function Cards({ recorder }) {
  const client = useRealtime();
  const { state, transport, sync, database } = useConnectionStatus();
  const { isBusy, isUp, measure } = usePings(client, state);
  const { counts, trips, calls, toScreen, clock, level } = recorder;
  const dropped = counts.ephemeral + counts.state;
  const names = { websocket: 'WebSocket', sse: 'Event stream', poll: 'Long polling' };
  return (
    <div className="inspector-cards">
      <Card title="Round trip" note="Ping to pong, measured every 5 seconds">
        <Percentiles samples={trips} label="trip" />
        <button type="button" className="text-button inspector-measure" data-tip={isBusy ? 'Measuring …' : 'Measure 10'} disabled={!isUp || isBusy} onClick={measure}>
          <Icon name="refresh" />
          <span className="button-label">{isBusy ? 'Measuring …' : 'Measure 10'}</span>
        </button>
      </Card>
      <Card title="Commit to screen" note={`From an event's commit to the next painted frame; ${clockWords(clock)}`}>
        <Percentiles samples={toScreen} label="screen" />
      </Card>
      <Card title="Calls" note="From request to result">
        <Percentiles samples={calls} label="call" />
      </Card>
      <Card title="Pending calls" tone={sync.pending > 0 ? 'warn' : undefined} note="Calls waiting for an answer">
        <p className="inspector-big" data-figure="pending">
          {sync.pending}
        </p>
        <p className="inspector-soft">{sync.pending === 0 ? 'All confirmed' : `oldest ${inMs(Date.now() - (sync.oldest ?? Date.now()))}`}</p>
      </Card>
      <Card title="Dropped" tone={level > 0 ? 'warn' : undefined} note="Ephemeral updates dropped because this client was too slow; events are never dropped">
        <p className="inspector-big" data-figure="dropped">
          {dropped}
        </p>
        <p className="inspector-soft">
          {counts.gaps} gaps, {counts.resyncs} resyncs
        </p>
      </Card>
      <Card title="Transport" tone={database ? undefined : 'bad'} note="How this client is connected, and whether the database is up">
        <p className="inspector-big inspector-word">{names[transport] ?? 'None'}</p>
        <p className="inspector-soft">{database ? 'Database up' : 'Database down'}</p>
      </Card>
    </div>
  );
}
