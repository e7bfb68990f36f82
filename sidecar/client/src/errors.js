/**
 * Why something was refused or did not happen, in the words of the protocol. Codes of the client's own:
 * `offline`, `timeout`, `expired`, `lost`, `closed`, `queue_full`, `aborted`, `no_presence`; see README.md.
 */
export class RealtimeError extends Error {
  name = 'RealtimeError';

  /** @param {object} payload of an `error` frame, or its like */
  constructor({ message, ...payload }) {
    super(message ?? payload.code);
    Object.assign(this, { code: 'internal', status: 0, retry: 'no', retryAfter: 0, details: {} }, payload);
  }
}

/** The close that an error is when it is the answer to the whole connection. */
export function closeOf({ code: reason, status, retry, retryAfter }) {
  const code = status === 401 ? (retry === 'no' ? 4501 : 4401) : status === 403 ? 4503 : undefined;
  return { code, reason, retryAfter };
}
