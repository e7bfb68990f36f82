/** The connection, channels, calls. */
export { RealtimeClient, createRealtimeClient } from './client.js';
export { RealtimeError } from './errors.js';
