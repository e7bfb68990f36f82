// The state of the connection, and whether the server has everything. isCut: somebody has seen to it that nothing comes
// through, which the client cannot tell from a network that fails.
import { useConnectionStatus } from '@wrk-copilot/realtime/react';

const words = {
  idle: 'Not connected',
  connecting: 'Connecting',
  connected: 'Live',
  polling: 'Polling',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  unauthorized: 'Not logged in',
  closed: 'Closed',
};

const CUT = "The chaos bar blocks this connection. The browser still believes it is online, so the client keeps retrying.";

export function ConnectionLight({ isCut = false }) {
  const { state, sync } = useConnectionStatus();
  const isOff = isCut && state !== 'connected' && state !== 'polling';
  return (
    <span className="light" data-state={state} data-cut={isOff || undefined} data-tip={isOff ? CUT : undefined}>
      <span className="light-dot" aria-hidden="true" />
      {isOff ? 'Offline (simulated)' : words[state]}
      {sync.pending > 0 && `, ${sync.pending} pending`}
    </span>
  );
}
