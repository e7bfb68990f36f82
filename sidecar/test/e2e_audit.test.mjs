// Who administers a tenant hears that its log grew and reads what was refused; nobody else does.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, connect, helios, northwind, people, until } from './e2e.mjs';

const { clara, oskar, ada, bea } = people;

describe('the audit log', { timeout: 180000 }, () => {
  const world = new World('audit');
  before(() => world.open());
  after(() => world.close());

  const entries = async (client, params) => (await client.call('audit.list', params)).payload.entries;

  test('an admin is told when it grows, with the position in it, and reads it', async () => {
    const [admin, client] = [await world.client(ada), await world.client(clara)];
    await admin.subscribe('audit');
    const { payload: message } = await client.call('message.send', {
      project_id: northwind.project,
      body: 'hello',
    });
    const frame = await admin.waitFor((f) => f.type === 'audit.appended');
    assert.equal(frame.channel, `tenant:${northwind.id}:audit`);
    const [entry] = await entries(admin, { type: 'message', id: message.id });
    assert.equal(entry.action, 'message.created');
    assert.equal(entry.changes.new.body, 'hello');
    assert.equal(entry.user_id, clara.id);
    assert.ok(frame.payload.last_id >= entry.id);
  });

  for (const [who, person] of Object.entries({ oskar, clara, bea })) {
    test(`${who} can neither follow nor read it`, async () => {
      const client = await world.client(person);
      for (const channel of ['audit', `tenant:${northwind.id}:audit`]) {
        const answer = await client.request({ type: 'subscribe', channel });
        assert.equal(answer.payload.code, 'not_found');
      }
      const error = await client.call('audit.list', {}).catch((e) => e);
      assert.equal(error.code, 'forbidden');
      assert.deepEqual(
        client.all((f) => f.type === 'audit.appended'),
        [],
      );
    });
  }

  test('what was refused is in the log of whoever tried it, and only there', async () => {
    const [admin, nosy] = [await world.client(ada), await world.client(clara)];
    const channel = `tenant:${helios.id}:project:${helios.project}`;
    await nosy.request({ type: 'subscribe', channel });
    await nosy.call('audit.list', {}).catch(() => {});
    await until('both to be recorded', async () => {
      const refused = await entries(admin, { user: clara.id, limit: 200 });
      return (
        refused.some((e) => e.action === 'channel.refused' && e.resource_id === channel) &&
        refused.some((e) => e.action === 'call.refused' && e.resource_id === 'audit.list')
      );
    });
    const [fact] = await entries(admin, { action: 'channel.refused', id: channel });
    assert.deepEqual(fact.metadata, { code: 'not_found', address: '127.0.0.1' });
    assert.equal(fact.op, 'f');
    assert.equal(
      await world.sql.query(
        `SELECT count(*) FROM wrk.audit_log WHERE action = 'channel.refused' AND tenant_id = '${helios.id}'
         AND user_id = '${clara.id}'`,
      ),
      '0',
    );
  });

  test('a refused login belongs to no tenant, and holds no token', async () => {
    const token = world.token(clara, { seconds: -60 });
    const client = await connect(world.gateway.url);
    await client.authenticate(token).catch(() => {});
    await client.waitClosed();
    const facts = `SELECT metadata ->> 'code', tenant_id IS NULL, user_id IS NULL FROM wrk.audit_log WHERE action = 'login.refused'`;
    await until('it to be recorded', async () => (await world.sql.query(facts)) !== '');
    assert.equal(await world.sql.query(facts), 'token_expired|t|t');
    assert.equal(
      await world.sql.query(
        `SELECT count(*) FROM wrk.audit_log l WHERE position('${token.split('.')[2]}' IN to_jsonb(l)::text) > 0`,
      ),
      '0',
    );
  });
});
