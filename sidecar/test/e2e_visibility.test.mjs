// Who sees what: every role of a tenant, members and not, and the other tenant, on the same
// changes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, fence, helios, isFence, northwind, people } from './e2e.mjs';

const { clara, oskar, bruno, nils, ada, bea } = people;
const NOWHERE = '00000000-0000-4000-8000-00000000dead';

describe('who sees what', { timeout: 120000 }, () => {
  const world = new World('visibility');
  const at = {};

  before(async () => {
    await world.open();
    for (const person of [clara, oskar, bruno, ada, bea])
      at[person.name] = await world.follower(person);
    at.Nils = await world.follower(nils, []);
  });
  after(() => world.close());

  // Runs SQL; resolves with { name: [types that reached them] }, only those whom something reached.
  async function reached(sql) {
    const all = Object.values(at);
    await fence(world.sql, all);
    const counts = all.map(({ events }) => events.length);
    await world.sql.query(sql);
    await fence(world.sql, all);
    const news = all.map(({ name, events }, i) => [
      name,
      events
        .slice(counts[i])
        .filter((e) => !isFence(e))
        .map((e) => e.type),
    ]);
    return Object.fromEntries(news.filter(([, types]) => types.length > 0));
  }

  const insert = (
    tenant,
    author,
    type,
  ) => `INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
    VALUES ('${tenant.id}', '${tenant.project}', '${author.id}', '${type}', 'x')`;
  const each = (names, ...types) => Object.fromEntries(names.map((name) => [name, types]));

  for (const [type, names] of [
    ['client', ['Clara', 'Oskar', 'Bruno', 'Ada']],
    ['system', ['Clara', 'Oskar', 'Bruno', 'Ada']],
    ['ops', ['Oskar', 'Bruno', 'Ada']],
    ['internal_note', ['Oskar', 'Ada']],
  ]) {
    test(`a message of type ${type} reaches ${names.join(', ')} and nobody else`, async () => {
      assert.deepEqual(
        await reached(insert(northwind, oskar, type)),
        each(names, 'message.created'),
      );
    });
  }

  test('the end of an internal note is news for those who could see it', async () => {
    const sql = `DELETE FROM copilot.messages WHERE type = 'internal_note'`;
    assert.deepEqual(await reached(sql), each(['Oskar', 'Ada'], 'message.deleted'));
  });

  test('a message of the other tenant stays there', async () => {
    assert.deepEqual(
      await reached(insert(helios, bea, 'client')),
      each(['Bea'], 'message.created'),
    );
  });

  test('one statement over both tenants tells each its own rows', async () => {
    const counts = Object.values(at).map(({ events }) => events.length);
    const got = await reached('UPDATE copilot.projects SET checklist_progress = 50');
    assert.deepEqual(got, each(['Clara', 'Oskar', 'Bruno', 'Ada', 'Bea'], 'project.updated'));
    Object.values(at).forEach(({ name, events }, i) => {
      for (const { channel } of events.slice(counts[i])) {
        assert.ok(
          channel.startsWith(`tenant:${name === 'Bea' ? helios.id : northwind.id}`),
          channel,
        );
      }
    });
  });

  test('a task for client retention is for operations', async () => {
    const sql = `INSERT INTO copilot.tasks (tenant_id, project_id, kind, title)
      VALUES ('${northwind.id}', '${northwind.project}', 'client_retention', 'Call them')`;
    assert.deepEqual(await reached(sql), each(['Oskar', 'Ada'], 'task.created'));
  });

  test('a task that becomes one for operations ends for the others', async () => {
    const got = await reached(
      `UPDATE copilot.tasks SET kind = 'client_retention' WHERE id = '${northwind.task}'`,
    );
    assert.deepEqual(got.Clara, ['task.deleted']);
    assert.deepEqual(got.Bruno, ['task.deleted']);
    assert.equal(got.Oskar.at(-1), 'task.created');
  });

  test('a change of status is told on the tenant to those who see all of it', async () => {
    const toQa = `UPDATE copilot.automation_versions SET status = 'qa_testing' WHERE id = '${northwind.version}'`;
    const got = await reached(world.as(bruno, toQa));
    assert.deepEqual(Object.keys(got).sort(), ['Ada', 'Bruno', 'Clara', 'Oskar']);
    const channels = (name) =>
      at[name].events
        .filter((e) => e.type === 'automation_version.status_changed')
        .map((e) => e.channel);
    assert.ok(channels('Clara').includes(`tenant:${northwind.id}`));
    assert.deepEqual(channels('Bruno'), [`tenant:${northwind.id}:project:${northwind.project}`]);
    assert.deepEqual(channels('Nils'), []);
  });

  test('nothing is told of what did not happen', async () => {
    assert.deepEqual(await reached(`BEGIN; ${insert(northwind, oskar, 'client')}; ROLLBACK`), {});
    assert.deepEqual(await reached('UPDATE copilot.projects SET name = name'), {});
  });

  test('a payload of 1 MB does not fail the writer and arrives', async () => {
    const channel = `tenant:${northwind.id}`;
    const emit = `SELECT wrk.emit('big.one', jsonb_build_object('x', repeat('y', 1000000)), '{${channel}}', tenant_id => '${northwind.id}')`;
    const got = await reached(emit);
    assert.deepEqual(Object.keys(got).sort(), ['Ada', 'Bruno', 'Clara', 'Nils', 'Oskar']);
    assert.equal(at.Nils.events.find((e) => e.type === 'big.one').payload.x.length, 1000000);
  });
});

describe('refusals tell nothing', { timeout: 60000 }, () => {
  const world = new World('refusals');
  before(() => world.open());
  after(() => world.close());

  async function refusal(person, channel) {
    const client = await world.client(person);
    const { frame } = await client.subscribe(channel).then(
      () => assert.fail(`${person.name} may join ${channel}`),
      (error) => error,
    );
    client.destroy();
    const { requestId, ...answer } = frame;
    return answer;
  }

  // the answer with every id made the same
  const anonymous = (answer) =>
    JSON.stringify(answer).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');

  for (const [who, person, channel] of [
    ["another tenant's project", bea, `project:${northwind.project}`],
    ['a project one is no member of', nils, `project:${northwind.project}`],
    ["another tenant's automation version", bea, `automation_version:${northwind.version}`],
    [
      "another tenant's project by its canonical name",
      bea,
      `tenant:${northwind.id}:project:${northwind.project}`,
    ],
    ["another tenant's channel", bea, `tenant:${northwind.id}`],
    ["somebody else's channel", nils, `user:${clara.id}`],
  ]) {
    test(`${who} is refused like one that does not exist`, async () => {
      const refused = await refusal(person, channel);
      assert.equal(refused.payload.code, 'not_found');
      const nowhere = await refusal(person, channel.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, NOWHERE));
      assert.equal(anonymous(refused), anonymous(nowhere));
    });
  }

  test('a method for others and a message of a type for others are forbidden', async () => {
    const client = await world.client(clara);
    const send = (type) =>
      client.call('message.send', { project_id: northwind.project, type, body: 'x' });
    await assert.rejects(send('internal_note'), { code: 'forbidden', status: 403 });
    await assert.rejects(client.call('no.such.method'), { code: 'not_found', status: 404 });
    await assert.rejects(client.call('message.send', { project_id: helios.project, body: 'x' }), {
      code: 'not_found',
    });
    client.destroy();
  });
});
