// A document as a few letters, the same for the same document whoever holds it.
import { strip } from '@wrk-copilot/realtime/documents';

// JSON with the members of every object in the order of their names
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value).filter((name) => value[name] !== undefined);
  return `{${members
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
    .join()}}`;
}

// SHA-256 in hexadecimal, of what everybody shares of a document
export async function fingerprint(document) {
  const bytes = new TextEncoder().encode(canonical(strip(document)));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
