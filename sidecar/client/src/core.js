/** The core: one WebSocket, channels, calls. No fall-backs, nothing that outlives the page, no presence. */
export { RealtimeClient, createRealtimeClient } from './client.js';
export { RealtimeError } from './errors.js';
