// Several people edit one blueprint over a network that cuts, loses answers and reorders: whatever happens in
// whatever order, nobody's edit is lost or made twice, what is shown has all that was typed here at any time, and
// in the end everybody has what the server has.
//
// A run is reproduced by its seed: WRK_SEED=n; WRK_RUNS sets how many there are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BlueprintStore, strip } from '../src/documents.js';
import { createRealtimeClient } from '../src/index.js';
import { BlueprintServer } from './blueprint_server.mjs';
import { FakeClock, dice } from './fake.mjs';
import { FakeGateway } from './fake_gateway.mjs';

const SEED = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.WRK_RUNS ?? (process.env.WRK_SEED ? 1 : 60));
const STEPS = 80;
const USERS = ['A', 'B', 'C'];

const plain = (document) => JSON.parse(JSON.stringify(strip(document)));

// One browser. Each has a node of its own, in whose text nobody else writes, and edits the others, too.
class Person {
  typed = '';
  errors = [];
  isSelected = false;
  count = 0;

  constructor(world, user) {
    Object.assign(this, { world, user });
    const { gateway, dice: d } = world;
    this.navigator = { onLine: true };
    this.window = new EventTarget();
    this.env = gateway.env({ random: () => d.next(), window: this.window, navigator: this.navigator });
    this.client = createRealtimeClient({ url: 'ws://gateway.test/', getToken: () => gateway.token(user), env: this.env });
    // now and then it gives up, although the call was made
    const call = this.client.call.bind(this.client);
    const giveUp = () => Promise.reject({ code: 'timeout', status: 0, retry: 'backoff' });
    this.client.call = (...all) => (d.chance(0.1) ? call(...all).then(giveUp) : call(...all));
    const onError = (error) => this.errors.push(error);
    this.store = new BlueprintStore(this.client, 'V', { env: this.env, onError });
    this.store.on('error', (error) => this.errors.push(error));
    this.store.on('change', () => this.look());
    this.opened = this.store.open();
  }

  node(id) {
    return this.store.document.nodes.find((node) => node.id === id);
  }

  // what must be so at any time
  look() {
    const { store, world, user, typed } = this;
    if (!store.document) return;
    if (!this.isUndoing) assert.equal(this.node(user).data.text, typed, `${user} does not see what was typed`);
    assert.equal(Boolean(this.node(user).selected), this.isSelected, `${user}'s selection`);
    if (!store.pending) assert.deepEqual(plain(store.document), plain(world.server.documents[store.version]), `${user} at rest`);
  }

  // changes to the draft, which is a copy
  edits = {
    type: (draft) => {
      const word = `${this.user}${this.count++} `;
      this.typed += word;
      draft.nodes.find(({ id }) => id === this.user).data.text += word;
    },
    select: (draft) => {
      this.isSelected = !this.isSelected;
      draft.nodes.find(({ id }) => id === this.user).selected = this.isSelected;
    },
    add: (draft) => void draft.nodes.splice(this.world.dice.below(draft.nodes.length + 1), 0, { id: `${this.user}${this.count++}`, data: {} }),
    label: (draft) => void (this.world.dice.pick(draft.nodes).data.label = `${this.user}${this.count++}`),
    remove: (draft) => void (draft.nodes = draft.nodes.filter(({ id }) => USERS.includes(id) || this.world.dice.chance(0.7))),
    connect: (draft) => {
      const end = () => this.world.dice.pick(draft.nodes).id;
      draft.edges.push({ id: `e${this.user}${this.count++}`, source: end(), target: end() });
    },
    move: (draft) => void draft.nodes.push(...draft.nodes.splice(this.world.dice.below(draft.nodes.length), 1)),
    rename: (draft) => void (draft.name = `${this.user}${this.count++}`),
  };

  edit(name) {
    if (!this.store.document) return;
    if (this.world.dice.chance(0.5)) this.store.edit(this.edits[name]);
    else {
      const draft = structuredClone(this.store.document);
      this.edits[name](draft);
      this.store.edit(draft);
    }
    this.look();
  }

  setOnline(isOnline) {
    this.navigator.onLine = isOnline;
    this.window.dispatchEvent(new Event(isOnline ? 'online' : 'offline'));
  }

  resolve() {
    const { store, world } = this;
    const conflict = world.dice.pick(store.conflicts);
    const mine = [...USERS].some((id) => conflict?.path.includes(id) && conflict.path.at(-1) === 'text');
    if (!conflict || mine) return;
    store.resolve(conflict, world.dice.pick(['ours', 'theirs', 'both'])).catch(() => {});
  }
}

