// Everything at once: clients that join, leave, publish, call, renew tokens, read slowly and vanish in every
// state, while transactions overlap, database sessions are terminated and, at the end, the gateway is told to
// go with all of it in flight. Meant for the sanitized binary, and for exactness on any.
//
// What each connection was given is judged afterwards by the event table: a position may not claim an event
// that had not come, and nothing comes twice, from before its subscription, or that its reader may not see.
//
// WRK_SEED repeats a run as far as scheduling allows.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Sql } from '../../tools/lab.mjs';
import { dice } from './dice.mjs';
import { Cluster, Gateway, sleep, until } from './harness.mjs';
import { connect } from './ws_client.mjs';

const SEED = Number(process.env.WRK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SECONDS = Number(process.env.WRK_STRESS_SECONDS ?? 6);
const CLIENTS = 24;
const WRITERS = 4;
const PROJECTS = 5;
const people = [
  { token: 't1:alice:client', tenant: 't1', user: 'alice', mask: 1 },
  { token: 't1:olga:ops', tenant: 't1', user: 'olga', mask: 2 },
  { token: 't2:bob:client,ops', tenant: 't2', user: 'bob', mask: 3 },
];

// What one connection was given on its channels. A stretch is a subscription from a position on; `claimed` is
// the last position that came during it, and `claimedIds` how many of its events had come by then.
class Account {
  stretches = [];
  #open = new Map();
  #asked = new Map(); // requestId -> { channel, since } of a subscribe
  #read = 0;

  constructor(client, person) {
    Object.assign(this, { client, person });
  }

  asks(requestId, channel, since) {
    this.#asked.set(requestId, { channel: `tenant:${this.person.tenant}:${channel}`, since });
  }

  // Takes in the frames that came since the last time; returns the last position.
  update() {
    for (; this.#read < this.client.frames.length; this.#read++) this.#onFrame(this.client.frames[this.#read]);
    return this.position;
  }

  #begin(channel, start, ids = []) {
    const stretch = { person: this.person, channel, start, ids, claimed: null, claimedIds: 0 };
    this.#open.set(channel, stretch);
    this.stretches.push(stretch);
  }

  #onFrame(frame) {
    const { type, channel, payload, id, requestId } = frame;
    if (type === 'connected') for (const name of payload.channels) this.#begin(name, (this.position = payload.position));
    else if (type === 'subscribed') this.#onSubscribed(channel, this.#asked.get(requestId).since, payload);
    else if (type === 'unsubscribed' || type === 'gap') this.#open.delete(channel);
    else if (type === 'error' && this.#asked.has(requestId)) this.#onRefused(this.#asked.get(requestId), payload);
    else if (type === 'position') this.#onPosition((this.position = payload.position));
    else if (id !== undefined && channel !== undefined) this.#open.get(channel)?.ids.push(id);
  }

  #onSubscribed(channel, since, { position, recovered, events }) {
    if (since && recovered) this.#begin(channel, since, events.map((e) => e.id));
    else if (since || !this.#open.has(channel)) this.#begin(channel, position);
  }

  // asked wrongly or too often, or overtaken: what there was goes on
  #onRefused({ channel }, { status }) {
    if (![400, 409, 429].includes(status)) this.#open.delete(channel);
  }

  #onPosition(position) {
    for (const stretch of this.#open.values()) Object.assign(stretch, { claimed: position, claimedIds: stretch.ids.length });
  }
}

class Visitor {
  accounts = [];
  sent = 0;

  constructor(n, gateway) {
    Object.assign(this, { gateway, dice: dice(SEED + n), person: people[n % people.length] });
  }

  #request(frame, since) {
    const requestId = `r${++this.sent}`;
    if (frame.type === 'subscribe') this.account.asks(requestId, frame.channel, since);
    this.client.send({ ...frame, requestId });
  }

  #step() {
    const { dice, account } = this;
    const channel = `project:${dice.below(PROJECTS)}`;
    const kind = dice.below(16);
    if (kind >= 10 && dice.chance(0.97)) {
      const since = dice.chance(0.7) ? account.update() : undefined;
      this.#request({ type: 'subscribe', channel, payload: since ? { since } : {} }, since);
    } else if (kind <= 2) this.#request({ type: 'unsubscribe', channel });
    else if (kind === 4) this.#request({ type: 'publish', channel, payload: { type: 'cursor', data: { x: dice.below(100) } } });
    else if (kind === 5) this.#request({ type: 'call', payload: { method: 'message.send', params: { project: dice.below(PROJECTS) } } });
    else if (kind === 6) this.#request({ type: 'call', payload: { method: 'sleep', params: { seconds: dice.below(10) / 20 } } });
    else if (kind === 7) this.#request({ type: 'auth', payload: { token: dice.pick(people).token } });
    else if (kind === 3) this.#request({ type: 'ping' });
    else if (kind === 8) this.client.pause();
    else if (kind === 9) this.client.resume();
    else this.#leave();
  }

  #leave() {
    const kind = this.dice.below(4);
    if (kind === 0) this.client.destroy();
    else if (kind === 1) this.#request({ type: 'disconnect' });
    else if (kind === 2) this.client.sendText('{"type":');
    else this.client.sendFrame('x', { mask: false });
  }

  // Connects, sometimes leaving before anything is answered.
  async #visit(isOver) {
    this.client = await connect(this.gateway.url);
    this.account = new Account(this.client, this.person);
    this.accounts.push(this.account);
    this.client.send({ type: 'connect', requestId: 'c', payload: { token: this.person.token } });
    if (this.dice.chance(0.2)) {
      this.client.destroy();
      return;
    }
    while (!isOver() && this.client.isOpen) {
      this.#step();
      await sleep(this.dice.below(40));
    }
  }

  async run(isOver) {
    while (!isOver()) await this.#visit(isOver).catch(() => sleep(20));
  }
}

