// Several processes on one port: one that dies takes nobody along, a parent that looks after them, systemd's
// datagrams.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Cluster, Gateway, until } from './harness.mjs';
import { parse, value } from './prometheus.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;

before(async () => {
  cluster = await Cluster.start();
});

after(() => cluster?.stop());

// [{ number, pid }] of the workers that live, as the log tells it
function workersOf(gateway) {
  const alive = new Map();
  for (const [, what, number, pid] of gateway.log.matchAll(/msg="worker (started|ended)" number=(\d+) process=(\d+)/g))
    if (what === 'started') alive.set(Number(number), Number(pid));
    else if (alive.get(Number(number)) === Number(pid)) alive.delete(Number(number));
  return [...alive].map(([number, pid]) => ({ number, pid }));
}

const readyOf = async (gateway) => {
  const { status, text } = await gateway.get('/readyz').catch(() => ({ status: 0, text: '{}' }));
  return { status, ...JSON.parse(text) };
};

const start = async (options = {}) => {
  const gateway = await Gateway.start(cluster, { workers: 4, pool_size: 2, ...options });
  await until(async () => (await readyOf(gateway)).workers?.ready === (options.workers ?? 4));
  return gateway;
};

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('one of four', () => {
  test('is killed: the others serve on, it is started again, its clients come back and miss nothing', async () => {
    const gateway = await start();
    const clients = [];
    for (let i = 0; i < 40; i++) {
      const c = await connect(gateway.url, { token: alice });
      clients.push({ c, position: (await c.subscribe('project:1')).payload.position, got: [] });
    }
    const victim = workersOf(gateway)[0];
    cluster.emit('tick', ['tenant:t1:project:1'], { payload: { n: 1 } });
    await until(() => clients.every(({ c }) => c.all((f) => f.type === 'tick').length === 1));
    process.kill(victim.pid, 'SIGKILL');
    await until(() => clients.some(({ c }) => !c.isOpen));
    cluster.emit('tick', ['tenant:t1:project:1'], { payload: { n: 2 } });
    const lost = clients.filter(({ c }) => !c.isOpen);
    assert.ok(lost.length < clients.length, `${lost.length} of ${clients.length} were the victim's`);
    for (const { c } of clients.filter(({ c }) => c.isOpen)) await c.waitFor((f) => f.type === 'tick' && f.payload.n === 2);
    for (const one of lost) {
      const last = one.c.all((f) => f.type === 'position').at(-1)?.payload.position ?? one.position;
      const again = await until(() => connect(gateway.url, { token: alice }).catch(() => null));
      const { payload } = await again.subscribe('project:1', { since: last });
      const seen = [...one.c.all((f) => f.type === 'tick'), ...payload.events].map((f) => f.payload.n);
      assert.ok(payload.recovered);
      assert.deepEqual([...new Set(seen)], [1, 2]);
      await again.close();
    }
    await until(async () => (await readyOf(gateway)).workers?.ready === 4);
    assert.notEqual(workersOf(gateway).find(({ number }) => number === victim.number).pid, victim.pid);
    for (const { c } of clients) c.destroy();
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });

  test('hangs: it is ended and started again', async () => {
    const gateway = await start({ worker_timeout: 1000 });
    const [victim] = workersOf(gateway);
    process.kill(victim.pid, 'SIGSTOP');
    await until(() => gateway.log.includes(`worker hangs and is ended" number=${victim.number}`));
    await until(() => workersOf(gateway).some(({ number, pid }) => number === victim.number && pid !== victim.pid));
    await gateway.stop();
  });

  test('dies again and again: each time it is waited for longer', async () => {
    const gateway = await start({ workers: 2 });
    const waits = [];
    for (let i = 0; i < 5; i++) {
      const { pid } = await until(() => workersOf(gateway).find(({ number }) => number === 1));
      process.kill(pid, 'SIGKILL');
      const ended = new RegExp(`worker ended" number=1 process=${pid} signal=9 status=0 wait_ms=(\\d+)`);
      waits.push(Number((await until(() => ended.exec(gateway.log)))[1]));
    }
    assert.deepEqual(waits, [100, 200, 400, 800, 1600]);
    assert.equal((await readyOf(gateway)).status, 200, 'and the other serves');
    await gateway.stop();
  });
});

// Until it is replaced.
async function killOne(gateway) {
  const [{ pid }] = workersOf(gateway);
  process.kill(pid, 'SIGKILL');
  await until(() => gateway.log.includes(`process=${pid} signal=9`));
  await until(async () => (await readyOf(gateway)).workers?.ready === 4);
}

