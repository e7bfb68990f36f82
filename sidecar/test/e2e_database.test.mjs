// How the gateway gets to its database: which roles it refuses, names that are looked up slowly, PgBouncer.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { World, people, until } from './e2e.mjs';
import { connect } from './ws_client.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { clara } = people;

let world;

before(async () => {
  // by name and address, too: a test's own, and gone with it
  world = await new World('database', { settings: { listen_addresses: '127.0.0.1' } }).open();
});

after(() => world?.close());

const conninfo = (user, host = world.lab.env.PGHOST) => `host=${host} port=${world.lab.env.PGPORT} user=${user} dbname=wrk`;
const logOf = (gateway) => fs.readFileSync(gateway.log, 'utf8');

// Starts one with that role and these settings; gives it and its log once that says what is looked for.
async function started(options, pattern) {
  const gateway = await world.lab.gateway({ reconnect_max: 200, ...options }).start({ ready: false });
  await until(String(pattern), () => pattern.test(logOf(gateway)));
  return gateway;
}

describe('the role of the gateway', () => {
  before(() => world.sql.query(`CREATE ROLE r_none LOGIN; CREATE ROLE r_super LOGIN SUPERUSER IN ROLE wrk_gateway;
    CREATE ROLE r_ops LOGIN IN ROLE wrk_gateway, wrk_ops; CREATE ROLE r_read LOGIN IN ROLE wrk_gateway, pg_read_all_data;
    CREATE ROLE r_bypass LOGIN BYPASSRLS IN ROLE wrk_gateway; CREATE ROLE r_between IN ROLE wrk_service;
    CREATE ROLE r_indirect LOGIN NOINHERIT IN ROLE wrk_gateway, r_between`));

  const refused = {
    r_none: 'is no member of wrk_gateway',
    r_super: 'is a superuser',
    r_ops: 'is a member of wrk_ops as well',
    r_read: 'is a member of pg_read_all_data as well',
    r_bypass: 'may more than a gateway needs',
    r_indirect: 'is a member of r_between, wrk_member, wrk_service as well',
  };
  for (const [role, why] of Object.entries(refused)) {
    test(`${role} is refused: it ${why}`, async () => {
      const gateway = await started({ database: conninfo(role) }, /not ready for a gateway.*link=feed/);
      assert.ok(logOf(gateway).includes(why), logOf(gateway));
      await until('not ready', async () => (await gateway.get('/readyz')).status === 503);
      const said = () => logOf(gateway).match(/level=warn msg="the database is not ready/g).length;
      await until('said once a link', () => said() === 5);
      await gateway.stop();
    });
  }

  test('a member of wrk_gateway alone is taken, and the check can be left out', async () => {
    await (await world.lab.gateway({ database: conninfo('gateway') }).start()).stop();
    await (await world.lab.gateway({ database: conninfo('r_ops'), role_check: 0 }).start()).stop();
  });
});

describe('a name server that is slow', () => {
  let shim;

  before(() => {
    // answers after SHIM_SECONDS: db.test with two addresses, one of which nobody listens on; the rest not at all
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-names-'));
    shim = path.join(dir, 'shim.so');
    fs.writeFileSync(path.join(dir, 'shim.c'), `#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef int (*Real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	Real real = (Real) dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *more;
	int status;
	if (node == NULL || strstr(node, ".test") == NULL)
		return real(node, service, hints, out);
	usleep((useconds_t) (atof(getenv("SHIM_SECONDS")) * 1e6));
	if (strcmp(node, "db.test") != 0)
		return EAI_NONAME;
	status = real("127.0.0.9", service, hints, out);
	if (status == 0 && real("127.0.0.1", service, hints, &more) == 0)
		(*out)->ai_next = more;
	return status;
}
`);
    execFileSync('gcc', ['-shared', '-fPIC', '-o', shim, path.join(dir, 'shim.c')]);
  });

  // Starts one under the shim.
  async function under(seconds, options) {
    const gateway = world.lab.gateway({ reconnect_max: 200, pool_size: 1, ...options });
    // a sanitizer wants to be loaded first, and need not be for this
    const asan = `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`;
    Object.assign(gateway.env, { SHIM_SECONDS: String(seconds), LD_PRELOAD: shim, ASAN_OPTIONS: asan });
    return gateway.start({ ready: false });
  }

  test('stops nobody, and the gateway finds its database', async () => {
    const gateway = await under(1.5, { database: conninfo('gateway', 'db.test') });
    await until('listening', () => logOf(gateway).includes('listening'));
    let longest = 0;
    let asked = 0;
    await until('ready', async () => {
      const begin = performance.now();
      const { status } = await gateway.get('/readyz');
      longest = Math.max(longest, performance.now() - begin);
      asked++;
      return status === 200;
    });
    assert.ok(asked > 10, `asked ${asked} times`);
    assert.ok(longest < 700, `an answer took ${longest} ms`);
    await gateway.stop();
  });

  test('a name that nobody knows is said, by name', async () => {
    const gateway = await under(0, { database: conninfo('gateway', 'nowhere.test') });
    await until('the reason', () => /cannot look up the database host.*nowhere\.test/.test(logOf(gateway)));
    await gateway.stop();
  });

  test('of several hosts the one that is known is taken', async () => {
    const database = `host=nowhere.test,127.0.0.1 port=1,${world.lab.env.PGPORT} user=gateway dbname=wrk`;
    const gateway = await under(0, { database });
    await until('ready', () => gateway.isReady());
    await gateway.stop();
  });

  test('one that is told to end while it waits ends', async () => {
    const gateway = await under(10, { database: conninfo('gateway', 'db.test') });
    await until('listening', () => logOf(gateway).includes('listening'));
    const begin = performance.now();
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    assert.ok(performance.now() - begin < 8000);
  });
});

describe('a pooler that loses count', () => {
  // Relays to the cluster; when armed, an answer gets the end of a query in front.
  async function relay() {
    const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
    const state = { armed: false };
    const server = net.createServer((client) => {
      const upstream = net.connect(Number(world.lab.env.PGPORT), '127.0.0.1');
      client.pipe(upstream);
      upstream.on('data', (part) => {
        const now = state.armed && part.includes('project_of_nobody');
        if (now) state.armed = false;
        client.write(now ? Buffer.concat([READY, part]) : part);
      });
      for (const [one, other] of [[client, upstream], [upstream, client]])
        one.on('close', () => other.destroy()).on('error', () => other.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return Object.assign(state, { server, port: server.address().port });
  }

  test('is left: nobody gets the answer to what another asked, and nobody waits for ever', async () => {
    const between = await relay();
    const database = `host=127.0.0.1 port=${between.port} user=gateway dbname=wrk`;
    const gateway = await world.lab.gateway({ reconnect_max: 200, database, database_direct: conninfo('gateway') }).start();
    const c = await connect(gateway.url, { token: world.token(clara) });
    const ask = (method) => c.request({ type: 'call', payload: { method, params: {} } });
    between.armed = true;
    const answers = await Promise.all([ask('project_of_nobody.list'), ...Array.from({ length: 20 }, () => ask('project.list'))]);
    assert.equal(between.armed, false);
    assert.equal(answers[0].payload.code, 'unavailable', 'whether it ran is not known');
    assert.match(logOf(gateway), /lost count of the answers/);
    for (const { type, payload } of answers.slice(1))
      assert.ok(type === 'result' || payload.code === 'unavailable', JSON.stringify(payload));
    await until('ready', async () => (await ask('project.list')).type === 'result');
    await c.close();
    await gateway.stop();
    between.server.close();
  });
});

describe('behind PgBouncer in transaction mode', () => {
  test('one gateway without database_direct is not ready, and says why', async () => {
    await world.lab.openPooler();
    const gateway = world.lab.gateway({});
    delete gateway.env.WRK_GATEWAY_DATABASE_DIRECT;
    await gateway.start({ ready: false });
    await until('the reason', () => /level=(warn|error)/.test(logOf(gateway)));
    assert.notEqual((await gateway.get('/readyz')).text, '');
    await gateway.stop();
  });

  test('a pooler that dies and comes back: clients stay, calls are unavailable meanwhile', async () => {
    const gateway = await world.lab.gateway({ reconnect_max: 200 }).start();
    const c = await connect(gateway.url, { token: world.token(clara) });
    const ask = () => c.request({ type: 'call', payload: { method: 'project.list', params: {} } });
    const { port } = world.lab.pooler;
    await world.lab.pooler.stop();
    await until('not ready', async () => (await gateway.get('/readyz')).status === 503);
    assert.equal((await ask()).payload.code, 'unavailable');
    await world.lab.pooler.start(port);
    await until('ready', () => gateway.isReady());
    assert.notEqual((await ask()).payload.code, 'unavailable');
    assert.ok(c.isOpen);
    await c.close();
    await gateway.stop();
  });

  for (const name of ['e2e_session', 'e2e_visibility', 'e2e_presence', 'e2e_presence_rights', 'e2e_access']) {
    test(`everything of ${name} works`, { timeout: 600000 }, async () => {
      const { NODE_TEST_CONTEXT, ...env } = process.env;
      const args = ['--test', '--test-reporter=tap', path.join(here, `${name}.test.mjs`)];
      const child = spawn(process.execPath, args, { env: { ...env, WRK_POOLER: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
      child.stderr.setEncoding('utf8').on('data', (part) => (text += part));
      const [code] = await once(child, 'exit');
      assert.equal(code, 0, text.split('\n').filter((line) => /not ok|Error|error/.test(line)).slice(0, 20).join('\n'));
      assert.ok(Number(/^# pass (\d+)$/m.exec(text)[1]) > 0);
    });
  }
});
