// A place to try the whole thing: a private cluster, SQL sessions, a gateway, tokens.
//
// The demo and the end-to-end tests stand on it. It owns every process it starts: close() ends them
// and removes the cluster, also after a failure, and no wait is without a deadline. They are sessions
// of their own (detached): a Ctrl-C reaches who called and not them, so that close() finds them whole.
// Nothing here knows tables of the application.

import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { copyFileSync, createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pooler } from './pooler.mjs';

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

// Resolves with what probe() returns once that is truthy; asks every few milliseconds.
export async function until(what, probe, { timeout = 15000, every = 20 } = {}) {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

// Runs a program to its end; resolves with what it printed.
function run(file, args, { env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (data) => (text[name] += data));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(text.stdout);
      else reject(new Error(`${file} ${args[0]}: ${code ?? signal}\n${text.stderr.trim()}`));
    });
  });
}

// Nobody uses it, and nobody is given it for a connection while a server that has it is away: it is below
// the range of those.
export async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const port = 20000 + Math.floor(Math.random() * 10000);
    const server = net.createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port between 20000 and 30000');
}

// 'literal' of a value, NULL for null and undefined
export function quote(value) {
  if (value === null || value === undefined) return 'NULL';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", "''")}'`;
}

// One psql, one database session. Statements run in the order they were given.
export class Sql {
  #psql;
  #out = '';
  #err = '';
  #waiting = [];
  #count = 0;

