// What the gateway's tests stand on: a throw-away Postgres with mock_db.sql in it, and gateways to run
// against it. Nothing is installed or left behind; works as root, too (initdb then runs as `postgres`).
//
// WRK_GATEWAY_BIN chooses another binary (the sanitized one), WRK_TEST_PGBIN another Postgres.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort, sample } from '../../tools/lab.mjs';
import './ends.mjs';

export { freePort };

const here = path.dirname(fileURLToPath(import.meta.url));
const sanitized = process.env.SANITIZE === '1';
const defaultBin = path.join(here, '..', sanitized ? 'build-asan' : '.', 'wrk_copilot_gateway');

export const gatewayBin = process.env.WRK_GATEWAY_BIN ?? defaultBin;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Repeats probe() until it returns something true; rejects after `timeout` ms.
export async function until(probe, { timeout = 10000, every = 20, what = probe.toString() } = {}) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${timeout} ms: ${what}`);
    await sleep(every);
  }
}

function pgBin() {
  if (process.env.WRK_TEST_PGBIN) return process.env.WRK_TEST_PGBIN;
  try {
    return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
  } catch {
    const versions = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
    return `/usr/lib/postgresql/${versions[0]}/bin`;
  }
}

export class Cluster {
  static async start() {
    const cluster = new Cluster();
    cluster.bin = pgBin();
    cluster.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wrk-gateway-'));
    cluster.port = await freePort();
    cluster.asRoot = process.getuid() === 0;
    if (cluster.asRoot) execFileSync('chown', ['postgres', cluster.dir]);
    cluster.#run('initdb', ['-D', `${cluster.dir}/data`, '-A', 'trust', '-U', 'postgres', '--no-sync']);
    cluster.up();
    cluster.load();
    return cluster;
  }

  #run(program, args) {
    const command = path.join(this.bin, program);
    const [file, argv] = this.asRoot ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, args];
    return execFileSync(file, argv, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  }

  up() {
    const options = `-p ${this.port} -k ${this.dir} -c listen_addresses=127.0.0.1 -c fsync=off`;
    this.#run('pg_ctl', ['-D', `${this.dir}/data`, '-o', options, '-l', `${this.dir}/log`, '-w', 'start']);
  }

  down(mode = 'fast') {
    this.#run('pg_ctl', ['-D', `${this.dir}/data`, '-m', mode, '-w', 'stop']);
  }

  // Without a word to anybody. The mock's positions may count transactions as seen that are not on disk yet (a NOTIFY
  // alone is not waited for), whose ids would be given out again; the extension flushes before it hands one out.
  crash() {
    this.sql('CHECKPOINT');
    this.down('immediate');
  }

  load() {
    execFileSync('psql', [...this.psqlArgs, '-f', path.join(here, 'mock_db.sql')], { stdio: 'pipe' });
  }

  get psqlArgs() {
    return ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', this.conninfo];
  }

  get conninfo() {
    return `host=127.0.0.1 port=${this.port} user=postgres dbname=postgres`;
  }

  // The same cluster, another database of it.
  database(name) {
    return Object.create(this, { conninfo: { value: this.conninfo.replace('dbname=postgres', `dbname=${name}`) } });
  }

  // Runs SQL; returns psql's unaligned output.
  sql(text) {
    return execFileSync('psql', [...this.psqlArgs, '-At'], { input: text, encoding: 'utf8' }).trim();
  }

  // Emits one event of the mock; returns its id.
  emit(type, channels, { payload = {}, mask = 'NULL', users = 'NULL', cls = 'c', stateKey = 'NULL' } = {}) {
    const json = JSON.stringify(payload).replaceAll("'", "''");
    return this.sql(
      `SELECT wrk.mock_emit('${type}', '${json}', '{${channels.join(',')}}', ${mask}, ${users}, '${cls}', ${stateKey})`,
    );
  }

  async stop() {
    // of a test that failed half-way: it would keep the test's process alive
    for (const gateway of running) gateway.process.kill('SIGKILL');
    try {
      this.down('immediate');
    } catch {
      // it was down already
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

const running = new Set();

export class Gateway {
  log = '';

  // options: settings of the gateway, { heartbeat: 200, ... }
  static async start(cluster, options = {}) {
    const gateway = new Gateway();
    gateway.port = options.port ?? (await freePort());
    const args = ['--port', String(gateway.port), '--database', cluster.conninfo];
    // the mock has no role for gateways
    const all = { reconnect_max: 300, probe_timeout: 1000, role_check: 0, ...options };
    gateway.secure = Boolean(options.tls_cert);
    delete all.port;
    delete all.wait;
    for (const [name, value] of Object.entries(all)) args.push(`--${name}`, String(value));
    gateway.process = spawn(gatewayBin, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    gateway.process.stderr.setEncoding('utf8').on('data', (text) => (gateway.log += text));
    gateway.exited = once(gateway.process, 'exit').then(([code, signal]) => (gateway.end = { code, signal }));
    running.add(gateway);
    gateway.exited.then(() => {
      gateway.isRunning = false;
      running.delete(gateway);
    });
    gateway.isRunning = true;
    if (options.wait !== false) await gateway.ready();
    return gateway;
  }

  get url() {
    return `${this.secure ? 'wss' : 'ws'}://127.0.0.1:${this.port}/`;
  }

  async get(route) {
    if (this.secure) return this.#getSecurely(route);
    const response = await fetch(`http://127.0.0.1:${this.port}${route}`, { headers: { connection: 'close' } });
    return { status: response.status, text: await response.text() };
  }

  // fetch() believes only what is signed by somebody known
  #getSecurely(route) {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path: route, rejectUnauthorized: false, agent: false };
      const request = https.get(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      request.on('error', reject);
    });
  }

  async ready() {
    return until(
      async () => {
        if (!this.isRunning) throw new Error(`the gateway ended:\n${this.log}`);
        return (await this.get('/readyz').catch(() => ({}))).status === 200;
      },
      { what: `ready gateway\n${this.log}` },
    );
  }

  async metric(name) {
    return sample((await this.get('/metrics')).text, name);
  }

  async stop(signal = 'SIGTERM') {
    if (this.isRunning) this.process.kill(signal);
    return this.exited;
  }
}

// A cluster and a gateway for all tests of a file: take() gets both before the first one, and after the last one both are
// gone, the gateway in good order.
export function stand(options, take) {
  let cluster;
  let gateway;
  before(async () => {
    cluster = await Cluster.start();
    gateway = await Gateway.start(cluster, options);
    take({ cluster, gateway });
  });
  after(async () => {
    const end = await gateway?.stop();
    await cluster?.stop();
    if (gateway) assert.deepEqual(end, { code: 0, signal: null }, gateway.log);
  });
}
