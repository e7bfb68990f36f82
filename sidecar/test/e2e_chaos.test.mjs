// Whatever breaks, in whatever order: every client has exactly the events that the database says it may
// see, over every transport, at two gateways.
//
// A seed is a plan: a shuffled list of what is broken, how and after what wait. While it is carried out
// 16 writers change rows of two tenants and 200 clients follow them, come back with their positions,
// elsewhere and over other transports. In the end all is well again, a fence goes through every channel,
// and a judge compares what each client was given with the table of events.
//
//   CHAOS_SEEDS=50         how many seeds, one after another
//   SEED=n                 the first of them; without it 1, so that the suite's run is the same each time
//   CHAOS_CLIENTS=200      how many clients
//   CHAOS_WAYS=sse,poll    transports they use, without it all

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Farm } from './client_farm.mjs';
import { allEvents, channelsOf, crowd, moveIn, patient, putFence } from './crowd.mjs';
import { dice } from './dice.mjs';
import { World, until } from './e2e.mjs';
import { Judge } from './judge.mjs';
import { transports } from './lines.mjs';
import { Writer } from './scribes.mjs';
import { Witness } from './witness.mjs';

const SEEDS = Number(process.env.CHAOS_SEEDS ?? 3);
const FIRST = Number(process.env.SEED ?? process.env.WRK_SEED ?? 1);
const CLIENTS = Number(process.env.CHAOS_CLIENTS ?? 200);
// transports that clients may use; undefined: all of them
const WAYS = process.env.CHAOS_WAYS?.split(',');
const WRITERS = 16;
const TRANSACTIONS = 1200; // of a seed, at most
const FARMS = 4;
const GATEWAYS = 2;
// per seed, far more than it takes: a machine may be slow
const LIMIT = 240000;

// what is broken, and how often in a plan
const DAMAGE = {
  'gateway killed': 2,
  'gateway frozen': 1,
  'server stopped': 1,
  'listener terminated': 2,
  'pool connection terminated': 1,
  'doorbell terminated': 1,
  'clients reset': 3,
  'clients cut': 2,
  'clients deaf': 2,
  'machine asleep': 2,
  'clients moved': 4,
};

// What happens in the run of a seed: [{ what, wait (ms before it), dice }]
function planOf(seed) {
  const chance = dice(seed);
  const kinds = Object.entries(DAMAGE).flatMap(([what, n]) => Array(n).fill(what));
  return chance.shuffle(kinds).map((what) => ({ what, wait: 20 + chance.below(250), n: chance.below(2 ** 31) }));
}

class Chaos {
  done = {};
  #later = []; // [{ steps, repair }] what is put right some steps later

  constructor(world, gateways, farms) {
    Object.assign(this, { world, gateways, farms });
  }

