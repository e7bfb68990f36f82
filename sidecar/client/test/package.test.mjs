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

  test('the core weighs at most 6 KB, all connections 10 KB, documents 9 KB, the caches 11 KB, the hooks 4 KB, compressed', () => {
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

  const pack = (...how) => {
    // what a user has in ~/.npmrc is no matter here
    const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', ...how], { cwd: here, encoding: 'utf8', stdio: 'pipe' });
    return [JSON.parse(printed)].flat()[0]?.files ? [JSON.parse(printed)].flat()[0] : Object.values(JSON.parse(printed))[0];
  };

  test('what is made for publication is what is meant, and nothing else', () => {
    const paths = pack('--dry-run').files.map((file) => file.path).sort();
    const entries = ['core', 'index', 'documents', 'app', 'react'];
    const built = entries.flatMap((name) => ['mjs', 'mjs.map', 'cjs', 'cjs.map', 'd.ts', 'd.cts'].map((kind) => `dist/${name}.${kind}`));
    const sources = (dir) => readdirSync(path.join(here, dir), { recursive: true }).filter((file) => file.endsWith('.js')).map((file) => `${dir}/${file}`);
    const types = ['index', 'documents', 'app', 'react'].map((name) => `${name}.d.ts`);
    const rest = ['package.json', 'README.md', 'dist/index.iife.js', 'dist/index.iife.js.map'];
    assert.deepEqual(paths, [...built, ...sources('src'), ...sources('react'), ...types, ...rest].sort());
  });

  test('publint finds nothing', () => {
    run('node_modules/publint/src/cli.js', 'run', '.', '--strict', '--pack', 'false');
  });

  test('the types are not wrong, from either kind of module and for bundlers', () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'wrk-pack-'));
    try {
      const { filename } = pack('--pack-destination', dir);
      // node16 and bundler; older resolutions know no exports
      const tarball = path.join(dir, filename);
      run('node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'node16', '--no-definitely-typed', '--format', 'ascii');
    } catch (error) {
      assert.fail(error.stdout || error);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('what one entry has, another does not have again', () => {
    const text = (name) => readFileSync(path.join(here, 'dist', name), 'utf8');
    for (const kind of ['mjs', 'cjs']) {
      const react = text(`react.${kind}`);
      const taken = [...react.matchAll(/(?:from|require\()"([^"]+)"/g)].map(([, name]) => name);
      assert.deepEqual([...new Set(taken)].sort(), ['@wrk-copilot/realtime/app', '@wrk-copilot/realtime/documents', 'react']);
      // of no other entry, so that a page has each class once
      for (const sign of ['message.list', 'blueprint.apply', 'wrk.v1']) assert.ok(!react.includes(sign), sign);
      for (const name of ['app', 'documents']) assert.ok(!text(`${name}.${kind}`).includes('wrk.v1'), name);
    }
  });

  test('nothing of one entry is called by a name that is another in the next', () => {
    // names that begin with _ are shortened for each entry by itself
    for (const name of ['core', 'index', 'documents', 'app', 'react'])
      for (const kind of ['mjs', 'cjs']) assert.doesNotMatch(readFileSync(path.join(here, 'dist', `${name}.${kind}`), 'utf8'), /\._[a-z]/i, name);
    // so what the application's entries use of a client must be public
    const publicly = /(?:client|Client|channel|[Pp]resence)\s*\._[a-z]/;
    for (const file of [...readdirSync(path.join(here, 'react')).map((name) => `react/${name}`), ...readdirSync(path.join(here, 'src/app')).map((name) => `src/app/${name}`)])
      assert.doesNotMatch(readFileSync(path.join(here, file), 'utf8').replaceAll('this._client.', 'client.'), publicly, file);
  });

  test('what is built of the hooks does what the sources do', () => {
    const env = { ...process.env, WRK_DIST: '1' };
    delete env.NODE_TEST_CONTEXT;
    try {
      execFileSync(process.execPath, ['--test', '--test-name-pattern', 'useMessages|useTasks|useBlueprint|usePresence|useTyping', 'test/react_app.test.mjs'], { cwd: here, env, encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      assert.fail(error.stdout);
    }
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
      mkdirSync(path.join(dir, 'node_modules/@types'), { recursive: true });
      for (const name of ['@types/react', 'csstype']) symlinkSync(path.join(here, 'node_modules', name), path.join(dir, 'node_modules', name));
      for (const kind of ['.mts', '.cts']) {
        const file = path.join(dir, `hooks${kind}`);
        writeFileSync(file, `import { createRealtimeClient } from '@wrk-copilot/realtime';
          import { MessageThread } from '@wrk-copilot/realtime/app';
          import { RealtimeProvider, useMessages } from '@wrk-copilot/realtime/react';
          const client = createRealtimeClient({ url: 'ws://x', getToken: () => null });
          export const element = RealtimeProvider({ client });
          export const thread = new MessageThread(client, 'project:1');
          export const bodies = (): string[] => useMessages('1').messages.map(({ body }) => body);`);
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
