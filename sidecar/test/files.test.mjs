// The files of one folder, and none that are nobody's business.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Cluster, Gateway, until } from './harness.mjs';
import { exchange, request } from './http_client.mjs';

let cluster;
let gateway;
let folder;

before(async () => {
  cluster = await Cluster.start();
  folder = makeFolder();
  gateway = await Gateway.start(cluster, { static_dir: path.join(folder, 'www') });
});

after(async () => {
  await gateway?.stop();
  await cluster?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

// what is served, and around it what must not be
function makeFolder() {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-files-'));
  const www = path.join(top, 'www');
  fs.mkdirSync(path.join(www, 'sub'), { recursive: true });
  fs.mkdirSync(path.join(www, '.git'));
  fs.writeFileSync(path.join(top, 'secret.txt'), 'SECRET');
  fs.writeFileSync(path.join(www, 'index.html'), '<!doctype html><title>hello</title>');
  fs.writeFileSync(path.join(www, 'app.js'), 'export const x = 1;\n');
  fs.writeFileSync(path.join(www, 'a b.css'), 'p {}');
  fs.writeFileSync(path.join(www, 'sub', 'index.html'), 'sub');
  fs.writeFileSync(path.join(www, '.env'), 'SECRET');
  fs.writeFileSync(path.join(www, '.git', 'config'), 'SECRET');
  fs.symlinkSync(path.join(top, 'secret.txt'), path.join(www, 'link.txt'));
  fs.symlinkSync('../secret.txt', path.join(www, 'relative.txt'));
  fs.symlinkSync(top, path.join(www, 'outside'));
  execFileSync('mkfifo', [path.join(www, 'pipe')]);
  fs.chmodSync(top, 0o755);
  return top;
}

describe('files', () => {
  const get = (target, headers = {}, method = 'GET') => request(`http://127.0.0.1:${gateway.port}${target}`, { method, headers });

  test('have their types, a policy that lets a page talk to its own origin only, and no guesses', async () => {
    for (const [target, type, text] of [
      ['/', 'text/html; charset=utf-8', /hello/],
      ['/index.html', 'text/html; charset=utf-8', /hello/],
      ['/sub/', 'text/html; charset=utf-8', /sub/],
      ['/app.js', 'text/javascript; charset=utf-8', /export/],
      ['/app.js?v=1', 'text/javascript; charset=utf-8', /export/],
      ['/a%20b.css', 'text/css; charset=utf-8', /p/],
    ]) {
      const { status, headers, text: body } = await get(target);
      assert.equal(status, 200, target);
      assert.equal(headers['content-type'], type);
      assert.match(headers['content-security-policy'], /default-src 'self'.*frame-ancestors 'none'/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-cache');
      assert.match(body, text);
    }
  });

  test('are sent again only when they changed', async () => {
    const { headers } = await get('/app.js');
    for (const tag of [headers.etag, `W/${headers.etag}`, `"x", ${headers.etag}`, '*']) {
      const again = await get('/app.js', { 'if-none-match': tag });
      assert.equal(again.status, 304);
      assert.equal(again.text, '');
      assert.equal(again.headers.etag, headers.etag);
    }
    fs.writeFileSync(path.join(folder, 'www', 'app.js'), 'export const x = 2;\n');
    const changed = await get('/app.js', { 'if-none-match': headers.etag });
    assert.equal(changed.status, 200);
    assert.match(changed.text, /x = 2/);
  });

  test('HEAD says the same and sends nothing', async () => {
    const { status, headers, text } = await get('/app.js', {}, 'HEAD');
    assert.equal(status, 200);
    assert.equal(headers['content-length'], '20');
    assert.equal(text, '');
  });

  test('are in memory once, however many read them slowly', async () => {
    fs.writeFileSync(path.join(folder, 'www', 'large.txt'), Buffer.alloc(15 << 20, 'x'));
    fs.writeFileSync(path.join(folder, 'www', 'empty.txt'), '');
    const begun = await gateway.metric('process_resident_memory_bytes');
    const partial = await gateway.metric('writes_partial_total');
    const readers = Array.from({ length: 40 }, () => net.connect(gateway.port, '127.0.0.1', function () {
      this.pause();
      this.write('GET /large.txt HTTP/1.1\r\nHost: x\r\n\r\n');
    }));
    await until(async () => (await gateway.metric('writes_partial_total')) >= partial + 40);
    const grown = (await gateway.metric('process_resident_memory_bytes')) - begun;
    assert.ok(grown < 64 << 20, `${grown} bytes`);
    for (const reader of readers) reader.destroy();
    assert.equal((await get('/large.txt')).text.length, 15 << 20);
    assert.equal((await get('/empty.txt')).text, '');
  });

  for (const target of [
    '/../secret.txt', '/sub/../../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt', '/..\\secret.txt', '/%252e%252e/secret.txt', '/....//secret.txt', '/./../secret.txt', '//etc/passwd',
    '/%00', '/index.html%00.txt', '/.env', '/.git/config', '/sub/.%2e/.%2e/secret.txt', '/%c0%ae%c0%ae/secret.txt',
    '/link.txt', '/relative.txt', '/outside/secret.txt', '/outside/', '/pipe', '/sub', '/none', '/app.js/', '/app.js/x', '/%zz',
    '/' + 'a'.repeat(5000), '/' + 'a/'.repeat(100),
  ]) {
    test(`${target.slice(0, 40)} is not there`, async () => {
      const text = await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 404']);
      assert.doesNotMatch(text, /SECRET|root:/);
    });
  }

  test('without a folder there are none', async () => {
    const bare = await Gateway.start(cluster);
    assert.equal((await bare.get('/')).status, 404);
    assert.equal((await bare.get('/index.html')).status, 404);
    await bare.stop();
  });
});
