// The package itself: what it weighs, what it contains, that its types are true.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';

const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(path.join(here, 'package.json'), 'utf8'));
const run = (file, ...args) => execFileSync(process.execPath, [file, ...args], { cwd: here, encoding: 'utf8', stdio: 'pipe' });

describe('package', () => {
  before(() => console.log(run('build.mjs')));

  test('the core weighs at most 6 KB, everything at most 10 KB, compressed', () => {
    run('build.mjs', '--sizes'); // throws when one is too large
  });

  test('what is built does what the sources do', () => {
    const env = { ...process.env, WRK_CLIENT: '../dist/index.mjs', WRK_RUNS: '15' };
    delete env.WRK_SEED;
    delete env.NODE_TEST_CONTEXT;
    execFileSync(process.execPath, ['test/property.test.mjs'], { cwd: here, env, stdio: 'pipe' });
  });

  test('every way in exists, as what it says it is', async () => {
    const isThere = (value) => {
      if (typeof value === 'object') return Object.values(value).forEach(isThere);
      if (value.includes('react') && !existsSync(path.join(here, 'react'))) return undefined;
      return assert.ok(existsSync(path.join(here, value)), value);
    };
    isThere(manifest.exports);
    for (const field of ['main', 'module', 'types', 'unpkg', 'jsdelivr']) isThere(manifest[field]);
    const names = ['RealtimeClient', 'RealtimeError', 'createRealtimeClient'];
    const module = await import(pathToFileURL(path.join(here, 'dist/index.mjs')));
    const common = createRequire(import.meta.url)('../dist/index.cjs');
    const page = { console, URL, TextDecoder, setTimeout, clearTimeout };
    vm.runInNewContext(`${readFileSync(path.join(here, 'dist/index.iife.js'), 'utf8')};this.all = WrkRealtime`, page);
    for (const all of [module, common, page.all]) for (const name of names) assert.equal(typeof all[name], 'function', name);
  });

  test('what is made for publication is what is meant, and nothing else', () => {
    const printed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: here, encoding: 'utf8', stdio: 'pipe' });
    const files = [JSON.parse(printed)].flat()[0]?.files ?? Object.values(JSON.parse(printed))[0].files;
    const paths = files.map((file) => file.path).sort();
    for (const file of paths) assert.match(file, /^(dist|src|react)\/[\w.-]+$|^(index|documents|react)\.d\.ts$|^README\.md$|^package\.json$/);
    for (const needed of ['README.md', 'index.d.ts', 'dist/index.mjs', 'dist/index.cjs', 'dist/index.iife.js', 'dist/index.d.cts'])
      assert.ok(paths.includes(needed), needed);
  });

  test('the types are those of an application that uses everything', () => {
    const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--lib', 'es2022,dom,dom.iterable', '--module', 'nodenext'];
    const files = readdirSync(path.join(here, 'test')).filter((file) => file.endsWith('.ts')).map((file) => `test/${file}`);
    try {
      run('node_modules/typescript/bin/tsc', ...options, ...files);
    } catch (error) {
      assert.fail(error.stdout);
    }
  });

  test('they are found from either kind of module, by the name of the package', () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'wrk-types-'));
    try {
      mkdirSync(path.join(dir, 'node_modules/@wrk-copilot'), { recursive: true });
      symlinkSync(here, path.join(dir, 'node_modules/@wrk-copilot/realtime'));
      const files = ['.mts', '.cts'].flatMap((kind) =>
        ['', '/core'].map((entry) => {
          const file = path.join(dir, `use${entry.slice(1)}${kind}`);
          const from = `@wrk-copilot/realtime${entry}`;
          writeFileSync(file, `import { createRealtimeClient, type RealtimeClient } from '${from}';
            export const client: RealtimeClient = createRealtimeClient({ url: 'ws://x', getToken: () => null });`);
          return file;
        }),
      );
      for (const kind of ['.mts', '.cts']) {
        const file = path.join(dir, `documents${kind}`);
        writeFileSync(file, `import { createRealtimeClient } from '@wrk-copilot/realtime';
          import { BlueprintStore } from '@wrk-copilot/realtime/documents';
          export const store = new BlueprintStore(createRealtimeClient({ url: 'ws://x', getToken: () => null }), 'V');`);
        files.push(file);
      }
      const options = ['--noEmit', '--strict', '--lib', 'es2022,dom,dom.iterable', '--module', 'nodenext', '--preserveSymlinks'];
      run('node_modules/typescript/bin/tsc', ...options, ...files);
    } catch (error) {
      assert.fail(error.stdout ?? error);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
