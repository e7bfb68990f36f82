// kit.js as one script, for addInitScript(): the page's policy would refuse it any other way.
import { fileURLToPath } from 'node:url';

import { build } from 'vite';

const entry = fileURLToPath(new URL('kit.js', import.meta.url));

export async function kit() {
  const made = await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'error',
    build: { write: false, lib: { entry, formats: ['iife'], name: 'WrkKit' } },
  });
  const [{ output }] = [made].flat();
  return `${output[0].code}\nwindow.WrkKit = WrkKit;`;
}
