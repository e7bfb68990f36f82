// Two gateways are one to those who use them: events, who is there and where everybody points to go
// across both, and on when one is killed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { allEvents, channelsOf, crowd, moveIn, patient, putFence } from './crowd.mjs';
import { World, connect, until } from './e2e.mjs';
import { Judge } from './judge.mjs';
import { Writer } from './scribes.mjs';
import { Tireless } from './tireless.mjs';
import { Witness } from './witness.mjs';

const GRACE = 1500;
const MOVES = 60;
const FOLLOWERS = 12;

// Somebody in a project: sees who is there and where they point to, and points themself.
class Participant {
  there = new Map(); // user -> who is there, from frames alone
  log = []; // what was told: "join NAME", "leave NAME"
  misfits = []; // changes that do not fit what was there
  pointers = new Map(); // user -> { times, values } of their cursors
  typing = new Set(); // who types

  constructor(person, token, project) {
    Object.assign(this, { person, token, project });
  }

  // Connects to a gateway and is there.
  async enter(gateway) {
    this.client = await connect(gateway.url, { token: this.token });
    this.client.waitFor((frame) => this.#onFrame(frame), { timeout: 2 ** 31 - 1 }).catch(() => {});
    await this.client.subscribe(this.project);
    await this.client.requireAnswer({ type: 'presence:join', channel: this.room, payload: { status: 'active' } });
    return this;
  }

  get room() {
    return `presence:${this.project.replace(':', '/')}`;
  }

  get names() {
    return [...this.there.values()].map(({ name }) => name).sort();
  }

  point(n) {
    this.client.publish(this.project, 'cursor', { n });
  }

  #onFrame({ type, channel, payload, sender_id: sender, ephemeral }) {
    if (channel?.endsWith(this.room) && type.startsWith('presence:')) this.#onPresence(type.slice(9), payload.users);
    else if (ephemeral && type === 'cursor') this.#onCursor(sender, payload.n);
    else if (ephemeral && type === 'typing_start') this.typing.add(sender);
    else if (ephemeral && type === 'typing_stop') this.typing.delete(sender);
    return false;
  }

  #onPresence(what, users) {
    if (what === 'sync') this.there = new Map(users.map((user) => [user.id, user]));
    else
      for (const user of users) {
        if (this.there.has(user.id) !== (what !== 'join')) this.misfits.push(`${what} ${user.name}`);
        if (what !== 'update') this.log.push(`${what} ${user.name}`);
        if (what === 'leave') this.there.delete(user.id);
        else this.there.set(user.id, user);
      }
  }

  #onCursor(sender, n) {
    if (!this.pointers.has(sender)) this.pointers.set(sender, { times: [], values: [] });
    const { times, values } = this.pointers.get(sender);
    times.push(performance.now());
    values.push(n);
  }
}

