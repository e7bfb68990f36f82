// What make install puts into a system: program, manual page and unit, where Debian looks for them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
let dir;
let unit;
let make; // runs a target with that folder as the system's root

before(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-install-'));
  const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...env } = process.env;
  make = (target, ...more) => execFileSync('make', ['-s', '-C', top, target, `DESTDIR=${dir}`, ...more], { env, stdio: 'pipe' });
  make('install-gateway', 'console_dist=/nowhere');
  unit = path.join(dir, 'lib/systemd/system/wrk_copilot_gateway.service');
});

after(() => fs.rmSync(dir, { recursive: true, force: true }));

test('the unit starts the program that was installed, with nothing left to fill in', () => {
  const text = fs.readFileSync(unit, 'utf8');
  const [, program] = /^ExecStart=(\S+)/m.exec(text);
  assert.ok(fs.existsSync(path.join(dir, program)), program);
  assert.doesNotMatch(text, /@[a-z]+@/);
});

test('the manual page is there, and troff has nothing to say against it', (t) => {
  const page = path.join(dir, 'usr/share/man/man1/wrk_copilot_gateway.1');
  assert.match(fs.readFileSync(page, 'utf8'), /^\.TH WRK_COPILOT_GATEWAY 1/m);
  const { error, status, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z', page], { encoding: 'utf8' });
  if (error) return t.skip('groff is not installed');
  assert.deepEqual([status, stderr], [0, '']);
});

test('systemd finds the unit in order', (t) => {
  const copy = path.join(dir, 'wrk_copilot_gateway.service');
  // the program is where DESTDIR says, for now
  fs.writeFileSync(copy, fs.readFileSync(unit, 'utf8').replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', copy], { encoding: 'utf8' });
  if (error) return t.skip('systemd-analyze is not installed');
  assert.deepEqual([status, stderr], [0, '']);
});

const found = (name) => execFileSync('find', [dir, '-path', `*/wrk_copilot/console/${name}`], { encoding: 'utf8' });

test('the console is installed if it was built, and nothing of an older one stays', () => {
  assert.equal(found('*'), '');
  const dist = path.join(dir, 'dist');
  const put = (...files) => {
    fs.rmSync(dist, { recursive: true, force: true });
    fs.mkdirSync(path.join(dist, 'assets'), { recursive: true });
    for (const file of files) fs.writeFileSync(path.join(dist, file), file);
    make('install-gateway', `console_dist=${dist}`);
  };
  put('index.html', 'assets/old.js');
  put('index.html', 'assets/new.js');
  assert.match(found('index.html'), /index\.html\n$/);
  assert.match(found('assets/*'), /new\.js\n$/);
  assert.equal(found('assets/old.js'), '');
});

test('what is installed is removed again', () => {
  make('uninstall-gateway');
  assert.equal(found('*'), '');
  assert.equal(execFileSync('find', [dir, '-name', 'wrk_copilot_gateway*', '-path', '*lib*'], { encoding: 'utf8' }), '');
});
