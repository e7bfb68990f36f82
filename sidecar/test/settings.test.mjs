// Settings that change while people are connected, and what is believed of a request: its page, its proxies.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Cluster, Gateway, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const alice = 't1:alice:client';

let cluster;
let dir;
let gateway;
let file;

before(async () => {
  cluster = await Cluster.start();
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-settings-'));
  file = path.join(dir, 'gateway.conf');
  fs.writeFileSync(file, 'subscriptions_max = 3\n');
  gateway = await Gateway.start(cluster, { config: file });
});

after(async () => {
  await gateway?.stop();
  await cluster?.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

// Writes the file, sends SIGHUP; returns what the log says of it.
async function reload(text, at = gateway) {
  const seen = at.log.length;
  fs.writeFileSync(file, text);
  at.process.kill('SIGHUP');
  await until(() => /settings read|settings are as before/.test(at.log.slice(seen)));
  return at.log.slice(seen);
}

const limitOf = async () => {
  const c = await connect(gateway.url, { token: alice });
  await c.close();
  return c.hello.payload.limits.subscriptions;
};

describe('SIGHUP', () => {
  test('a setting holds for who comes next; who is connected stays', async () => {
    const a = await connect(gateway.url, { token: alice });
    assert.equal(await limitOf(), 3);
    assert.match(await reload('subscriptions_max = 7\nheartbeat = 24000'), /setting changed.*subscriptions_max[^]*changes=2/);
    assert.equal(await limitOf(), 7);
    assert.deepEqual((await a.call('echo', { n: 1 })).payload, { n: 1 });
    await a.close();
  });

  test('a setting that takes a restart is named and kept', async () => {
    const log = await reload('subscriptions_max = 8\npool_size = 1\nlisten = 0.0.0.0');
    assert.match(log, /level=warn msg="setting not changed: it takes a restart" name=pool_size/);
    assert.match(log, /restart" name=listen/);
    assert.equal(await limitOf(), 8);
  });

  const wrong = {
    'a value that is none': 'subscriptions_max = many',
    'an option that is none': 'subscriptions_max = 9\nno_such = 1',
    'an origin that is none': 'subscriptions_max = 9\norigins = https://a/b',
    'a network that is none': 'subscriptions_max = 9\ntrusted_proxies = 10.0.0.0/99',
    'a level that is none': 'subscriptions_max = 9\nlog_level = loud',
    'TLS, which takes a restart': 'subscriptions_max = 9\ntls_cert = c\ntls_key = k',
    'binary garbage': `\0\xff\x01=\0`,
  };
  for (const [what, text] of Object.entries(wrong)) {
    test(`${what} changes nothing at all`, async () => {
      await reload('subscriptions_max = 5');
      assert.match(await reload(text), /level=error msg="the settings are as before/);
      assert.equal(await limitOf(), 5);
    });
  }

  test('a file that is gone changes nothing, and one that is back counts', async () => {
    await reload('subscriptions_max = 5');
    fs.rmSync(file);
    const seen = gateway.log.length;
    gateway.process.kill('SIGHUP');
    await until(() => gateway.log.slice(seen).includes('settings are as before'));
    assert.equal(await limitOf(), 5);
    await reload('subscriptions_max = 6');
    assert.equal(await limitOf(), 6);
  });

  test('the log level changes at once', async () => {
    const seen = gateway.log.length;
    fs.writeFileSync(file, 'log_level = error\nsubscriptions_max = 4');
    gateway.process.kill('SIGHUP');
    await until(async () => (await limitOf()) === 4);
    assert.doesNotMatch(gateway.log.slice(seen), /settings read/);
    assert.match(await reload('log_level = info'), /settings read/);
  });

  test('a hundred in a row, with people connected', async () => {
    const a = await connect(gateway.url, { token: alice });
    for (let i = 0; i < 100; i++) gateway.process.kill('SIGHUP');
    assert.deepEqual((await a.call('echo', { n: 1 })).payload, { n: 1 });
    await a.close();
  });
});

describe('origins', () => {
  beforeEach(() => reload('origins = https://good.example, https://*.wild.example'));

  // the close code for a page of that origin; null when it is let in
  async function refusal(headers) {
    const c = await connect(gateway.url, { headers });
    c.send({ type: 'connect', requestId: '1', payload: { token: alice } });
    const frame = await c.waitFor((f) => f.type === 'connected' || f.type === 'bye');
    if (frame.type === 'connected') return c.close().then(() => null);
    const { code, reason } = await c.waitClosed();
    return `${code} ${reason}`;
  }

  for (const Origin of ['https://good.example', 'https://good.example:443', 'https://a.wild.example'])
    test(`${Origin} is let in`, async () => assert.equal(await refusal({ Origin }), null));

  test('a request without one is let in', async () => assert.equal(await refusal({}), null));

  for (const Origin of ['null', 'https://good.example.evil.com', 'https://evil.com', 'http://good.example', 'https://wild.example', '*'])
    test(`${Origin} is closed 4503`, async () => assert.equal(await refusal({ Origin }), '4503 origin'));

  test('it is counted and logged, whatever it has in it', async () => {
    const before = await gateway.metric('origins_refused_total');
    await refusal({ Origin: 'https://evil" level=error msg="forged' });
    assert.equal(await gateway.metric('origins_refused_total'), before + 1);
    assert.match(gateway.log, /msg="origin refused" address=127\.0\.0\.1 origin="https:\/\/evil\\" level=error msg=\\"forged"/);
  });

  test('a token with the upgrade does not help', async () => {
    const c = await connect(gateway.url, { headers: { Origin: 'https://evil.com' }, protocols: ['wrk.v1', 'wrk.bearer.' + Buffer.from(alice).toString('base64url')] });
    assert.equal((await c.waitClosed()).code, 4503);
    assert.equal(c.all((f) => f.type === 'connected').length, 0);
  });
});

describe('limits behind a proxy', () => {
  test('count for its clients, not for the proxy', async () => {
    await reload('trusted_proxies = 127.0.0.0/8\naddress_connections = 3');
    const from = (address) => connect(gateway.url, { token: alice, headers: { 'X-Forwarded-For': address } });
    const clients = [];
    for (let i = 0; i < 9; i++) clients.push(await from(`203.0.113.${i % 3}`));
    await assert.rejects(from('203.0.113.1'), { code: 4429 });
    await reload('trusted_proxies =\naddress_connections = 3');
    for (const client of clients) await client.close();
    await reload('');
  });
});

describe('whose address', () => {
  // what the audit log is told about a refused login with these headers
  async function recorded(headers) {
    cluster.sql('TRUNCATE wrk.mock_refused');
    const c = await connect(gateway.url, { headers });
    await c.request({ type: 'connect', payload: { token: 'no good' } });
    await c.waitClosed();
    return until(() => cluster.sql('SELECT address FROM wrk.mock_refused'));
  }

  test('nobody listed: what the peer says counts for nothing', async () => {
    await reload('trusted_proxies =');
    assert.equal(await recorded({ 'X-Forwarded-For': '203.0.113.9' }), '127.0.0.1');
    await reload('trusted_proxies = 10.0.0.0/8');
    assert.equal(await recorded({ 'X-Forwarded-For': '203.0.113.9' }), '127.0.0.1');
  });

  test('behind a proxy that is listed: the right-most that is none', async () => {
    await reload('trusted_proxies = 127.0.0.0/8 10.0.0.0/8');
    assert.equal(await recorded({ 'X-Forwarded-For': '1.1.1.1, 203.0.113.9, 10.1.2.3' }), '203.0.113.9');
    assert.equal(await recorded({ 'X-Forwarded-For': '1.1.1.1, <b>, 10.1.2.3' }), '10.1.2.3');
    assert.equal(await recorded({ 'X-Forwarded-For': "'; DROP TABLE x; --" }), '127.0.0.1');
    assert.equal(await recorded({}), '127.0.0.1');
  });
});
