// The demo leaves nothing running, whenever and however it is ended.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { top, until } from '../../tools/lab.mjs';

const dir = path.join(top, 'tmp/e2e/demo');

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// the processes that its output and its cluster name
function processesOf(printed) {
  const pids = [...printed.matchAll(/, process (\d+)/g)].map(([, pid]) => Number(pid));
  const postmaster = path.join(dir, 'cluster/data/postmaster.pid');
  if (existsSync(postmaster)) pids.push(parseInt(readFileSync(postmaster, 'utf8')));
  return pids;
}

// Runs the demo, does what end() does when it has printed `text`, and waits until it is over.
function endAt(text, end) {
  return new Promise((resolve) => {
    // a process group of its own: a Ctrl-C at a terminal reaches all of a group
    const demo = spawn('tools/demo', {
      cwd: top,
      detached: true,
      env: { ...process.env, DEMO_ONCE: '1', DEMO_DIR: dir },
    });
    let printed = '';
    let pids = null;
    demo.stdout.setEncoding('utf8').on('data', (data) => {
      printed += data;
      if (pids || !printed.includes(text)) return;
      pids = processesOf(printed);
      end(demo);
    });
    demo.stderr.resume();
    demo.on('close', (code, signal) => resolve({ code, signal, pids, printed }));
  });
}

// what a second demo in the same place says
function second() {
  return new Promise((resolve) => {
    const env = { ...process.env, DEMO_ONCE: '1', DEMO_DIR: dir };
    execFile('tools/demo', { cwd: top, env }, (error, stdout, stderr) => resolve(stderr));
  });
}

const interrupt = ({ pid }) => process.kill(-pid, 'SIGINT');
const leave = ({ stdout }) => stdout.destroy();

for (const [how, text, end] of [
  ['Ctrl-C while the cluster starts', 'Starting', interrupt],
  ['Ctrl-C while rows change', 'Rows change', interrupt],
  ['Ctrl-C in the burst', 'The gateway dies', interrupt],
  ['a reader that goes away', 'Who is there', leave],
]) {
  test(`${how} ends it, fails it and leaves nothing`, { timeout: 60000 }, async () => {
    const { code, signal, pids, printed } = await endAt(text, end);
    assert.deepEqual({ code, signal }, { code: 1, signal: null }, printed);
    await until('the end of what it started', () => !pids.some(isAlive));
    assert.ok(!existsSync(path.join(dir, 'cluster')), 'the cluster was left');
  });
}

test('a second one in the same place is refused', { timeout: 60000 }, async () => {
  let said;
  await endAt('Who is there', (demo) => {
    said = second().finally(() => interrupt(demo));
  });
  assert.match(await said, /another demo is running/);
});
