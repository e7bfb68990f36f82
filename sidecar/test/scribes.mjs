// Writers of random transactions on the rows of a crowd (crowd.mjs): committed, rolled back, in
// savepoints, slow, not waiting for the disk; rows that come, change, move to another project, to
// other readers, and go.

import { setTimeout as pause } from 'node:timers/promises';

import { dice } from './dice.mjs';
import { quote } from './e2e.mjs';

// what a writer must live with: no server, a terminated session, a deadlock, a lock not given in time
const BEARABLE = /^(57|08|40|55P03|53|25P02)/;

export class Writer {
  committed = 0;
  failed = 0;
  #session = null;

  // bulk: most rows of one statement, now and then
  constructor(seed, lab, tenants, { bulk = 40, pause: most = 60 } = {}) {
    Object.assign(this, { lab, tenants, bulk, most, dice: dice(seed) });
  }

  // a session that is opened again when it has ended
  async query(text) {
    if (!this.#session) {
      this.#session = this.lab.session();
      const setting = this.dice.chance(0.3) ? 'SET synchronous_commit = off' : '';
      this.#session.query(`SET lock_timeout = '1s'; ${setting}`).catch(() => {});
    }
    return this.#session.query(text).catch((error) => {
      if (!error.sqlstate || /^(57|08)/.test(error.sqlstate)) {
        this.#session.close();
        this.#session = null;
      }
      throw error;
    });
  }

  // ---------- one change ----------

  // rows of a statement: mostly one
  #size() {
    return this.dice.chance(this.bulk > 40 ? 0.5 : 0.1) ? 1 + this.dice.below(this.bulk) : 1;
  }

  #message({ id, projects, rooms, people }) {
    const { dice } = this;
    const body = quote('m'.repeat(dice.chance(0.02) ? 20000 : 1 + dice.below(300)));
    const author = dice.pick(people).id;
    if (rooms.length > 0 && dice.chance(0.3))
      return `INSERT INTO copilot.messages (tenant_id, room_id, author_id, type, body)
        SELECT '${id}', '${dice.pick(rooms).id}', '${author}', 'chat', ${body} FROM generate_series(1, ${this.#size()})`;
    const type = dice.pick(['client', 'ops', 'internal_note', 'system']);
    return `INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      SELECT '${id}', '${dice.pick(projects)}', '${author}', '${type}', ${body} FROM generate_series(1, ${this.#size()})`;
  }

  #task({ id, projects }) {
    const kind = this.dice.pick(['general_todo', 'client_retention', 'credentials_issue']);
    return `INSERT INTO copilot.tasks (tenant_id, project_id, kind, title)
      SELECT '${id}', '${this.dice.pick(projects)}', '${kind}', 'T' FROM generate_series(1, ${this.#size()})`;
  }

  // some row of the tenant's; whoever else has it now is not waited for
  #which(table, { id }, n = 1) {
    return `SELECT id FROM copilot.${table} WHERE tenant_id = '${id}'
      ORDER BY hashtext(id::text || '${this.dice.below(1e6)}') LIMIT ${n} FOR UPDATE SKIP LOCKED`;
  }

  #update(tenant) {
    const { dice } = this;
    const own = `tenant_id = '${tenant.id}' AND`;
    const change = dice.pick([
      `title = title || '.'`,
      `project_id = '${dice.pick(tenant.projects)}'`,
      `kind = '${dice.pick(['general_todo', 'client_retention'])}'`,
      `project_id = '${dice.pick(tenant.projects)}', kind = '${dice.pick(['general_todo', 'client_retention'])}'`,
    ]);
    return `UPDATE copilot.tasks SET ${change} WHERE ${own} length(title) < 100 AND id IN (${this.#which('tasks', tenant, this.#size())})`;
  }

  #delete(tenant) {
    const table = this.dice.pick(['tasks', 'messages']);
    return `DELETE FROM copilot.${table} WHERE tenant_id = '${tenant.id}' AND id IN (${this.#which(table, tenant, this.#size())})`;
  }

  // one row of every tenant in one statement
  #everywhere() {
    const rows = this.tenants.map(({ id, projects }) => `('${id}'::uuid, '${this.dice.pick(projects)}'::uuid, 'T')`);
    return `INSERT INTO copilot.tasks (tenant_id, project_id, title) VALUES ${rows}`;
  }

  #emit({ id, channels, people }) {
    const { dice } = this;
    const [kind, key] = dice.pick([
      ['critical', 'NULL'],
      ['state', `'k${dice.below(4)}'`],
    ]);
    const audience = dice.pick(['', 'role:ops,role:admin', `user:${dice.pick(people).id}`, 'role:client']);
    const names = dice.some(channels, 1 + dice.below(3)).map((name) => `tenant:${id}:${name}`);
    if (dice.chance(0.2)) names.push(`tenant:${id}`);
    return `SELECT wrk.emit('proof.${kind}', '{}', '{${names}}', '{${audience}}', '${kind}', ${key}, '${id}')`;
  }

  statement() {
    const { dice } = this;
    const tenant = dice.pick(this.tenants);
    const kind = dice.below(20);
    if (kind < 7) return this.#message(tenant);
    if (kind < 11) return this.#task(tenant);
    if (kind < 15) return this.#update(tenant);
    if (kind < 17) return this.#delete(tenant);
    return kind < 18 ? this.#everywhere() : this.#emit(tenant);
  }

  // ---------- transactions ----------

  #transaction() {
    const { dice } = this;
    const one = this.statement();
    const kind = dice.below(12);
    if (kind === 0) return `BEGIN; ${one}; ROLLBACK`;
    if (kind === 1) return `BEGIN; ${one}; SAVEPOINT s; ${this.statement()}; ROLLBACK TO s; ${this.statement()}; COMMIT`;
    if (kind === 2) return `BEGIN; ${one}; SELECT pg_sleep(${dice.below(300) / 1000}); ${this.statement()}; COMMIT`;
    if (kind < 6) return `BEGIN; ${one}; ${this.statement()}; COMMIT`;
    return one;
  }

  async run(isOver) {
    while (!isOver()) {
      await this.query(this.#transaction()).then(
        () => this.committed++,
        async (error) => {
          this.failed++;
          if (error.sqlstate && !BEARABLE.test(error.sqlstate)) throw error;
          await this.#session?.query('ROLLBACK').catch(() => {});
        },
      );
      await pause(this.dice.below(this.most));
    }
    await this.#session?.close();
    this.#session = null;
  }
}
