// The state of the connection, and whether the server has everything. isCut: somebody has seen to it that nothing comes
// through, which the client cannot tell from a network that fails.
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

const CUT = 'The chaos bar lets nothing through. The browser believes that it is online, so the client tries again and again.';

export function ConnectionLight({ isCut = false }) {
  const { state, sync } = useConnectionStatus();
  const isOff = isCut && state !== 'connected' && state !== 'polling';
  return (
    <span className="light" data-state={state} data-cut={isOff || undefined} data-tip={isOff ? CUT : undefined}>
      <span className="light-dot" aria-hidden="true" />
      {isOff ? 'offline, by chaos' : words[state]}
      {sync.pending > 0 && `, ${sync.pending} to send`}
    </span>
  );
}
