// What the console page has beyond a gateway while `make demo` runs: people to be, tokens for them, faults to order.
//
//   GET  /demo/people                    [{ key, name, role, tenant: { id, name }, projectId, versionId, automationId }]
//   POST /demo/token {person, seconds?}  { token }; lives for 10 minutes unless told otherwise
//   GET  /demo/counts                    { bursts: [{ n, project, total, written, failed }], the latest ones
//                                          ways: { NAME: what is wrong with it } }
//   GET  /demo/counts?burst=N            one of them, with ids: the tasks it makes, in their order
//   POST /demo/chaos {do, pane?, ...}    what was done; of a pane: { way: what is wrong with it }
//     of a pane   drop; delay {ms}; cut {bytes}; stall {on}; block {on, sse?, silent?}; offline {on}; lose_answer;
//                 lose_position: cut before the next one, so that what came is sent again;
//                 expire {seconds?}: its next token lives that long (5), and it is dropped so that it asks for one
//     of all      heal; kill_gateway; kill_backend; burst {n?, person?, every?}; sweep: takes the tasks of bursts away
//
// Answers and refusals are JSON, a refusal { error: { status, message } }. Who may ask is demo_front.mjs's business.
//
// What must stay true: a burst's ids are known before the first of its rows is written, and `written` counts what was
// committed; one thing at a time is done to the gateway.

import { randomUUID } from 'node:crypto';

import { Front } from './demo_front.mjs';
import { quote } from './lab.mjs';

const BODY_MAX = 4096;
const BODY_PATIENCE = 5000; // ms
const BURSTS_KEPT = 8;
const BURST_MAX = 10000;
const STEP = 20; // rows of a burst between two looks at how far it is

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
const bad = (message) => new Refusal(400, message);

// ---------- what is asked for ----------

const number = (low, high, otherwise) => (value, name) => {
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw bad(`"${name}" must be a whole number from ${low} to ${high}`);
};
const flag = (otherwise) => (value, name) => {
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw bad(`"${name}" must be true or false`);
};

// Takes what `shape` has from a body, and refuses anything else in it.
function want(body, shape) {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) throw bad('the body must be an object');
  const strange = Object.keys(body).find((name) => !Object.hasOwn(shape, name));
  if (strange !== undefined) throw bad(`"${strange.slice(0, 40)}" is not known here`);
  return Object.fromEntries(Object.entries(shape).map(([name, check]) => [name, check(body[name], name)]));
}

// what is done to one pane: { what it takes, what it does to the way }
const ofPane = {
  drop: [{}, (way) => way.drop()],
  delay: [{ ms: number(0, 60000) }, (way, { ms }) => (way.delay = ms)],
  cut: [{ bytes: number(0, 1e9) }, (way, { bytes }) => (way.left = bytes)],
  stall: [{ on: flag() }, (way, { on }) => way.stall(on)],
  block: [{ on: flag(), sse: flag(false), silent: flag(false) }, (way, { on, sse, silent }) => way.block(on, sse, silent)],
  offline: [{ on: flag() }, (way, { on }) => way.offline(on)],
  lose_answer: [{}, (way) => (way.loses = 'result')],
  lose_position: [{}, (way) => (way.loses = 'position')],
};

export class DemoServer {
  #bursts = [];
  #burstsBegun = 0;
  #made = new Set(); // ids of the tasks of all bursts
  #short = new Map(); // pane -> seconds its next token lives
  #gatewayDeed = Promise.resolve();
  #writer = null;
  #isOver = false;

  // lab: for SQL and tokens; gateway: the one behind it, which is killed; people: { key: { id, name, tenant, roles, project,
  // version, automation } }; panes: names of ways, beside one for each person
  constructor({ lab, gateway, people, panes = [] }) {
    Object.assign(this, { lab, gateway, people });
    const names = [...Object.keys(people), ...panes];
    this.front = new Front({ names, gatewayPort: () => gateway.port, answer: (...asked) => this.#answer(...asked) });
  }

  async start(port) {
    await this.front.listen(port);
    return this;
  }

  get url() {
    return this.front.url;
  }

  // Is this a task that a burst made?
  isOfBurst(id) {
    return this.#made.has(id);
  }

  // What is under way with the gateway or the database is not waited for: it ends with the lab.
  async close() {
    this.#isOver = true;
    await this.front.close();
  }

  // ---------- requests ----------

  async #answer(request, response) {
    let [status, said] = [200, null];
    try {
      said = await this.#route(request);
    } catch (error) {
      status = error.status ?? 500;
      said = { error: { status, message: error.message } };
    }
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(said));
  }

  async #route(request) {
    const [path, query] = request.url.split('?');
    const route = {
      '/demo/people': ['GET', () => this.#people()],
      '/demo/counts': ['GET', () => this.#counts(new URLSearchParams(query).get('burst'))],
      '/demo/token': ['POST', (body) => this.#token(body)],
      '/demo/chaos': ['POST', (body) => this.#chaos(body)],
    }[path];
    if (!route) throw new Refusal(404, 'there is nothing here');
    const [method, run] = route;
    if (request.method !== method) throw new Refusal(405, `this takes ${method}`);
    return run(method === 'POST' ? await bodyOf(request) : undefined);
  }

  #people() {
    return Object.entries(this.people).map(([key, { id, name, roles, tenant, project, version, automation }]) => ({
      key,
      id,
      name,
      role: roles[0],
      tenant: { id: tenant.id, name: tenant.name },
      projectId: project ?? tenant.project,
      versionId: version ?? tenant.version,
      automationId: automation ?? tenant.automation,
    }));
  }

  #pane(name) {
    if (this.front.ways.has(name)) return name;
    throw new Refusal(404, '"pane" must be the key of one of /demo/people');
  }

  #person(key) {
    if (typeof key === 'string' && Object.hasOwn(this.people, key)) return this.people[key];
    throw bad('"person" must be one of /demo/people');
  }

