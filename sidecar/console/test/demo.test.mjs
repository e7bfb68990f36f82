// The demo with its page ends when it is told to: soon, whatever is under way, and nothing of it stays.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';

import { top, until } from '../../../tools/lab.mjs';
import { connect } from '../../test/ws_client.mjs';

const dir = path.join(top, 'tmp/check/demo');

// Processes that belong to it: they have its folder in their environment, or, as PostgreSQL's, in their arguments.
function processes() {
  const belongs = (pid) => {
    try {
      return ['environ', 'cmdline'].some((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(dir));
    } catch {
      return false; // it has ended, or is somebody else's
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && belongs(name));
}

async function post(url, body) {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} ends it within 2 s, in a burst, with connections of all kinds, and leaves nothing`, { timeout: 120000 }, async () => {
    const env = { ...process.env, DEMO_PAGE: '1', DEMO_DIR: dir };
    const demo = spawn('tools/demo', { cwd: top, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => demo.on('close', (code) => resolve(code)));
    let printed = '';
    demo.stdout.setEncoding('utf8').on('data', (data) => (printed += data));
    try {
      await until('it is there', () => printed.includes('Ctrl-C ends'), { timeout: 60000 });
      const [, page] = /console +(http:\S+)/.exec(printed);
      const [, logs] = /logs +(.+): gateway\.log/.exec(printed);
      assert.equal(logs, dir);
      const { port } = new URL(page);
      const half = net.connect(port, '127.0.0.1').on('error', () => {});
      const [, token] = /a token +(\S+)/.exec(printed);
      await connect(`${page.replace('http', 'ws')}via/clara`, { token });
      await connect(/WebSocket +(ws:\S+)/.exec(printed)[1], { token });
      assert.equal(await post(`${page}demo/chaos`, { do: 'burst', n: 10000, every: 1000 }), 200);
      assert.ok(processes().length >= 4);

      const began = performance.now();
      process.kill(signal === 'SIGINT' ? -demo.pid : demo.pid, signal);
      assert.equal(await ended, 0, printed);
      const took = performance.now() - began;
      assert.ok(took < 2000, `${took.toFixed()} ms`);
      assert.deepEqual(processes(), []);
      assert.ok(!existsSync(path.join(dir, 'cluster')), 'the cluster was left');
      assert.ok(existsSync(path.join(dir, 'server.log')));
      half.destroy();
    } finally {
      if (demo.exitCode === null) process.kill(-demo.pid, 'SIGTERM');
      await ended;
    }
  });
}
