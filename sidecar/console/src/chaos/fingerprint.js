// A document as a few letters, the same for the same document whoever holds it.
import { strip } from '@wrk-copilot/realtime/documents';

import { canonical } from './canonical.js';

// SHA-256 in hexadecimal, of what everybody shares of a document
export async function fingerprint(document) {
  const bytes = new TextEncoder().encode(canonical(strip(document)));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
