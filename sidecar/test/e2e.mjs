// The world of the end-to-end tests: a cluster of their own with the two companies of the demo,
// people in them, a gateway. Everything is real; nothing is left behind.

import { as, northwind, helios, seed } from '../../tools/demo_data.mjs';
import { Follower } from '../../tools/follower.mjs';
import { Lab, quote } from '../../tools/lab.mjs';
import './ends.mjs';
import { connect } from './ws_client.mjs';

export { northwind, helios, quote };
export { fence, isFence } from '../../tools/follower.mjs';
export { sample, until } from '../../tools/lab.mjs';
export { connect };

const someone = (n) => `00000000-0000-4000-8000-${String(900 + n).padStart(12, '0')}`;

// who takes part, and the roles their tokens carry; Bruno and Quinn are members of the project
export const people = {
  clara: { ...northwind.clara, tenant: northwind, roles: ['client'] },
  oskar: { ...northwind.oskar, tenant: northwind, roles: ['ops'] },
  bruno: { ...northwind.bruno, tenant: northwind, roles: ['builder'] },
  quinn: { ...northwind.quinn, tenant: northwind, roles: ['qa'] },
  nils: { id: someone(2), name: 'Nils', tenant: northwind, roles: ['builder'] },
  ada: { id: someone(3), name: 'Ada', tenant: northwind, roles: ['admin'] },
  bea: { ...helios.bea, tenant: helios, roles: ['client'] },
};

export class World {
  #followers = [];
  #clients = [];

  // name: of its folder below tmp/e2e; settings: of the server; options: of the gateway;
  // receipts: messages that arrive become message.delivered, a second later, which no other test expects
  constructor(name, { settings = {}, options = {}, receipts = false } = {}) {
    // fsync only guards against the machine's crash, which no test brings about
    const place = process.env.WRK_POOLER === '1' ? `${name}-pooler` : name;
    this.lab = new Lab(`tmp/e2e/${place}`, { settings: { fsync: 'off', ...settings } });
    this.options = options;
    this.receipts = receipts;
  }

  async open() {
    await this.lab.open();
    this.sql = this.lab.sql;
    await this.sql.query('SELECT copilot.install()');
    if (!this.receipts) await this.sql.query('DELETE FROM wrk.receipt_rule');
    await seed(this.sql);
    for (const person of Object.values(people)) await this.#settle(person);
    this.gateway = await this.lab.gateway(this.options).start();
    return this;
  }

  // makes rows for the people the demo does not have
  async #settle({ id, name, tenant }) {
    const user = `('${id}', '${name.toLowerCase()}@wrk.example', '${name}')`;
    await this.sql.query(
      `INSERT INTO copilot.users (id, email, name) VALUES ${user} ON CONFLICT DO NOTHING`,
    );
    await this.sql.query(
      `INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES ('${tenant.id}', '${id}') ON CONFLICT DO NOTHING`,
    );
  }

  token({ id, tenant, roles }, { seconds = 3600, ...claims } = {}) {
    return this.lab.issuer.token(
      { sub: id, tenant_id: tenant.id, roles, sid: `e2e-${id.slice(-4)}`, ...claims },
      seconds,
    );
  }

  // an authenticated connection
  async client(person, options = {}) {
    const client = await connect(this.gateway.url, { token: this.token(person), ...options });
    this.#clients.push(client);
    return client;
  }

  // a client that comes back by itself, following the person's project unless told otherwise
  async follower(person, channels = [`project:${person.tenant.project}`]) {
    const token = () => this.token(person);
    const follower = new Follower({ name: person.name, url: this.gateway.url, token, channels });
    this.#followers.push(follower);
    await follower.start();
    return follower;
  }

  // SQL in one transaction, in a person's name and with no other rights
  as(person, sql) {
    return `BEGIN; ${as(person.tenant, person, person.roles[0], sql)}; COMMIT`;
  }

  // an INSERT of a message, by SQL
  message(tenant, author, type, body = 'x') {
    return this.sql
      .query(`INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      VALUES ('${tenant.id}', '${tenant.project}', '${author.id}', '${type}', ${quote(body)})`);
  }

  async close() {
    for (const client of this.#clients) client.destroy();
    await Promise.allSettled(this.#followers.map((follower) => follower.stop()));
    await this.lab.close();
  }
}
