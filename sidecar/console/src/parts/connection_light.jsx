// The state of the connection, and whether the server has everything.
import { useConnectionStatus } from '@wrk-copilot/realtime/react';

const words = {
  idle: 'not connected',
  connecting: 'connecting',
  connected: 'live',
  polling: 'polling',
  reconnecting: 'reconnecting',
  offline: 'offline',
  unauthorized: 'not logged in',
  closed: 'closed',
};

export function ConnectionLight() {
  const { state, sync } = useConnectionStatus();
  return (
    <span className="light" data-state={state}>
      <span className="light-dot" aria-hidden="true" />
      {words[state]}
      {sync.pending > 0 && `, ${sync.pending} to send`}
    </span>
  );
}
