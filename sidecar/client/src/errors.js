/**
 * Why something was refused or did not happen, in the words of the protocol. Codes of the client's own:
 * `offline`, `timeout`, `closed`, `queue_full`, `expired`, `aborted`; see README.md.
 */
export class RealtimeError extends Error {
  name = 'RealtimeError';

  /** @param {object} payload of an `error` frame, or its like */
  constructor({ code = 'internal', status = 0, message = code, retry = 'no', retryAfter = 0, details = {} }) {
    super(message);
    Object.assign(this, { code, status, retry, retryAfter, details });
  }
}