  #token(body) {
    const { person, seconds, pane } = want(body, {
      person: (key) => this.#person(key) && key,
      seconds: number(1, 86400, 600),
      pane: (name = body.person) => this.#pane(name),
    });
    const { id, tenant, roles } = this.people[person];
    const life = this.#short.get(pane) ?? seconds;
    this.#short.delete(pane);
    return { token: this.lab.issuer.token({ sub: id, tenant_id: tenant.id, roles, sid: `demo-${id.slice(-4)}` }, life) };
  }

  #counts(n) {
    if (n !== null) {
      const burst = this.#bursts.find((one) => String(one.n) === n);
      if (!burst) throw new Refusal(404, 'this burst is not known, or not any more');
      return burst;
    }
    const ways = Object.fromEntries([...this.front.ways].map(([name, way]) => [name, way.state]));
    return { bursts: this.#bursts.map(({ ids, ...burst }) => burst), ways };
  }

  // ---------- faults ----------

  async #chaos(asked) {
    const { do: what, ...body } = asked ?? {};
    const ofAll = {
      heal: () => this.#heal(want(body, {})),
      kill_gateway: () => this.#kill(want(body, {})),
      kill_backend: () => this.#killBackend(want(body, {})),
      burst: () => this.#burst(body),
      sweep: () => this.#sweep(want(body, {})),
    };
    if (typeof what !== 'string') throw bad('"do" must say what');
    if (Object.hasOwn(ofAll, what)) return { done: what, ...(await ofAll[what]()) };
    const { pane, ...given } = body;
    const way = this.front.ways.get(this.#pane(pane));
    if (what === 'expire') {
      this.#short.set(pane, want(given, { seconds: number(1, 3600, 5) }).seconds);
      way.drop();
    } else {
      if (!Object.hasOwn(ofPane, what)) throw bad(`nothing called "${what.slice(0, 40)}" can be done`);
      const [shape, run] = ofPane[what];
      run(way, want(given, shape));
    }
    return { done: what, way: way.state };
  }

  #heal() {
    for (const way of this.front.ways.values()) way.heal();
    this.#short.clear();
  }

  async #kill() {
    const deed = async () => {
      await this.gateway.stop('SIGKILL');
      await this.gateway.start();
    };
    this.#gatewayDeed = this.#gatewayDeed.then(deed, deed);
    await this.#gatewayDeed;
  }

  async #killBackend() {
    const killed = await this.lab.sql.query(
      `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'gateway'`,
    );
    return { killed: Number(killed) };
  }

  // Rows of one transaction each, so that they come one by one, by a session of its own.
  #burst(body) {
    const { n, person, every } = want(body, {
      n: number(1, BURST_MAX, 1000),
      person: (key = Object.keys(this.people)[0]) => this.#person(key),
      every: number(0, 1000, 1),
    });
    const project = person.project ?? person.tenant.project;
    const ids = Array.from({ length: n }, randomUUID);
    const burst = { n: ++this.#burstsBegun, project, ids, total: n, written: 0, failed: null };
    this.#bursts.push(burst);
    for (const id of ids) this.#made.add(id);
    if (this.#bursts.length > BURSTS_KEPT) this.#bursts.shift();
    this.#write(burst, person.tenant.id, every).catch((error) => (burst.failed = error.message));
    return { burst };
  }

  async #write(burst, tenant, every) {
    const { ids, project, n } = burst;
    this.#writer ??= this.lab.session();
    for (let i = 0; i < ids.length && !this.#isOver; i += STEP) {
      const rows = ids.slice(i, i + STEP).map(
        (id, j) => `INSERT INTO copilot.tasks (tenant_id, id, project_id, title)
          VALUES (${quote(tenant)}, '${id}', ${quote(project)}, 'Burst ${n}, ${i + j + 1} of ${ids.length}');
          SELECT pg_sleep(${every / 1000}) \\g /dev/null`,
      );
      await this.#writer.query(rows.join('\n'));
      burst.written += rows.length;
    }
  }

  async #sweep() {
    const ids = this.#bursts.flatMap((burst) => burst.ids.slice(0, burst.written));
    this.#bursts = this.#bursts.filter(({ written, failed, ids: all }) => written < all.length && !failed);
    for (let i = 0; i < ids.length; i += 1000)
      await this.lab.sql.query(`DELETE FROM copilot.tasks WHERE id = ANY ('{${ids.slice(i, i + 1000)}}')`);
    return { removed: ids.length };
  }
}

// A body of JSON. A foreign page could send plain text without asking, and is kept out by that as well.
async function bodyOf(request) {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new Refusal(415, 'the body must be application/json');
  const late = setTimeout(() => request.destroy(), BODY_PATIENCE);
  let body = '';
  try {
    for await (const chunk of request.setEncoding('utf8')) {
      body += chunk;
      if (body.length > BODY_MAX) throw new Refusal(413, 'the body is too long');
    }
  } finally {
    clearTimeout(late);
  }
  try {
    return JSON.parse(body);
  } catch {
    throw bad('the body is no JSON');
  }
}
