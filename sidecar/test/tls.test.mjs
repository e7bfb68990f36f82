// TLS on the gateway's own port: which versions, what a slow or hostile peer can do, and a new certificate
// under load.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { Cluster, Gateway, sleep, until } from './harness.mjs';
import { EventStream, poll, rpc } from './http_client.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let dir;
let cluster;
let gateway;
const cert = () => path.join(dir, 'cert.pem');
const key = () => path.join(dir, 'key.pem');

// A certificate and its key; kind: rsa or ec.
function issue(name, { kind = 'ec', to = dir, days = 30 } = {}) {
  const how = kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const files = ['-keyout', path.join(to, 'key.pem'), '-out', path.join(to, 'cert.pem')];
  const args = ['req', '-x509', '-newkey', ...how, '-nodes', ...files, '-days', String(days), '-subj', `/CN=${name}`];
  execFileSync('openssl', args, { stdio: 'pipe' });
}

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-tls-'));
  issue('first');
  cluster = await Cluster.start();
  gateway = await Gateway.start(cluster, { tls_cert: cert(), tls_key: key(), log_level: 'debug' });
});

after(async () => {
  await gateway?.stop();
  await cluster?.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

// One handshake; resolves with the protocol and the name in the certificate, rejects with the alert.
async function shake(options = {}) {
  const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  const result = { protocol: socket.getProtocol(), cipher: socket.getCipher().name, name: socket.getPeerCertificate().subject.CN };
  socket.destroy();
  return result;
}

// An error is an end, too.
const ended = (socket) => new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));

const only = (version) => ({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });

describe('what is spoken', () => {
  for (const version of ['TLSv1', 'TLSv1.1'])
    test(`${version} is refused`, () => assert.rejects(shake(only(version)), /alert protocol version/));

  for (const version of ['TLSv1.2', 'TLSv1.3'])
    test(`${version} is spoken`, async () => assert.equal((await shake(only(version))).protocol, version));

  for (const cipher of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'NULL-SHA256', 'ADH-AES128-SHA256'])
    test(`cipher ${cipher} is refused`, () =>
      assert.rejects(shake({ maxVersion: 'TLSv1.2', ciphers: `${cipher}:@SECLEVEL=0` }), /alert handshake failure/));

  test('renegotiation is refused', async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    await assert.rejects(new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.renegotiate({}, (error) => (error ? reject(error) : resolve()));
    }), /no renegotiation/);
    socket.destroy();
  });

  test('WebSocket and HTTP go through it', async () => {
    const a = await connect(gateway.url, { token: alice });
    assert.deepEqual((await a.call('echo', { n: 1 })).payload, { n: 1 });
    await a.close();
    const { status, text } = await gateway.get('/healthz');
    assert.deepEqual({ status, text }, { status: 200, text: 'ok\n' });
  });
});

