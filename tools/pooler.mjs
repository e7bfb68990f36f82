// PgBouncer in transaction mode in front of a lab's cluster: Debian's, with a configuration of its own.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

// Debian puts it where only root's PATH leads.
const program = process.env.WRK_PGBOUNCER ?? '/usr/sbin/pgbouncer';

const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

export class Pooler {
  #child = null;

  // host, port, database: of the cluster; size: server connections of a user
  constructor(dir, { host, port, database, size = 4 }) {
    Object.assign(this, { dir: path.join(dir, 'pooler'), host, port: null, database, size });
    this.behind = port;
  }

  async start(port) {
    this.port = port;
    mkdirSync(this.dir, { recursive: true });
    const file = path.join(this.dir, 'pgbouncer.ini');
    writeFileSync(path.join(this.dir, 'users'), '"gateway" ""\n');
    writeFileSync(file, `[databases]
${this.database} = host=${this.host} port=${this.behind} dbname=${this.database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${this.dir}/users
pool_mode = transaction
default_pool_size = ${this.size}
server_login_retry = 1
admin_users = gateway
`);
    this.#child = spawn(program, ['-q', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.log = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.#child.on('error', (error) => (this.log += error));
    for (let i = 0; !(await answers(port)); i++) {
      if (i > 200 || this.#child.exitCode !== null) throw new Error(`no pooler (make deps): ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return this;
  }

  async stop(signal = 'SIGKILL') {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill(signal);
    await ended;
  }
}
