// Builds dist/, the folder that a gateway serves (static_dir). The page's policy allows nothing but files of its
// own origin, so nothing is inlined.
import { fileURLToPath } from 'node:url';

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const client = (file) => fileURLToPath(new URL(`../client/${file}`, import.meta.url));

export default defineConfig({
  plugins: [react()],
  base: './',
  resolve: {
    alias: [
      { find: /^@wrk-copilot\/realtime$/, replacement: client('src/index.js') },
      { find: /^@wrk-copilot\/realtime\/(documents|app)$/, replacement: client('src/$1.js') },
      { find: /^@wrk-copilot\/realtime\/react$/, replacement: client('react/index.js') },
    ],
    // the client's folder has a React of its own, for its tests
    dedupe: ['react', 'react-dom'],
  },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
});