class World {
  log = [];

  constructor(seed) {
    const d = (this.dice = dice(seed));
    this.clock = new FakeClock();
    const gateway = (this.gateway = new FakeGateway(this.clock));
    gateway.latency = () => d.below(d.chance(0.1) ? 400 : 40);
    gateway.mute = () => d.chance(0.5);
    gateway.replayMost = d.pick([5, 1000]);
    gateway.afterRun = () =>
      d.chance(0.1) ? { error: { code: 'unavailable', status: 503, retry: 'backoff', retryAfter: 50 } } : undefined;
    const nodes = USERS.map((id) => ({ id, data: { text: '' } }));
    this.server = new BlueprintServer(gateway, 'V', { nodes, edges: [] });
    this.server.mostBytes = d.pick([200, Infinity]);
    this.people = USERS.map((user) => new Person(this, user));
  }

  step() {
    const { dice: d, gateway, people } = this;
    const person = d.pick(people);
    const edits = Object.keys(person.edits);
    const all = {
      cut: () => gateway.cut(),
      fetch: () => gateway.fetchNow(),
      gap: () => gateway.gap('automation_version:V'),
      deaf: () => [...gateway.conns].slice(0, 1).forEach((c) => ((c.isDeaf = true), (c.send = () => {}))),
      offline: () => person.setOnline(false),
      online: () => person.setOnline(true),
      resolve: () => person.resolve(),
      flush: () => person.store.flush(),
    };
    const name = d.pick([...Object.keys(all), ...edits, ...edits, 'type', 'type', 'fetch', 'fetch', 'fetch']);
    this.log.push(`${this.clock.now() % 1e7} ${person.user} ${person.client.state} ${person.store.version} ${name}`);
    if (all[name]) all[name]();
    else person.edit(name);
  }

  async heal() {
    const { gateway, people, clock } = this;
    for (const person of people) person.setOnline(true);
    for (const conn of gateway.conns) if (conn.isDeaf) conn.end(1006);
    for (let i = 0; i < 14; i++) {
      gateway.fetchNow();
      await clock.advance(10000);
    }
  }

  check() {
    const { server, people } = this;
    for (const { user, typed, store, errors } of people) {
      assert.deepEqual(errors, [], user);
      assert.equal(store.pending, false, `${user} has something that is not saved`);
      assert.equal(store.version, server.version, user);
      assert.deepEqual(plain(store.document), plain(server.document), user);
      assert.equal(server.document.nodes.find(({ id }) => id === user).data.text, typed, `${user}'s words on the server`);
    }
    assert.equal(new Set(server.applied).size, server.applied.length, 'an edit was made twice');
  }

  // Each takes back all that is theirs to take back; what others have written stays.
  async undo() {
    for (const person of this.people) {
      person.isUndoing = true;
      const others = this.people.filter((other) => !other.isUndoing);
      for (let i = 0; i < 500; i++) {
        let answer;
        person.store.undo('ours').then((payload) => (answer = payload));
        while (!answer) {
          await this.clock.advance(1000);
          this.gateway.fetchNow();
        }
        await this.clock.advance(1000);
        if (answer.undone === null) break;
      }
      const text = (user) => this.server.document.nodes.find(({ id }) => id === user)?.data.text;
      assert.equal(text(person.user), '', `${person.user}'s own is taken back`);
      for (const { user, typed } of others) assert.equal(text(user), typed, `${user}'s words after ${person.user}'s undo`);
    }
    assert.equal(this.people.every(({ store }) => store.version === this.server.version), true);
    for (const { store } of this.people) assert.deepEqual(plain(store.document), plain(this.server.document));
  }
}

for (let run = 0; run < RUNS; run++) {
  const seed = SEED + run;
  test(`seed ${seed}: all have what the server has, and nobody's edit is lost`, async (t) => {
    const world = new World(seed);
    try {
      for (let i = 0; i < STEPS; i++) {
        world.step();
        await world.clock.advance(world.dice.below(300));
        for (const person of world.people) person.look();
      }
      await world.heal();
      world.check();
      if (run % 5 === 0) await world.undo();
      for (const person of world.people) {
        person.store.close();
        person.client.close();
      }
      await world.clock.advance(100);
      for (const { env } of world.people) assert.equal(env.timers.size, 0, 'a timer outlives its owner');
    } catch (error) {
      t.diagnostic(world.log.slice(-40).join('\n'));
      throw error;
    }
  });
}