describe('all of them', () => {
  test('have names of their own at the database', async () => {
    const gateway = await start({ name: 'edge' });
    assert.equal(gateway.log.match(/msg="the database says hello"/g).length, 4);
    for (const n of [1, 2, 3, 4]) assert.ok(gateway.log.includes(`worker=${n} `));
    await gateway.stop();
  });

  test('have one page of figures, which does not fall when one dies', async () => {
    const gateway = await start();
    for (let i = 0; i < 20; i++) {
      const c = await connect(gateway.url, { token: alice });
      await c.call('echo', {});
      await c.close();
    }
    const figures = async () => parse((await gateway.get('/metrics')).text);
    const calls = async () => value(await figures(), 'wrk_gateway_calls_total', { method: 'echo', code: 'ok' });
    await until(async () => (await calls()) === 20);
    for (let i = 0; i < 8; i++) assert.equal(await calls(), 20, 'whichever worker answers');
    await killOne(gateway);
    assert.equal(await calls(), 20);
    assert.equal(value(await figures(), 'wrk_gateway_workers_ready'), 4);
    await gateway.stop();
  });

  test('read their settings anew at SIGHUP, and so does who is started later', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-workers-'));
    const file = path.join(dir, 'conf');
    fs.writeFileSync(file, 'subscriptions_max = 3\n');
    const gateway = await start({ config: file });
    const limits = async () => {
      const seen = new Set();
      for (let i = 0; i < 24; i++) {
        const c = await connect(gateway.url, { token: alice });
        seen.add(c.hello.payload.limits.subscriptions);
        await c.close();
      }
      return [...seen];
    };
    assert.deepEqual(await limits(), [3]);
    fs.writeFileSync(file, 'subscriptions_max = 7\n');
    gateway.process.kill('SIGHUP');
    await until(() => gateway.log.match(/settings read/g)?.length === 5);
    assert.deepEqual(await limits(), [7]);
    await killOne(gateway);
    assert.deepEqual(await limits(), [7]);
    await gateway.stop();
    fs.rmSync(dir, { recursive: true });
  });

  test('drain at SIGTERM: everybody is told, at times of their own, and the status is 0', async () => {
    const gateway = await start({ drain_spread: 8000 });
    const clients = [];
    for (let i = 0; i < 40; i++) clients.push(await connect(gateway.url, { token: alice }));
    const pids = workersOf(gateway).map(({ pid }) => pid);
    gateway.process.kill('SIGTERM');
    const waits = await Promise.all(clients.map(async (c) => {
      const bye = await c.waitFor((f) => f.type === 'bye');
      assert.equal(bye.payload.code, 1012);
      return bye.payload.retryAfter;
    }));
    for (const half of [0, 1]) assert.ok(waits.some((ms) => Math.floor(ms / 4000) === half), String(waits));
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.ok(pids.every((pid) => !isAlive(pid)));
  });

  test('go when their parent is killed', async () => {
    const gateway = await start({ workers: 2 });
    const pids = workersOf(gateway).map(({ pid }) => pid);
    gateway.process.kill('SIGKILL');
    await gateway.exited;
    await until(() => pids.every((pid) => !isAlive(pid)));
  });

  test('a port that is taken ends the parent with 1', async () => {
    const first = await Gateway.start(cluster);
    const second = await Gateway.start(cluster, { workers: 2, port: first.port, wait: false });
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    assert.match(second.log, /Address already in use/);
    await first.stop();
  });
});

describe('systemd', () => {
  // what arrives at a datagram socket, which node has not
  const listen = (file) => {
    const script = `use IO::Socket::UNIX; $| = 1;
      my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
      print "listening\\n";
      while (defined $s->recv(my $text, 4096)) { $text =~ tr/\\n/|/; print "$text\\n" }`;
    const child = spawn('perl', ['-e', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const listener = { child, text: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (listener.text += text));
    return listener;
  };

  for (const workers of [1, 2]) {
    test(`is told of readiness, reloads, the watchdog and the end (${workers} process${workers > 1 ? 'es' : ''})`, async () => {
      const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-notify-'));
      const file = path.join(dir, 'socket');
      const systemd = listen(file);
      await until(() => systemd.text.includes('listening'));
      process.env.NOTIFY_SOCKET = file;
      process.env.WATCHDOG_USEC = '1000000';
      const gateway = await Gateway.start(cluster, { workers, pool_size: 2 });
      delete process.env.NOTIFY_SOCKET;
      delete process.env.WATCHDOG_USEC;
      await until(() => systemd.text.includes('READY=1'));
      await until(() => systemd.text.match(/WATCHDOG=1/g)?.length >= 3);
      gateway.process.kill('SIGHUP');
      await until(() => /RELOADING=1\|MONOTONIC_USEC=\d+\n(.*\n)*READY=1/.test(systemd.text));
      await gateway.stop();
      await until(() => systemd.text.includes('STOPPING=1'));
      if (workers === 1) assert.match(systemd.text, /STATUS=ready/);
      systemd.child.kill();
      await once(systemd.child, 'exit');
      fs.rmSync(dir, { recursive: true });
    });
  }

  for (const socket of ['', 'relative', '/does/not/exist', '/' + 'x'.repeat(200)])
    test(`a socket that is none ("${socket.slice(0, 20)}") hurts nobody`, async () => {
      process.env.NOTIFY_SOCKET = socket;
      const gateway = await Gateway.start(cluster);
      delete process.env.NOTIFY_SOCKET;
      assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    });
});
