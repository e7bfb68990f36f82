// Makes dist/: for bundlers, for Node and for a plain <script>. Prints what each weighs, and fails past the
// limits that README.md promises.
//
//   node build.mjs             all of it
//   node build.mjs --sizes     only the sizes, nothing is written

import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const isDry = process.argv.includes('--sizes');

const KB = 1024;
// limit: of the ESM build, in bytes of gzip
const entries = {
  core: { source: 'src/core.js', types: 'index.d.ts', limit: 6 * KB },
  index: { source: 'src/index.js', types: 'index.d.ts', limit: 10 * KB, global: 'WrkRealtime' },
  documents: { source: 'src/documents.js', types: 'documents.d.ts', limit: 9 * KB },
  app: { source: 'src/app.js', types: 'app.d.ts', limit: 11 * KB },
  react: { source: 'react/index.js', types: 'react.d.ts', limit: 4 * KB, external: ['react'] },
};

// what react/ takes from the client is not to be there twice
const shared = {
  name: 'shared',
  setup({ onResolve }) {
    onResolve({ filter: /src\/(app|documents)\.js$/ }, ({ importer, path: wanted }) => {
      const isReact = importer.includes(`${path.sep}react${path.sep}`);
      return isReact ? { path: `@wrk-copilot/realtime/${path.basename(wanted, '.js')}`, external: true } : null;
    });
  },
};

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  sourcemap: !isDry,
  target: 'es2022',
  mangleProps: /^_[a-z]/i, // what begins so is nobody's business outside
  plugins: [shared],
  write: !isDry,
  outdir: 'dist',
};

async function make(name, { source, external = [], global }) {
  const formats = [
    { format: 'esm', outExtension: { '.js': '.mjs' } },
    { format: 'cjs', outExtension: { '.js': '.cjs' } },
    ...(global ? [{ format: 'iife', globalName: global, outExtension: { '.js': '.iife.js' } }] : []),
  ];
  const sizes = {};
  for (const format of formats) {
    const made = await build({ ...common, ...format, write: false, external, entryPoints: { [name]: source } });
    const code = made.outputFiles.find((file) => !file.path.endsWith('.map'));
    sizes[format.format] = { bytes: code.contents.length, gzip: gzipSync(code.contents, { level: 9 }).length };
    if (!isDry) await build({ ...common, ...format, external, entryPoints: { [name]: source } });
  }
  return sizes;
}

if (!isDry) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);
}
let isTooLarge = false;
for (const [name, entry] of Object.entries(entries)) {
  if (!existsSync(path.join(here, entry.source))) continue;
  const sizes = await make(name, entry);
  for (const extension of isDry ? [] : ['.d.ts', '.d.cts'])
    copyFileSync(path.join(here, entry.types), path.join(dist, name + extension));
  const { bytes, gzip } = sizes.esm;
  const isOver = gzip > (entry.limit ?? Infinity);
  isTooLarge ||= isOver;
  const limit = entry.limit ? `, limit ${entry.limit}${isOver ? ': TOO LARGE' : ''}` : '';
  console.log(`${name.padEnd(9)} ${String(bytes).padStart(6)} bytes, ${String(gzip).padStart(5)} gzip${limit}`);
}
process.exitCode = isTooLarge ? 1 : 0;