describe('event streams and polls', () => {
  const N = 200;
  const emit = (type, n) =>
    cluster.sql(`SELECT wrk.mock_emit('${type}', jsonb_build_object('n', n, 'text', repeat('x', 2000)), '{tenant:t1:project:7}', NULL, NULL, 'c', NULL)
      FROM generate_series(0, ${n} - 1) n`);
  const numbers = (stream, type) => stream.all((f) => f.type === type).map((f) => f.payload.n);
  const all = Array.from({ length: N }, (_, i) => i);

  test('a stream has every event once and in order, and goes on behind its last one, also over another certificate', async () => {
    const stream = await EventStream.open(gateway.url, { token: alice, channels: ['project:7'] });
    assert.ok(stream.sent.socket.encrypted);
    emit('first', N);
    await stream.waitFor((f) => f.type === 'first' && f.payload.n === N - 1);
    assert.deepEqual(numbers(stream, 'first'), all);
    assert.ok(stream.all((f) => f.type === 'first').every((f) => f.payload.text.length === 2000), 'every byte');
    issue('other', { kind: 'rsa' });
    gateway.process.kill('SIGHUP');
    await until(async () => (await shake()).name === 'other');
    emit('second', N);
    await stream.waitFor((f) => f.type === 'second' && f.payload.n === N - 1);
    assert.deepEqual(numbers(stream, 'second'), all);
    const { lastEventId } = stream;
    stream.close();
    emit('third', N);
    const again = await EventStream.open(gateway.url, { token: alice, channels: ['project:7'], lastEventId });
    const came = (type) => again.frames.flatMap((f) => f.payload?.events ?? [f]).filter((f) => f.type === type).map((f) => f.payload.n);
    await until(() => came('third').at(-1) === N - 1);
    assert.deepEqual([came('first'), came('third')], [[], all]);
    again.close();
  });

  test('who does not read one is cut off, as without TLS, and a stream beside it is not kept waiting', async () => {
    const mine = await Gateway.start(cluster, { tls_cert: cert(), tls_key: key(), outbox_max: 65536, slow_timeout: 500 });
    const slow = await EventStream.open(mine.url, { token: alice, channels: ['project:7'] });
    const quick = await EventStream.open(mine.url, { token: alice, channels: ['project:8'] });
    slow.answer.pause();
    slow.sent.socket.pause();
    for (let i = 0; i < 10; i++) emit('much', N);
    const since = Date.now();
    cluster.emit('small', ['tenant:t1:project:8']);
    await quick.waitFor((f) => f.type === 'small');
    assert.ok(Date.now() - since < 2000, `${Date.now() - since} ms`);
    await until(async () => (await mine.metric('slow_consumers_total')) === 1);
    slow.close();
    quick.close();
    await mine.stop();
  });

  test('a poll and a call are answered', async () => {
    const { status, json } = await rpc(gateway.url, alice, 'echo', { n: 1 });
    assert.deepEqual([status, json], [200, { n: 1 }]);
    const polled = await poll(gateway.url, alice, { subscriptions: [{ channel: 'project:7' }], wait: 0 });
    assert.equal(polled.status, 200);
  });
});

describe('who is slow or hostile', () => {
  test('10 MB reach a slow reader whole, and others do not notice', async () => {
    const big = await Gateway.start(cluster, { tls_cert: cert(), tls_key: key(), outbox_max: 64 * 1024 * 1024 });
    const slow = await connect(big.url, { token: alice });
    const quick = await connect(big.url, { token: alice });
    await slow.subscribe('project:1');
    await quick.subscribe('project:2');
    slow.pause();
    const text = 'x'.repeat(100 * 1024);
    cluster.sql(`SELECT wrk.mock_emit('big', jsonb_build_object('i', i, 'text', repeat('x', ${text.length})), '{tenant:t1:project:1}', NULL, NULL, 'c', NULL)
      FROM generate_series(0, 99) i`);
    const sent = Date.now();
    cluster.emit('small', ['tenant:t1:project:2']);
    await quick.waitFor((f) => f.type === 'small');
    assert.ok(Date.now() - sent < 2000, `the other waited ${Date.now() - sent} ms`);
    // in sips
    const sip = setInterval(() => {
      slow.resume();
      setTimeout(() => slow.pause(), 5);
    }, 15);
    await until(() => slow.all((f) => f.type === 'big').length === 100, { timeout: 60000 });
    clearInterval(sip);
    slow.resume();
    const got = slow.all((f) => f.type === 'big');
    assert.deepEqual(got.map((f) => f.payload.i), Array.from({ length: 100 }, (_, i) => i));
    assert.ok(got.every((f) => f.payload.text === text), 'every byte');
    await quick.close();
    await slow.close();
    await big.stop();
  });

  test('who is quiet for longer than a handshake may take stays', { timeout: 30000 }, async () => {
    const quiet = await connect(gateway.url, { token: alice });
    const since = Date.now();
    await until(() => !quiet.isOpen || Date.now() - since > 6500, { timeout: 15000, every: 100 });
    assert.deepEqual((await quiet.call('echo', { n: 1 })).payload, { n: 1 });
    await quiet.close();
  });

  const hello = Buffer.from('160301020001fc0303', 'hex');
  const garbage = {
    'plain HTTP': Buffer.from('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'),
    'zeros': Buffer.alloc(4096),
    'the head of a hello and then nothing sensible': Buffer.concat([hello, Buffer.alloc(2000, 0xff)]),
    'an alert': Buffer.from('15030100020230', 'hex'),
    'application data before the handshake': Buffer.from('170303000548656c6c6f', 'hex'),
  };
  for (const [what, bytes] of Object.entries(garbage)) {
    test(`${what} ends the connection and nothing else`, async () => {
      const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
      const end = ended(socket);
      socket.write(bytes);
      socket.resume();
      await end;
      assert.equal((await gateway.get('/healthz')).status, 200);
    });
  }

  test('a handshake that stops half-way ends in time and leaves nothing', async () => {
    const mine = await Gateway.start(cluster, { tls_cert: cert(), tls_key: key(), auth_timeout: 300 });
    const sockets = Array.from({ length: 50 }, () => net.connect({ host: '127.0.0.1', port: mine.port }));
    const ends = sockets.map(ended);
    for (const socket of sockets) {
      socket.write(hello);
      socket.resume();
    }
    await Promise.all(ends);
    await until(async () => (await mine.metric('sockets')) === 1, { what: 'only who asks is left' });
    await mine.stop();
  });

  test('a thousand broken handshakes leave no connection behind', async () => {
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
        const end = ended(socket);
        socket.end(round % 2 ? hello : Buffer.from('nonsense'));
        socket.resume();
        await end;
      }));
    }
    await until(async () => (await gateway.metric('sockets')) === 1);
  });
});