  #in(steps, repair) {
    this.#later.push({ steps, repair });
  }

  async #repair(isOver = false) {
    const due = this.#later.filter((later) => isOver || --later.steps <= 0);
    this.#later = this.#later.filter((later) => !due.includes(later));
    for (const { repair } of due) await repair();
  }

  async #terminate(condition) {
    await this.world.lab
      .psql('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${condition}`)
      .catch(() => {}); // the server was about to stop
  }

  // [farm, which of its clients]: some of a farm that is awake
  #some(chance, n) {
    const awake = this.farms.filter(({ isStopped }) => !isStopped);
    const farm = chance.pick(awake);
    const size = Math.ceil(CLIENTS / this.farms.length);
    return [farm, chance.some([...Array(size).keys()], n)];
  }

  // returns at once or when the damage is done
  #damage = {
    'gateway killed': async (chance) => {
      const gateway = chance.pick(this.gateways);
      if (!gateway.pid) return; // it is to be started already
      await gateway.stop('SIGKILL');
      this.#in(chance.below(3), () => gateway.start({ ready: false }));
    },
    'gateway frozen': (chance) => {
      const { pid } = chance.pick(this.gateways);
      if (!pid) return;
      process.kill(pid, 'SIGSTOP');
      this.#in(1 + chance.below(2), () => {
        try {
          process.kill(pid, 'SIGCONT');
        } catch {
          // it was killed meanwhile
        }
      });
    },
    'server stopped': async (chance) => {
      await this.world.lab.stopServer('immediate');
      await pause(chance.below(200));
      await startServer(this.world.lab);
    },
    'listener terminated': () => this.#terminate(`usename = 'gateway' AND query LIKE '%gateway_fetch%' OR query LIKE 'LISTEN%'`),
    'pool connection terminated': (chance) =>
      this.#terminate(`pid = (SELECT pid FROM pg_stat_activity WHERE usename = 'gateway' ORDER BY hashint4(pid + ${chance.below(1000)}) LIMIT 1)`),
    'doorbell terminated': () => this.#terminate(`backend_type LIKE '%wrk%'`),
    'clients reset': (chance) => this.#each(chance, 12, 'cut', { reset: true }),
    'clients cut': (chance) => this.#each(chance, 12, 'cut'),
    'clients moved': (chance) => this.#each(chance, 15, 'move'),
    'clients deaf': async (chance) => {
      const [farm, which] = this.#some(chance, 10);
      await farm.ask('each', which, 'pause');
      this.#in(2 + chance.below(6), () => (farm.isStopped ? null : farm.ask('each', which, 'resume')));
    },
    'machine asleep': (chance) => {
      const awake = this.farms.filter(({ isStopped }) => !isStopped);
      if (awake.length < 2) return;
      const farm = chance.pick(awake);
      farm.freeze();
      this.#in(2 + chance.below(6), () => farm.thaw());
    },
  };

  async #each(chance, n, ...what) {
    const [farm, which] = this.#some(chance, n);
    await farm.ask('each', which, ...what);
  }

  async run(plan) {
    for (const { what, wait, n } of plan) {
      await pause(wait);
      await this.#damage[what](dice(n));
      this.done[what] = (this.done[what] ?? 0) + 1;
      await this.#repair();
    }
    await this.#repair(true);
    for (const farm of this.farms) await farm.ask('resume');
  }
}

