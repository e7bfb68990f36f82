// Nobody sees what is not theirs, and everybody sees what is, while rights change.
//
// Writers change rows of several tenants: they come, change, move between projects, get other readers and
// go. One session takes memberships, rooms, sessions, roles and permissions away and gives them back; clients come
// and go over all transports, change their roles, ask for channels they lost, that are somebody else's or
// that are not there. Afterwards two oracles are asked: whether the table of events follows from what
// happened to the rows (routing.mjs), and whether each client was given what it had a right to (rights.mjs,
// judge.mjs).
//
//   ISOLATION_EVENTS=100000   how many events; the suite makes fewer
//   SEED=n                    repeats a run as far as scheduling allows

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Farm } from './client_farm.mjs';
import { allEvents, channelsOf, crowd, moveIn, patient, putFence } from './crowd.mjs';
import { dice } from './dice.mjs';
import { World, connect, until } from './e2e.mjs';
import { Judge, isFor } from './judge.mjs';
import { transports } from './lines.mjs';
import { Rights } from './rights.mjs';
import { checkRouting, readableKinds, watchRows } from './routing.mjs';
import { Writer } from './scribes.mjs';
import { sees, snapshotOf } from './snapshots.mjs';
import { FENCE } from './tireless.mjs';
import { Witness } from './witness.mjs';

const EVENTS = Number(process.env.ISOLATION_EVENTS ?? 6000);
const SEED = Number(process.env.SEED ?? process.env.WRK_SEED ?? 1);
const WRITERS = 4;
const CLIENTS = 48;
const FARMS = 2;
const TOKENS = 24; // of a client: what it goes on with when one is revoked
const NOWHERE = '00000000-0000-4000-8000-00000000dead';
// the roles of every second token
const OTHER = { client: ['client', 'ops'], builder: ['builder', 'ops'], qa: ['qa'], ops: ['client'], admin: ['qa', 'admin'] };

