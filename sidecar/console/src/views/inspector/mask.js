// Takes out of a frame what nobody should read over a shoulder or find in an export: tokens, keys that take up a
// connection, secrets and passwords. What is left says that there was one, and how it began.
const SECRET = /^(token|secret|password|old|new|refresh_token|access_token|resume)$/i;
const LIKE_TOKEN = /\b(?:eyJ[\w-]{8,}\.[\w-]*\.?[\w-]*|wrk_[a-z]+_[A-Za-z0-9]+_[\w-]+|wr[a-z]_[\w-]{16,})/g;

const hidden = (text) => `${text.slice(0, 4)}... (${text.length} characters hidden)`;

/** The text with everything in it that looks like a credential cut short. */
const maskText = (text) => text.replace(LIKE_TOKEN, hidden);

function maskValue(value, name, isPassword) {
  if (typeof value === 'string') {
    const isSecret = SECRET.test(name) && (isPassword || !/^(old|new)$/.test(name));
    return isSecret ? hidden(value) : maskText(value);
  }
  if (Array.isArray(value)) return value.map((item) => maskValue(item, name, isPassword));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskValue(item, key, isPassword)]));
}

/** A copy of a frame that may be shown. */
export function maskFrame(frame) {
  const { payload, type } = frame;
  const masked = maskValue(frame, '', payload?.method === 'password.change');
  // the key of a connection takes it over; those of calls are no secret
  if (type === 'connected' && typeof payload?.key === 'string') masked.payload.key = hidden(payload.key);
  if (payload?.resume) masked.payload.resume = 'hidden';
  return masked;
}
