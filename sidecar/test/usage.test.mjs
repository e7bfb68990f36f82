// Every script says how it is used when it is asked, and refuses what it does not know; neither does anything else.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { top } from '../../tools/lab.mjs';

const isScript = (file) =>
  statSync(file).isFile() && (statSync(file).mode & 0o100) !== 0 && readFileSync(file, 'latin1').startsWith('#!');
const scripts = ['tools', 'bench', 'bench/rivals', 'regress/properties']
  .flatMap((folder) => readdirSync(path.join(top, folder)).map((name) => path.join(folder, name)))
  .filter((file) => isScript(path.join(top, file)));

const run = (file, option) => spawnSync(path.join(top, file), [option], { cwd: '/', encoding: 'utf8', timeout: 20000 });

test('there are scripts to be tried', () => assert.ok(scripts.length >= 25, String(scripts)));

for (const file of scripts) {
  test(`${file} --help says how it is used`, () => {
    const { status, stdout, stderr } = run(file, '--help');
    assert.deepEqual([status, stderr], [0, '']);
    assert.ok(stdout.length > 60 && !stdout.startsWith('#'), stdout);
  });

  test(`${file} refuses an option that it does not know, by name`, () => {
    const { status, stdout, stderr } = run(file, '--nonsense');
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, /--nonsense/);
  });
}