describe('two gateways', { timeout: 180000 }, () => {
  const options = { ...patient, presence_grace: GRACE, fetch_rows: 8 };
  const world = new World('two_gateways', { options });
  const tenants = crowd({ tenants: 1, projects: 2, rooms: 2, people: 28 });
  const [tenant] = tenants;
  const project = tenant.channels[0];
  const people = tenant.people.filter(({ role }) => ['client', 'ops', 'admin'].includes(role));
  const participants = [];
  const followers = [];
  let other;
  let witness;
  let isOver = false; // writers end, whatever became of the test

  before(async () => {
    await world.open();
    await moveIn(world.sql, tenants);
    witness = await new Witness(world.lab).begin();
    const links = 5; // four of the pool, and the feed
    await until('the gateway to have noticed', async () => (await world.gateway.metric('database_losses_total')) === links);
    other = await world.lab.gateway(options).start();
    for (const gateway of [world.gateway, other]) await until('a gateway ready', () => gateway.isReady());
    await until('both to know of each other', async () =>
      (await world.sql.query('SELECT count(*) FROM wrk.gateway_node WHERE lost_at IS NULL')) === '2');
  });
  after(async () => {
    isOver = true;
    for (const { client } of participants) client?.destroy();
    await Promise.all(followers.map((follower) => follower.stop()));
    await world.close();
  });

  const halves = () => [participants.filter((_, i) => i % 2 === 0), participants.filter((_, i) => i % 2 === 1)];

  // Waits until each of them has exactly these people; says who has whom wrongly.
  async function allSee(some, expected) {
    const names = expected.map(({ person }) => person.name).sort();
    const wrong = () => some.filter((one) => one.names.join() !== names.join());
    await until('everybody to see everybody', () => wrong().length === 0, { timeout: 20000 }).catch(() =>
      assert.fail(wrong().map(({ person, names: seen }) => `${person.name} sees ${seen}`).join('\n')));
  }

  // Everybody points MOVES times; each of the others must have the last, in order, and not too often.
  async function pointAll(some, from) {
    for (const { pointers } of some) pointers.clear();
    for (let n = from + 1; n <= from + MOVES; n++) {
      for (const one of some) one.point(n);
      await pause(10);
    }
    const last = from + MOVES;
    const pairs = some.flatMap((one) => some.filter((two) => two !== one).map((two) => [one, two]));
    const lacking = () => pairs.filter(([one, two]) => one.pointers.get(two.person.id)?.values.at(-1) !== last);
    await until('the last of everybody', () => lacking().length === 0, { timeout: 20000 }).catch(() =>
      assert.fail(lacking().map(([one, two]) =>
        `${one.person.name} has ${one.pointers.get(two.person.id)?.values.at(-1)} of ${two.person.name}, not ${last}`).join('\n')));
    for (const [one, two] of pairs) {
      const { times, values } = one.pointers.get(two.person.id);
      const who = `${two.person.name} at ${one.person.name}`;
      assert.deepEqual(values, [...values].sort((a, b) => a - b), `in order: ${who}`);
      // twenty a second, and what came late and was not yet read
      const most = ((times.at(-1) - times[0]) / 1000) * 20 + 3;
      assert.ok(values.length <= most, `${values.length} frames, at most ${most.toFixed(1)}: ${who}`);
    }
    return pairs.reduce((sum, [one, two]) => sum + one.pointers.get(two.person.id).values.length, 0) / pairs.length;
  }

  test('who is there, and where they point to, is the same at both', async (t) => {
    for (const [i, person] of people.entries()) {
      const one = new Participant(person, world.token(person), project);
      participants.push(await one.enter(i % 2 ? other : world.gateway));
    }
    await allSee(participants, participants);
    const frames = await pointAll(participants, 0);
    t.diagnostic(`${participants.length} people, ${MOVES} moves each, ${frames.toFixed(1)} frames of each at each other`);
  });

  test('one is killed: nobody left who came back, all others did, and no event is lost', async (t) => {
    const [here, there] = halves();
    const back = there.slice(0, there.length / 2);
    const gone = there.slice(there.length / 2);
    const [typist] = gone;
    for (let n = 0; n < FOLLOWERS; n++) {
      const person = people[n % people.length];
      const channels = Object.keys(await channelsOf(world.sql, person, person.roles)).filter((name) => !name.startsWith('tenant:'));
      const urls = [world.gateway.url, other.url];
      followers.push(new Tireless({ name: `follower ${n}`, tokens: [{ text: world.token(person) }], channels, urls, seed: n }).start());
    }
    await until('followers to follow', () => followers.every((follower) => follower.lacks(0).length === 0));
    const writers = [1, 2, 3, 4].map((n) => new Writer(n, world.lab, tenants).run(() => isOver));

    for (const one of participants) one.log.length = 0;
    typist.client.publish(project, 'typing_start', {});
    await until('others to see them type', () => here.every((one) => one.typing.has(typist.person.id)));
    await other.stop('SIGKILL');
    const died = performance.now();
    await Promise.all(back.map((one) => one.enter(world.gateway)));
    await allSee([...here, ...back], [...here, ...back]);
    const took = performance.now() - died;
    const frames = await pointAll([...here, ...back], 1000);

    await other.start();
    await Promise.all(gone.map((one) => one.enter(other)));
    await allSee(participants, participants);
    await pointAll(participants, 2000);
    await until('nobody to type for ever', () => here.every((one) => !one.typing.has(typist.person.id)), { timeout: 20000 });

    isOver = true;
    await Promise.all(writers);
    for (const one of here) {
      const told = gone.flatMap(({ person }) => [`join ${person.name}`, `leave ${person.name}`]);
      assert.deepEqual([...one.log].sort(), told.sort(), one.person.name);
    }
    for (const one of participants) assert.deepEqual(one.misfits, [], one.person.name);
    t.diagnostic(`those who did not come back were gone after ${Math.round(took)} ms, the grace being ${GRACE}; ${frames.toFixed(1)} frames`);
    await judgeEvents(t);
  });

  async function judgeEvents(t) {
    await putFence(world.sql, tenants, 1);
    const lacking = () => followers.filter((follower) => follower.lacks(1).length > 0);
    await until('the fence', () => lacking().length === 0, { timeout: 30000 }).catch(() =>
      assert.fail(lacking().map((follower) => `${follower.story}; lacks ${follower.lacks(1)}`).join('\n')));
    const reports = followers.map((follower) => follower.report());
    const judge = new Judge(await allEvents(world.sql), reports, { witnesses: witness.look() });
    for (const [n, report] of reports.entries()) {
      const person = people[n % people.length];
      judge.check(report, person, Object.values(await channelsOf(world.sql, person, person.roles)));
    }
    t.diagnostic(JSON.stringify(judge.figures));
    assert.deepEqual(judge.complaints, []);
  }
});
