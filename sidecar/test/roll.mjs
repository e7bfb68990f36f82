// What tests of presence share: the channels, what a client makes of its frames, and people who come and go.

import assert from 'node:assert/strict';

import { connect, northwind, until } from './e2e.mjs';

export const RESOURCE = `project:${northwind.project}`;
export const ROOM = `presence:project/${northwind.project}`;
export const CANONICAL = `tenant:${northwind.id}:${ROOM}`;
export const TENANT = `tenant:${northwind.id}:presence:tenant`;

// What a client knows of a channel from its frames alone; throws when a change does not fit what it knows.
export class Roll {
  users = new Map();
  log = [];

  constructor(client, channel, list) {
    this.client = client;
    this.channel = channel;
    this.from = client.frames.length;
    if (list) this.#set(list);
  }

  #set(list) {
    this.users = new Map(list.map((user) => [user.id, user]));
  }

  #apply({ type, payload: { users } }) {
    if (type === 'presence:sync') return this.#set(users);
    for (const user of users) {
      this.log.push(`${type.slice(9)} ${user.name ?? user.id}`);
      assert.equal(this.users.has(user.id), type !== 'presence:join', `${type} ${user.name}`);
      if (type === 'presence:leave') this.users.delete(user.id);
      else this.users.set(user.id, user);
    }
  }

  // takes what has come since
  read() {
    for (; this.from < this.client.frames.length; this.from++) {
      const frame = this.client.frames[this.from];
      if (frame.channel === this.channel && frame.type.startsWith('presence:')) this.#apply(frame);
    }
    return this;
  }

  names() {
    this.read();
    return [...this.users.values()].map(({ name }) => name).sort();
  }

  of(person) {
    return this.read().users.get(person.id);
  }

  // waits until exactly these are there
  has(...persons) {
    const wanted = persons.map(({ name }) => name).sort();
    return until(`${wanted.join(', ')} and nobody else to be there`, () => {
      const names = this.names();
      return names.length === wanted.length && names.every((name, i) => name === wanted[i]);
    });
  }

  // what was told since, and forgets it
  news() {
    this.read();
    return this.log.splice(0);
  }
}

// joins a room, or only watches it
export async function enter(client, payload = {}, channel = ROOM, type = 'presence:join') {
  const from = client.frames.length;
  const answer = await client.requireAnswer({ type, channel, payload });
  const roll = new Roll(client, answer.channel);
  roll.from = from;
  await client.waitFor((f) => f.type === 'presence:sync' && f.channel === answer.channel, { from });
  return roll;
}

export const watch = (client, channel = ROOM) => enter(client, {}, channel, 'subscribe');

// People of a world who are connected.
export class Visitors {
  #clients = [];

  constructor(world) {
    this.world = world;
  }

  // a person, or whoever the options' token is of
  async at(gateway, person, options) {
    const client = await connect(gateway.url, { token: person && this.world.token(person), ...options });
    this.#clients.push(client);
    return client;
  }

  // everybody goes, and is gone from the tables
  async leaveAll() {
    for (const client of this.#clients.splice(0)) client.destroy();
    await until('nobody to be there', async () => {
      const left = await this.world.sql.query('SELECT count(*) FROM wrk.presence');
      return left === '0';
    });
  }
}