describe('another certificate', () => {
  const hup = async () => {
    const seen = gateway.log.length;
    gateway.process.kill('SIGHUP');
    await until(() => /settings read|settings are as before/.test(gateway.log.slice(seen)));
    return gateway.log.slice(seen);
  };

  test('is shown after SIGHUP; who is connected stays, and no event is lost meanwhile', async () => {
    const clients = [];
    for (let i = 0; i < 8; i++) {
      const client = await connect(gateway.url, { token: alice });
      await client.subscribe('project:1');
      clients.push(client);
    }
    const total = 400;
    const writing = (async () => {
      for (let i = 0; i < total; i += 20) {
        cluster.sql(`SELECT wrk.mock_emit('tick', ('{"n":' || n || '}')::jsonb, '{tenant:t1:project:1}', NULL, NULL, 'c', NULL)
          FROM generate_series(${i}, ${i + 19}) n`);
        await sleep(5);
      }
    })();
    for (const [round, kind] of ['rsa', 'ec', 'rsa'].entries()) {
      issue(`round-${round}`, { kind });
      await hup();
      // also whoever would rather have the other kind of key gets the new one
      for (const sigalgs of [undefined, kind === 'rsa' ? 'rsa_pss_rsae_sha256' : 'ecdsa_secp256r1_sha256'])
        assert.equal((await shake({ sigalgs })).name, `round-${round}`);
    }
    await writing;
    for (const client of clients) {
      await until(() => client.all((f) => f.type === 'tick').length >= total);
      assert.deepEqual(client.all((f) => f.type === 'tick').map((f) => f.payload.n), Array.from({ length: total }, (_, i) => i));
      assert.ok(client.isOpen);
      await client.close();
    }
  });

  const broken = {
    'a file that is not there': () => fs.rmSync(cert()),
    'half a file': () => fs.writeFileSync(cert(), fs.readFileSync(cert()).subarray(0, 200)),
    'an empty key': () => fs.writeFileSync(key(), ''),
    'the key of another': () => {
      const other = fs.mkdtempSync(path.join(dir, 'other-'));
      issue('other', { to: other });
      fs.copyFileSync(path.join(other, 'key.pem'), key());
    },
    'a key with a passphrase': () =>
      fs.writeFileSync(key(), execFileSync('openssl', ['pkey', '-in', key(), '-aes128', '-passout', 'pass:secret'], { stdio: 'pipe' })),
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    test(`${what} changes nothing`, async () => {
      issue('good');
      await hup();
      breakIt();
      assert.match(await hup(), /settings are as before.*tls_/);
      assert.equal((await shake()).name, 'good');
    });
  }
});

describe('at the start', () => {
  test('a certificate without a key, or one that cannot be read, ends it with 2', async () => {
    for (const options of [{ tls_cert: cert() }, { tls_key: key() }, { tls_cert: '/nowhere/c', tls_key: '/nowhere/k' }]) {
      const lost = await Gateway.start(cluster, { ...options, wait: false });
      assert.deepEqual(await lost.exited, { code: 2, signal: null });
      assert.match(lost.log, /tls_(cert|key)/);
    }
  });
});
