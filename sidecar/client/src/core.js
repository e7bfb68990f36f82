/** The connection, channels, calls. */
export { RealtimeError } from './errors.js';