class Writer {
  constructor(n, cluster) {
    Object.assign(this, { dice: dice(SEED + 1000 + n), sql: new Sql('psql', process.env, ['-d', cluster.conninfo]) });
  }

  #emit() {
    const { dice } = this;
    const channel = dice.chance(0.8) ? `tenant:${dice.pick(['t1', 't2'])}:project:${dice.below(PROJECTS)}` : 'tenant:t1:user:alice';
    const audience = dice.pick(['NULL, NULL', 'NULL, NULL', '1, NULL', '2, NULL', `NULL, '{alice}'`, `4, '{bob}'`]);
    const cls = dice.pick(['c', 'c', 'c', 's', 'e']);
    const size = dice.chance(0.02) ? 200000 : dice.below(500);
    return `SELECT wrk.mock_emit('${cls}.x', jsonb_build_object('fill', repeat('x', ${size})), '{${channel}}', ${audience}, '${cls}', 'k${dice.below(3)}')
      FROM generate_series(1, ${1 + dice.below(12)});`;
  }

  async run(isOver) {
    while (!isOver()) {
      const pause = this.dice.chance(0.3) ? `SELECT pg_sleep(${this.dice.below(200) / 1000});` : '';
      await this.sql.query(`BEGIN; ${this.#emit()} ${pause} ${this.#emit()} ${this.dice.chance(0.9) ? 'COMMIT' : 'ROLLBACK'}`);
      await sleep(this.dice.below(30));
    }
    await this.sql.close();
  }
}

// What is wrong with a stretch, by the event table; '' when nothing is.
function complaint(cluster, { person, channel, start, ids, claimed, claimedIds }) {
  const snapshot = (position) => `'${position.split('.')[1]}'::pg_snapshot`;
  const visible = `('${channel}' = ANY (e.channels) AND ((audience_mask IS NULL AND audience_users IS NULL)
    OR audience_mask & ${person.mask} <> 0 OR '${person.user}' = ANY (audience_users)))`;
  const list = (some) => `'{${some}}'::bigint[]`;
  return cluster.sql(`
    SELECT string_agg(what || ' ' || id, ', ') FROM (
      SELECT 'claimed, not delivered:' AS what, id FROM wrk.event e WHERE ${visible} AND class = 'c'
        AND ${claimed ? `pg_visible_in_snapshot(xid, ${snapshot(claimed)})` : 'false'} AND NOT pg_visible_in_snapshot(xid, ${snapshot(start)})
        AND id <> ALL (${list(ids.slice(0, claimedIds))})
      UNION ALL SELECT 'twice:', id FROM unnest(${list(ids)}) id GROUP BY id HAVING count(*) > 1
      UNION ALL SELECT 'not for its reader:', id FROM wrk.event e WHERE id = ANY (${list(ids)}) AND NOT ${visible}
      UNION ALL SELECT 'from before:', id FROM wrk.event WHERE id = ANY (${list(ids)}) AND pg_visible_in_snapshot(xid, ${snapshot(start)})) s`);
}

describe('everything at once', { timeout: 180000 }, () => {
  let cluster;
  let gateway;

  before(async () => {
    cluster = await Cluster.start();
    gateway = await Gateway.start(cluster, { fetch_rows: 8, outbox_max: 65536, heartbeat: 500, rate_limit: 200, replay_rows: 500 });
  });
  after(() => cluster.stop());

  test(`${CLIENTS} clients, ${WRITERS} writers, ${SECONDS} s`, async (t) => {
    t.diagnostic(`WRK_SEED=${SEED}`);
    const end = Date.now() + SECONDS * 1000;
    const isOver = () => Date.now() > end;
    const visitors = Array.from({ length: CLIENTS }, (_, n) => new Visitor(n, gateway));
    const writers = Array.from({ length: WRITERS }, (_, n) => new Writer(n, cluster));
    const chance = dice(SEED - 1);
    const killer = async () => {
      while (!isOver()) {
        await sleep(200 + chance.below(600));
        cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'wrk_copilot_gateway' ORDER BY random() LIMIT ${1 + chance.below(4)}`);
      }
    };
    await Promise.all([killer(), ...[...visitors, ...writers].map((actor) => actor.run(isOver))]);
    const accounts = visitors.flatMap((visitor) => visitor.accounts);
    for (const { client } of accounts) client.resume();

    gateway.process.kill('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null }, gateway.log.slice(-3000));
    await until(() => accounts.every(({ client }) => !client.isOpen));
    accounts.forEach((account) => account.update());
    const stretches = accounts.flatMap((account) => account.stretches);
    const judged = stretches.filter(({ ids, claimed }) => ids.length > 0 || claimed);
    t.diagnostic(`${accounts.length} connections, ${stretches.length} subscriptions, ${stretches.reduce((n, s) => n + s.ids.length, 0)} events`);
    assert.ok(judged.length > CLIENTS);
    for (const stretch of judged) assert.equal(complaint(cluster, stretch), '', JSON.stringify({ ...stretch, ids: stretch.ids.length }));
  });
});