  constructor(psql, env, args = []) {
    this.#psql = spawn(
      psql,
      ['-XqAt', '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never', ...args],
      { env, detached: true },
    );
    this.#psql.stdin.on('error', () => {}); // seen as the end of the process below
    this.#psql.stdout
      .setEncoding('utf8')
      .on('data', (text) => ((this.#out += text), this.#advance()));
    this.#psql.stderr
      .setEncoding('utf8')
      .on('data', (text) => ((this.#err += text), this.#advance()));
    this.ended = new Promise((resolve) => this.#psql.on('close', resolve)).then(() => {
      this.#psql = null;
      for (const { reject } of this.#waiting.splice(0))
        reject(new Error(`psql ended: ${this.#err.trim()}`));
    });
  }

  // What the statements print, unaligned, one row a line. An error of any of them rejects, with
  // .sqlstate.
  query(text) {
    if (!this.#psql) return Promise.reject(new Error(`psql ended: ${this.#err.trim()}`));
    const mark = `-- done ${++this.#count}`;
    this.#psql.stdin.write(`${text}\n;\n\\echo '${mark}'\n\\warn '${mark}'\n`);
    return new Promise((resolve, reject) =>
      this.#waiting.push({ mark: `${mark}\n`, text, resolve, reject }),
    );
  }

  async json(text) {
    return JSON.parse((await this.query(text)) || 'null');
  }

  // rows of a SELECT (or of WITH ... RETURNING) as objects
  rows(text) {
    return this.json(`SELECT coalesce(json_agg(t), '[]') FROM (${text}) t`);
  }

  async close() {
    this.#psql?.stdin.end('\\q\n');
    await this.ended;
  }

  #advance() {
    while (this.#waiting.length > 0) {
      const { mark, text, resolve, reject } = this.#waiting[0];
      const out = this.#out.indexOf(mark);
      const err = this.#err.indexOf(mark);
      if (out < 0 || err < 0) return;
      const printed = this.#out.slice(0, out).replace(/\n$/, '');
      const complaints = this.#err.slice(0, err);
      this.#out = this.#out.slice(out + mark.length);
      this.#err = this.#err.slice(err + mark.length);
      this.#waiting.shift();
      const error = /^(?:psql:[^\n]*?)?(?:ERROR|FATAL): {2}([0-9A-Z]{5}): (.*)/m.exec(complaints);
      if (!error) resolve(printed);
      else {
        const [, sqlstate, message] = error;
        reject(
          Object.assign(new Error(`${sqlstate} ${message}\nin: ${text.trim().slice(0, 300)}`), {
            sqlstate,
          }),
        );
      }
    }
  }
}

// The gateway's process. Keeps its port when it is started again.
// The value of a plain sample of /metrics, by its name or by what follows wrk_gateway_; NaN when it is not there.
export function sample(text, name) {
  return Number(new RegExp(`^(?:wrk_gateway_)?${name} (.*)$`, 'm').exec(text)?.[1]);
}

export class Gateway {
  #child = null;
  #exited = null;
  #log;

  constructor({ binary, env, log }) {
    Object.assign(this, { binary, env, log });
    writeFileSync(log, ''); // it is there from now on
    this.#log = createWriteStream(log, { flags: 'a' });
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.#child?.pid;
  }

  // Starts it and waits until it is ready to serve, unless told not to.
  async start({ ready = true } = {}) {
    this.port ??= await freePort();
    const env = { ...this.env, WRK_GATEWAY_PORT: String(this.port) };
    if (this.isOver) throw new Error('the lab is closed');
    if (this.#child) throw new Error(`the gateway runs already, process ${this.pid}`);
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(this.binary, [], { env, stdio, detached: true });
    this.#child = child;
    this.exit = null;
    child.stdout.pipe(this.#log, { end: false });
    child.stderr.pipe(this.#log, { end: false });
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: null, signal: null, error }));
      child.on('exit', (code, signal) => resolve({ code, signal }));
    }).then((exit) => {
      this.exit = exit;
      if (this.#child === child) this.#child = null;
      return exit;
    });
    if (ready) await until('gateway ready', () => this.isReady());
    return this;
  }

  async isReady() {
    if (this.exit)
      throw new Error(`the gateway ended: ${JSON.stringify(this.exit)}, see ${this.log}`);
    return (await this.get('/readyz')).status === 200;
  }

  // GET of a page: { status, text }; status 0 when nobody answers
  async get(page) {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}${page}`, {
        signal: AbortSignal.timeout(5000),
      });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  async metric(name) {
    return sample((await this.get('/metrics')).text, name);
  }

  // Sends a signal and waits for the end; resolves with { code, signal }.
  async stop(signal = 'SIGTERM') {
    if (!this.#child) return this.exit;
    this.#child.kill(signal);
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), 15000);
    return this.#exited.finally(() => clearTimeout(late));
  }
}

const base64url = (value) => Buffer.from(value).toString('base64url');

// An identity provider: one HS256 key, tokens on demand.
export class Issuer {
  constructor(kid = 'lab') {
    this.secret = randomBytes(32);
    this.jwk = { kty: 'oct', kid, alg: 'HS256', k: base64url(this.secret) };
  }

  // token({ tenant_id, sub, roles }): expires in `seconds` (negative: has expired)
  token(claims, seconds = 3600) {
    const now = Math.floor(Date.now() / 1000);
    const head = base64url(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: this.jwk.kid }));
    const body = base64url(
      JSON.stringify({ iat: now + Math.min(seconds, 0) - 1, exp: now + seconds, ...claims }),
    );
    const mac = createHmac('sha256', this.secret).update(`${head}.${body}`).digest();
    return `${head}.${body}.${base64url(mac)}`;
  }
}

export class Lab {
  #gateways = [];
  #sessions = [];
  #command = Promise.resolve(); // the last one that was given to tools/cluster
  #isClosed = false;

  // dir: where cluster and logs live, below tmp/; settings: of the server, { name: value }
  constructor(dir, { settings = {}, database = 'wrk' } = {}) {
    this.dir = path.resolve(top, dir);
    this.settings = settings;
    this.database = database;
    this.issuer = new Issuer();
    const { PGSERVICE, PGDATABASE, PGHOST, PGPORT, PGUSER, ...env } = process.env;
    for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES']) delete env[name];
    this.env = { ...env, CLUSTER_DIR: path.join(this.dir, 'cluster'), CLUSTER_PORT: 'auto' };
  }

  // tools/cluster COMMAND, after those before it: what starts is not destroyed halfway, and what was
  // destroyed at the end does not start again
  cluster(...args) {
    const command = async () => {
      if (this.#isClosed && args[0] !== 'destroy') throw new Error('the lab is closed');
      return run(path.join(top, 'tools/cluster'), args, { env: this.env });
    };
    this.#command = this.#command.then(command, command);
    return this.#command;
  }

  // Throws an earlier cluster away, starts a new one, makes the database and a login role for the
  // gateway.
  async open() {
    mkdirSync(this.dir, { recursive: true });
    await this.cluster('destroy');
    await this.startServer();
    await this.#useTree();
    await this.psql('postgres', `CREATE DATABASE ${this.database}`);
    this.sql = this.session();
    await this.sql.query(
      `CREATE EXTENSION wrk_copilot; CREATE ROLE gateway LOGIN IN ROLE wrk_gateway`,
    );
    await this.sql.query(`SELECT wrk.jwt_key_import(${quote(this.issuer.jwk)}::jsonb)`);
    if (process.env.WRK_POOLER === '1') await this.openPooler();
    return this;
  }

  // From now on requests of gateways go through PgBouncer; WRK_POOLER=1 has it from the start.
  async openPooler() {
    const { PGHOST: host, PGPORT: port } = this.env;
    this.pooler = new Pooler(this.dir, { host, port, database: this.database });
    await this.pooler.start(await freePort());
  }

  // Takes over what `tools/cluster env` says, as the shell reads it.
  async #useTree() {
    const shell = 'eval "$(tools/cluster env)" && env -0';
    const printed = await run('bash', ['-c', `cd "$1" && ${shell}`, 'bash', top], { env: this.env });
    for (const [, name, value] of printed.matchAll(/(?:^|\0)(PATH|PG[A-Z]+)=([^\0]*)/g))
      this.env[name] = value;
  }

  startServer() {
    return this.cluster(
      'start',
      ...Object.entries(this.settings).map(([name, value]) => `${name}=${value}`),
    );
  }

  // mode: fast, immediate
  async stopServer(mode = 'fast') {
    await run('pg_ctl', ['-D', path.join(this.env.CLUSTER_DIR, 'data'), '-m', mode, '-w', 'stop'], {
      env: this.env,
    });
  }

  async psql(database, text) {
    return (await run('psql', ['-XqAt', '-d', database, '-c', text], { env: this.env })).trim();
  }

  // a new SQL session; role: the login role
  session({ role = 'postgres' } = {}) {
    const session = new Sql('psql', this.env, ['-d', this.database, '-U', role]);
    this.#sessions.push(session);
    return session;
  }

  // a gateway on this database, not started yet; options: of the gateway, { outbox_max: 65536 }
  gateway(options = {}) {
    if (this.#isClosed) throw new Error('the lab is closed');
    const binary = process.env.WRK_GATEWAY_BIN ?? path.join(top, 'sidecar/wrk_copilot_gateway');
    if (!existsSync(binary)) throw new Error(`no gateway at ${binary}; run: make`);
    const { PGHOST, PGPORT } = this.env;
    const env = { ...this.env, WRK_GATEWAY_LISTEN: '127.0.0.1' };
    env.WRK_GATEWAY_DATABASE = `host=${PGHOST} port=${PGPORT} user=gateway dbname=${this.database}`;
    if (this.pooler) {
      env.WRK_GATEWAY_DATABASE_DIRECT = env.WRK_GATEWAY_DATABASE;
      env.WRK_GATEWAY_DATABASE = `host=127.0.0.1 port=${this.pooler.port} user=gateway dbname=${this.database}`;
    }
    for (const [name, value] of Object.entries(options))
      env[`WRK_GATEWAY_${name.toUpperCase()}`] = String(value);
    const log = path.join(this.dir, `gateway${this.#gateways.length || ''}.log`);
    const gateway = new Gateway({ binary, env, log });
    this.#gateways.push(gateway);
    return gateway;
  }

  serverLog() {
    return readFileSync(path.join(this.env.CLUSTER_DIR, 'server.log'), 'utf8');
  }

  async close() {
    this.#isClosed = true;
    for (const gateway of this.#gateways) {
      gateway.isOver = true;
      await gateway.stop();
    }
    await this.pooler?.stop();
    const log = path.join(this.env.CLUSTER_DIR, 'server.log');
    if (existsSync(log)) copyFileSync(log, path.join(this.dir, 'server.log')); // outlives the cluster
    // sessions in the middle of something end with their server
    await this.cluster('destroy');
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}