// as tools/cluster does, without a look at what is to be built
async function startServer({ env, settings }) {
  const all = { unix_socket_directories: env.PGHOST, ...settings };
  const options = ['-p', env.PGPORT, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const data = path.join(env.CLUSTER_DIR, 'data');
  const log = path.join(env.CLUSTER_DIR, 'server.log');
  const child = spawn('pg_ctl', ['-D', data, '-l', log, '-w', '-o', options.join(' '), 'start'], { env, stdio: 'ignore' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0, `the server starts; see ${log}`);
}

describe('chaos', { timeout: LIMIT * SEEDS + 60000 }, () => {
  const world = new World('chaos', {
    settings: { max_connections: '150' },
    // dead clients are found within a seed's run, and fetches have pages
    options: { ...patient, heartbeat: 1000, poll_safety: 1000, fetch_rows: 8 },
  });
  const tenants = crowd({ tenants: 2, projects: 3, rooms: 2, people: 15 });
  const people = tenants.flatMap((tenant) => tenant.people);
  const farms = [];
  let gateways;
  let witness;
  let fences = 0;

  before(async () => {
    await world.open();
    await moveIn(world.sql, tenants);
    witness = await new Witness(world.lab).begin();
    for (const person of people) person.channels = await channelsOf(world.sql, person, person.roles);
    gateways = [world.gateway];
    while (gateways.length < GATEWAYS) gateways.push(await world.lab.gateway(world.options).start());
    for (let n = 0; n < FARMS; n++) farms.push(new Farm(`farm ${n}`));
  });
  after(async () => {
    await Promise.all(farms.map((farm) => farm.close()));
    for (const { pid } of gateways ?? []) if (pid) process.kill(pid, 'SIGCONT');
    await world.close();
  });

  // the clients of a farm, as messages
  const specsOf = (farm, seed) =>
    Array.from({ length: CLIENTS }, (_, n) => n)
      .filter((n) => n % FARMS === farm)
      .map((n) => {
        const person = people[n % people.length];
        return {
          name: `client ${n} (${person.name}, ${person.role})`,
          tokens: [{ text: world.token(person) }],
          urls: gateways.map(({ url }) => url),
          channels: Object.keys(person.channels).filter((name) => !name.startsWith('tenant:')),
          seed: seed * 1000 + n,
          ways: WAYS,
        };
      });

  // Waits until every client has fence n on each of its channels (0: has subscribed); says who has not.
  async function everybodyHas(n) {
    let lacking = [];
    await until('the fence', async () => {
      lacking = (await Promise.all(farms.map((farm) => farm.ask('lacking', n)))).flat();
      return lacking.length === 0;
    }, { timeout: 90000, every: 50 }).catch(() =>
      assert.fail(`${lacking.length} clients lack channels of fence ${n}:\n${lacking.slice(0, 20).join('\n')}`),
    );
  }

  async function runSeed(t, seed) {
    const began = performance.now();
    await Promise.all(farms.map((farm, f) => farm.ask('start', specsOf(f, seed))));
    await everybodyHas(0);

    let isOver = false;
    const writers = Array.from({ length: WRITERS }, (_, n) => new Writer(seed * 100 + n, world.lab, tenants));
    const chaos = new Chaos(world, gateways, farms);
    // on a slow machine no more is written, or clients would never catch up
    const isEnough = (writer) => isOver || writer.committed > TRANSACTIONS / WRITERS;
    const writing = writers.map((writer) => writer.run(() => isEnough(writer)).catch((error) => ((isOver = true), error)));
    const broken = await chaos.run(planOf(seed)).catch((error) => error);
    isOver = true;
    assert.deepEqual([broken, ...(await Promise.all(writing))].filter(Boolean), []);

    for (const gateway of gateways) await until('gateway ready', () => gateway.isReady(), { timeout: 60000 });
    const sql = world.lab.session();
    await putFence(sql, tenants, ++fences);
    await everybodyHas(fences);
    const reports = await Promise.all(farms.map((farm) => farm.ask('stop')));
    const judge = new Judge(await allEvents(sql), reports.flat(), { witnesses: witness.look() });
    reports.forEach((some, f) =>
      some.forEach((report, i) => {
        const person = people[(i * FARMS + f) % people.length];
        judge.check(report, person, Object.values(person.channels));
      }),
    );
    await sql.close();
    const sum = (name) =>
      reports.flat().reduce((all, report) => {
        for (const [key, n] of Object.entries(report[name])) all[key] = (all[key] ?? 0) + n;
        return all;
      }, {});
    const moves = reports.flat().reduce((n, report) => n + report.moves, 0);
    t.diagnostic(
      `seed ${seed}: ${((performance.now() - began) / 1000).toFixed(1)} s, ${writers.reduce((n, w) => n + w.committed, 0)} transactions,` +
        ` ${JSON.stringify(judge.figures)}, connections ${JSON.stringify(sum('connections'))}, moves ${moves}, complaints ${JSON.stringify(judge.counts)}`,
    );
    if (process.env.CHAOS_VERBOSE) t.diagnostic(`ends ${JSON.stringify(sum('ends'))}, errors ${JSON.stringify(sum('errors'))}`);
    assert.deepEqual(judge.complaints, [], `SEED=${seed}`);
    assert.ok(judge.figures.arrived > CLIENTS * 10, 'there was something to lose');
  }

  for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
    test(`seed ${seed}: ${CLIENTS} clients over ${transports.join(', ')} have exactly their events`, { timeout: LIMIT }, (t) =>
      runSeed(t, seed),
    );
});