describe('isolation', { timeout: 120000 + EVENTS * 8 }, () => {
  const world = new World('isolation', {
    settings: { max_connections: '150' },
    options: { ...patient, fetch_rows: 50 },
  });
  const tenants = crowd({ tenants: 3, projects: 4, rooms: 3, people: 8 });
  const people = tenants.flatMap((tenant) => tenant.people);
  const rights = new Rights();
  const clients = [];
  const farms = [];
  const chance = dice(SEED);
  let asker; // a session that only reads
  let watchedFrom;
  let witness;

  // what each client is given, by index; a client is a person at a device
  function makeClient(n) {
    const person = people[n % people.length];
    const { tenant } = person;
    const stranger = tenants[(tenants.indexOf(tenant) + 1) % tenants.length];
    const tokens = Array.from({ length: TOKENS }, (_, i) => {
      const roles = i % 2 ? OTHER[person.role] : person.roles;
      const sid = `client-${n}-${i}`;
      return { roles, sid, key: `${roles}`, text: world.token({ ...person, roles }, { sid }) };
    });
    const guesses = [
      `project:${stranger.projects[0]}`,
      `tenant:${stranger.id}:project:${stranger.projects[1]}`,
      `tenant:${stranger.id}`,
      `project:${NOWHERE}`,
      `user:${tenant.people[(n + 1) % tenant.people.length].id}`,
    ];
    return { ...person, n, person, tokens, revoked: 0, channels: [...tenant.channels, ...guesses] };
  }

  // Every fourth begins with an API key, whose roles are the database's to change.
  async function giveKey(client) {
    const { tenant, id, roles, tokens, n } = client;
    const key = await world.sql.query(`SELECT wrk.api_key_create('${tenant.id}', '${id}', '{${roles}}')`);
    Object.assign(tokens[0], { sid: `key-${n}`, key: `key-${n}`, text: key, id: key.split('_')[2] });
    client.revoked = 1;
  }

  // farm and index there of a client
  const placeOf = ({ n }) => [farms[n % FARMS], [Math.floor(n / FARMS)]];
  const order = (client, ...what) => {
    const [farm, which] = placeOf(client);
    return farm.ask('each', which, ...what);
  };

  const roleSets = (person) => [person.roles, OTHER[person.role]];

  // the database's word on these people, in the state of now
  async function ask(some) {
    for (const person of some)
      for (const roles of roleSets(person))
        rights.tell(person, roles, Object.values(await channelsOf(asker, person, roles)));
  }

  before(async () => {
    await world.open();
    await moveIn(world.sql, tenants);
    watchedFrom = await watchRows(world.sql);
    asker = world.lab.session();
    await asker.query('SET default_transaction_read_only = on');
    await ask(people);
    witness = await new Witness(world.lab).begin();
    for (let n = 0; n < CLIENTS; n++) clients.push(makeClient(n));
    for (const client of clients) if (client.n % 4 === 0) await giveKey(client);
    for (let n = 0; n < FARMS; n++) farms.push(new Farm(`farm ${n}`));
  });
  after(async () => {
    await Promise.all(farms.map((farm) => farm.close()));
    await world.close();
  });

  // ---------- what changes ----------

  // Half the time their clients are just coming back when the change is made, and ask for their channels.
  async function disturb(person) {
    if (chance.chance(0.5)) return;
    for (const client of clients) if (client.person === person) order(client, 'cut').catch(() => {});
    await pause(chance.below(30));
  }

  const toggles = {
    async project(sql) {
      const tenant = chance.pick(tenants);
      const person = chance.pick(tenant.people.filter(({ role }) => role === 'builder' || role === 'qa'));
      const project = chance.pick(tenant.projects);
      const where = `tenant_id = '${tenant.id}' AND project_id = '${project}' AND user_id = '${person.id}'`;
      const isIn = await asker.query(`SELECT 1 FROM copilot.project_members WHERE ${where}`);
      await disturb(person);
      await rights.change(sql, isIn
        ? `DELETE FROM copilot.project_members WHERE ${where}`
        : `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
           VALUES ('${tenant.id}', '${project}', '${person.id}', '${person.role}')`);
      await ask([person]);
    },
    async room(sql) {
      const tenant = chance.pick(tenants);
      const person = chance.pick(tenant.people);
      const room = chance.pick(tenant.rooms);
      const where = `tenant_id = '${tenant.id}' AND room_id = '${room.id}' AND user_id = '${person.id}'`;
      const isIn = await asker.query(`SELECT 1 FROM copilot.room_members WHERE ${where}`);
      await disturb(person);
      await rights.change(sql, isIn
        ? `DELETE FROM copilot.room_members WHERE ${where}`
        : `INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id)
           VALUES ('${tenant.id}', '${room.id}', '${room.kind}', '${person.id}')`);
      await ask([person]);
    },
    async session(sql) {
      const client = chance.pick(clients);
      if (client.revoked >= TOKENS - 4) return;
      const { sid } = client.tokens[client.revoked++];
      await rights.change(sql, `SELECT wrk.session_revoke('${sid}', tenant_id => '${client.tenant.id}')`);
      rights.endSession(sid);
    },
    async key(sql) {
      const client = chance.pick(clients.filter(({ tokens }) => tokens[0].id));
      const { id, sid, now = client.roles } = client.tokens[0];
      const roles = roleSets(client.person).find((set) => `${set}` !== `${now}`) ?? now;
      await rights.change(sql, `UPDATE wrk.api_key SET roles = '{${roles}}' WHERE id = '${id}'`);
      rights.giveRoles(sid, roles);
      client.tokens[0].now = roles;
    },
    async suspension(sql) {
      const person = chance.pick(people);
      for (const status of ['inactive', 'active']) {
        await rights.change(sql, `UPDATE copilot.tenant_users SET status = '${status}'
          WHERE tenant_id = '${person.tenant.id}' AND user_id = '${person.id}'`);
        rights.suspend(person, status === 'inactive');
        await ask([person]);
        await pause(chance.below(150));
      }
    },
    // clients may not read projects for a while
    async permission(sql) {
      const those = `role = 'client' AND action = 'read' AND resource_type = 'project'`;
      const concerned = people.filter((person) => roleSets(person).flat().includes('client'));
      await sql.query(`CREATE TEMP TABLE IF NOT EXISTS taken AS SELECT * FROM wrk.permission WHERE ${those}`);
      await rights.change(sql, `DELETE FROM wrk.permission WHERE ${those}`);
      await ask(concerned);
      await pause(chance.below(150));
      await rights.change(sql, 'INSERT INTO wrk.permission SELECT * FROM taken');
      await ask(concerned);
    },
  };

  async function changeRights(isOver) {
    const sql = world.lab.session();
    while (!isOver()) {
      const kind = chance.below(40);
      if (kind < 15) await toggles.project(sql);
      else if (kind < 28) await toggles.room(sql);
      else if (kind < 34) await toggles.key(sql);
      else if (kind < 37) await toggles.session(sql);
      else if (kind < 39) await toggles.suspension(sql);
      else await toggles.permission(sql);
      await pause(chance.below(20));
    }
    await sql.close();
  }

  // clients come and go and change their roles by themselves
  async function stirClients(isOver) {
    const mine = dice(SEED + 1);
    while (!isOver()) {
      await order(mine.pick(clients), mine.pick(['cut', 'move', 'comeBackAsNext', 'nextToken']));
      await pause(mine.below(60));
    }
  }

  const eventsUntilNow = async () => Number(await asker.query('SELECT last_value FROM wrk.event_id_seq'));

  async function writeAndStir() {
    let isOver = false;
    const writers = Array.from({ length: WRITERS }, (_, n) =>
      new Writer(SEED * 100 + n, world.lab, tenants, { bulk: EVENTS > 20000 ? 80 : 41, pause: 20 }));
    const actors = [stirClients(() => isOver), changeRights(() => isOver), ...writers.map((writer) => writer.run(() => isOver))];
    const ended = actors.map((actor) => actor.catch((error) => ((isOver = true), error)));
    const counter = world.lab.session();
    const first = Number(await counter.query('SELECT last_value FROM wrk.event_id_seq'));
    let last = first;
    while (!isOver && last - first < EVENTS) {
      await pause(100);
      last = Number(await counter.query('SELECT last_value FROM wrk.event_id_seq'));
    }
    isOver = true;
    assert.deepEqual((await Promise.all(ended)).filter(Boolean), []);
    return writers.reduce((n, writer) => n + writer.committed, 0);
  }

  // names each client may follow in the end, by the key of its token
  async function expectations(client) {
    const names = {};
    for (const roles of roleSets(client.person))
      names[`${roles}`] = Object.keys(await channelsOf(asker, client.person, roles));
    const [{ id, key, now = client.roles }] = client.tokens;
    if (id) names[key] = names[`${now}`];
    return names;
  }

  // 0: is subscribed to what is expected and refused the rest
  async function everybodyHas(fence) {
    let lacking = [];
    await until('the fence', async () => {
      lacking = (await Promise.all(farms.map((farm) => farm.ask('lacking', fence)))).flat();
      return lacking.length === 0;
    }, { timeout: 90000, every: 50 }).catch(() =>
      assert.fail(`${lacking.length} clients lack fence ${fence}:\n${lacking.slice(0, 20).join('\n')}`),
    );
  }

  test(`${EVENTS} events, ${CLIENTS} clients over ${transports.join(', ')}: nothing foreign, nothing missing`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const began = performance.now();
    const specOf = ({ n, name, tokens, channels }) => ({
      name: `client ${n} (${name})`, tokens, channels, urls: [world.gateway.url], patience: 600, seed: SEED * 1000 + n,
    });
    await Promise.all(farms.map((farm, f) => farm.ask('start', clients.filter(({ n }) => n % FARMS === f).map(specOf))));
    await everybodyHas(0);
    const transactions = await writeAndStir();

    const expected = [];
    for (const client of clients) expected.push(await expectations(client));
    await Promise.all(farms.map((farm, f) => farm.ask('expect', expected.filter((_, n) => n % FARMS === f))));
    await everybodyHas(0);
    await putFence(world.sql, tenants, 1);
    await everybodyHas(1);

    const answers = await Promise.all(farms.map((farm) => farm.ask('stop')));
    const reports = clients.map(({ n }) => answers[n % FARMS][Math.floor(n / FARMS)]);
    const judge = new Judge(await allEvents(asker), reports, { rights, witnesses: witness.look() });
    clients.forEach((client, n) => judge.check(reports[n], client));

    const readers = [];
    for (const roles of [...new Set(people.flatMap(roleSets).map(String))].map((text) => text.split(',')))
      readers.push({ roles, kinds: await readableKinds(world.sql, tenants[0], roles) });
    const routing = await checkRouting(asker, readers, watchedFrom);
    const refusals = reports.flatMap((report) => report.refusals);
    t.diagnostic(
      `${((performance.now() - began) / 1000).toFixed(1)} s, ${transactions} transactions, ${await eventsUntilNow()} events, ` +
        `${JSON.stringify(judge.figures)}, rights ${JSON.stringify(rights.figures)}, rows changed ${routing.changes}, ` +
        `routes checked ${routing.checked}, refusals ${refusals.length}, complaints ${JSON.stringify(judge.counts)}`,
    );
    assert.deepEqual(judge.complaints, [], `SEED=${SEED}`);
    assert.deepEqual(routing.complaints, []);
    const codes = new Set(refusals.map(({ code }) => code));
    // what the server ends by itself has no name to tell
    const words = new Set(refusals.filter(({ code, took }) => code === 'not_found' && took > 0).map(({ channel, message, hint }) => `${message.replace(channel, 'NAME').replace(/tenant:[^:"]*:NAME/, 'NAME')}. ${hint}`));
    assert.deepEqual([...words], ['no channel "NAME". It does not exist, or you may not join it.'], 'refusals are all alike');
    for (const code of codes) assert.ok(['not_found', 'session_revoked', 'forbidden'].includes(code), code);
    assert.ok(judge.figures.arrived > EVENTS, 'there was something to see');
    assert.ok(judge.figures.unrecovered <= judge.figures.stretches / 500, `${judge.figures.unrecovered} were told to read anew`);
  });

  // not to the microsecond: whoever listens at the other end of a network must not be able to tell
  test('what is somebody else\'s is refused as fast as what is not there', async (t) => {
    const [tenant, stranger] = tenants;
    const person = tenant.people.find(({ role }) => role === 'builder');
    const own = Object.keys(await channelsOf(asker, person, person.roles));
    const names = {
      'not there': `project:${NOWHERE}`,
      'another tenant\'s': `project:${stranger.projects[0]}`,
      'by its full name': `tenant:${stranger.id}:project:${stranger.projects[0]}`,
      'of the tenant, not theirs': tenant.channels.find((name) => name.startsWith('project:') && !own.includes(name)),
    };
    const client = await world.client(person);
    const times = Object.fromEntries(Object.keys(names).map((what) => [what, []]));
    for (let round = 0; round < 150; round++)
      for (const [what, channel] of Object.entries(names)) {
        const began = performance.now();
        const { type, payload } = await client.request({ type: 'subscribe', channel, payload: {} });
        times[what].push(performance.now() - began);
        assert.equal(`${type} ${payload.code}`, 'error not_found', what);
      }
    const medians = Object.entries(times).map(([what, list]) => [what, list.sort((a, b) => a - b)[75]]);
    t.diagnostic(medians.map(([what, ms]) => `${what}: ${ms.toFixed(2)} ms`).join(', '));
    const all = medians.map(([, ms]) => ms);
    assert.ok(Math.max(...all) < 3 * Math.min(...all), 'of one order of magnitude');
  });

  test('who begins anew behind a gap, in the midst of a fetch, is told the truth of where', async () => {
    const [tenant] = tenants;
    const person = tenant.people.find(({ role }) => role === 'ops');
    const project = tenant.projects[0];
    const key = await world.sql.query(`SELECT wrk.api_key_create('${tenant.id}', '${person.id}', '{ops}')`);
    const client = await connect(world.gateway.url, { token: key });
    const { channel } = await client.subscribe(`project:${project}`);
    // one commit, so one fetch: of very many pages, and at its head the news of other roles
    await world.sql.query(`BEGIN; UPDATE wrk.api_key SET roles = '{admin}' WHERE id = '${key.split('_')[2]}';
      INSERT INTO copilot.tasks (tenant_id, project_id, title)
      SELECT '${tenant.id}', '${project}', 'T' FROM generate_series(1, 3000); COMMIT`);
    await client.waitFor((frame) => frame.type === 'gap' && frame.channel === channel);
    const { payload } = await client.subscribe(`project:${project}`);
    const from = client.frames.length;
    await putFence(world.sql, [tenant], 2);
    await client.waitFor((frame) => frame.type === FENCE && frame.channel === channel, { timeout: 30000 });
    const ids = client.all((frame) => frame.channel === channel && frame.id).map(({ id }) => Number(id));
    const begun = snapshotOf(payload.position);
    const missing = (await allEvents(asker)).filter(
      (event) => event.channels.includes(channel) && !sees(begun, event.xid) && !ids.includes(event.id) &&
        isFor(event.audience, { id: person.id, roles: ['admin'] }),
    );
    assert.equal(missing.length, 0, `of ${ids.length} behind frame ${from}, position ${payload.position}`);
    client.destroy();
  });
});
