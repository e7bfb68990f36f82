// What an operator relies on: refusals at the start, exit status, /readyz and /metrics, signals, limits.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Cluster, Gateway, freePort, gatewayBin, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;

before(async () => {
  cluster = await Cluster.start();
});

after(() => cluster?.stop());

// Runs it to its end; one that does not end fails.
function run(...args) {
  const { status, signal, stdout, stderr } = spawnSync(gatewayBin, args, { encoding: 'utf8', timeout: 10000 });
  assert.equal(signal, null, 'ends by itself');
  return { status, stdout, stderr };
}

describe('at the start', () => {
  for (const conninfo of ['host=h password=my secret', 'host=h secret=x', 'postgres://u:secret@[h/db']) {
    test(`"${conninfo}" is refused and not repeated`, () => {
      const { status, stderr } = run('--database', conninfo);
      assert.equal(status, 2);
      assert.match(stderr, /database: /);
      assert.doesNotMatch(stderr, /secret/);
    });
  }

  for (const conninfo of ['host=h password=secret', 'postgres://u:secret@h/db', "host=h sslpassword='secret'"]) {
    test(`--print-config keeps the password of "${conninfo}"`, () => {
      const { status, stdout } = run('--database', conninfo, '--print-config');
      assert.equal(status, 0);
      assert.doesNotMatch(stdout, /secret/);
    });
  }

  test('what --print-config prints is what it reads', () => {
    const { stdout } = run('--database', 'host=h dbname=d', '--port', '1234', '--print-config');
    const file = path.join(os.tmpdir(), `wrk-gateway-${process.pid}.conf`);
    fs.writeFileSync(file, stdout);
    assert.equal(run('--config', file, '--print-config').stdout, stdout);
    fs.rmSync(file);
  });

  test('a port that is taken ends it with 1 and says so', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const child = spawn(gatewayBin, ['--port', String(server.address().port)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (text) => (log += text));
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(log, /Address already in use/);
    server.close();
  });

  test('the password of the database is wrong: not ready, said once, no password said', async () => {
    const port = await freePort();
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        // an ErrorResponse, as a server that refuses
        const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed for user "gw"\0\0');
        const head = Buffer.alloc(5);
        head.write('E');
        head.writeInt32BE(fields.length + 4, 1);
        socket.end(Buffer.concat([head, fields]));
      });
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const conninfo = `host=127.0.0.1 port=${port} user=gw password=secret sslmode=disable`;
    const gateway = await Gateway.start({ conninfo }, { wait: false, reconnect_min: 1, reconnect_max: 20, pool_size: 1 });
    await until(() => /link=feed .*password authentication failed/.test(gateway.log));
    assert.equal((await gateway.get('/readyz')).status, 503);
    assert.equal(gateway.log.match(/password authentication failed/g).length, 2, 'once a link');
    assert.doesNotMatch(gateway.log, /secret/);
    await gateway.stop();
    server.close();
  });
});

describe('while it runs', () => {
  test('/readyz says how the feed is: starting, doorbell, polling, down', async () => {
    const state = async (gateway) => {
      const { status, text } = await gateway.get('/readyz');
      const { ready, feed, database } = JSON.parse(text);
      return { status, ready, feed, database };
    };
    const lost = await Gateway.start({ conninfo: 'host=127.0.0.1 port=1' }, { wait: false });
    await until(() => lost.log.includes('listening'));
    assert.deepEqual(await state(lost), { status: 503, ready: false, feed: 'down', database: 'down' });
    await lost.stop();
    const gateway = await Gateway.start(cluster, { probe_interval: 200 });
    await until(async () => (await state(gateway)).feed === 'doorbell');
    assert.deepEqual(await state(gateway), { status: 200, ready: true, feed: 'doorbell', database: 'up' });
    await gateway.stop();
    // a probe that waits behind a long call is not heard
    const deaf = await Gateway.start(cluster, { probe_timeout: 50, probe_interval: 100, pool_size: 1 });
    const a = await connect(deaf.url, { token: alice });
    const slow = a.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 1 } } });
    await until(async () => (await state(deaf)).feed === 'polling');
    assert.equal((await state(deaf)).status, 200);
    await slow;
    await until(async () => (await state(deaf)).feed === 'doorbell');
    await a.close();
    await deaf.stop();
  });

  test('clients cannot take the descriptors that the database needs', async () => {
    const port = await freePort();
    const args = ['--port', port, '--database', cluster.conninfo, '--reconnect_max', 100, '--role_check', 0].map(String);
    const child = spawn('sh', ['-c', 'ulimit -n 200; exec "$0" "$@"', gatewayBin, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const gateway = Object.assign(new Gateway(), { port, process: child, isRunning: true });
    child.stderr.setEncoding('utf8').on('data', (text) => (gateway.log += text));
    await gateway.ready();
    const sockets = Array.from({ length: 250 }, () => net.connect({ host: '127.0.0.1', port }).on('error', () => {}));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrk_copilot_gateway'`);
    await until(() => /the database is down[^]*the database is up/.test(gateway.log));
    for (const socket of sockets) socket.destroy();
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});

describe('at the end', () => {
  test('a second signal does not wait for requests', async () => {
    const gateway = await Gateway.start(cluster, { drain_timeout: 120000 });
    const a = await connect(gateway.url, { token: alice });
    const slow = a.request({ type: 'call', payload: { method: 'sleep', params: { seconds: 30 } } }, { timeout: 60000 });
    slow.catch(() => {});
    await until(async () => (await gateway.metric('requests_total')) >= 2);
    gateway.process.kill('SIGTERM');
    await until(() => gateway.log.includes('draining'));
    gateway.process.kill('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  });

  test('a signal before the database has answered ends it, too', async () => {
    // a server that accepts and says nothing
    const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gateway = await Gateway.start({ conninfo: `host=127.0.0.1 port=${server.address().port}` }, { wait: false });
    await until(() => gateway.log.includes('listening'));
    assert.equal((await gateway.get('/healthz')).status, 200);
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    server.close();
  });
});
