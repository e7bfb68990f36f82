// Two people edit one blueprint through the real gateway and the real extension, and a list of tasks.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { World, northwind, people, until } from '../../test/e2e.mjs';
import { BlueprintStore, OptimisticManager, strip } from '../src/documents.js';
import { createRealtimeClient } from '../src/index.js';
import { NodeWebSocket } from './node_websocket.mjs';

const { clara, bruno, oskar } = people;
const ID = northwind.revision;

const DOCUMENT = {
  nodes: ['mail', 'read', 'write'].map((id, i) => ({ id, position: { x: i * 90, y: 0 }, data: { label: id } })),
  edges: [{ id: 'mr', source: 'mail', target: 'read' }, { id: 'rw', source: 'read', target: 'write' }],
};

const relabel = (id, label) => (draft) => void (draft.nodes.find((node) => node.id === id).data.label = label);
const label = ({ document }, id) => document.nodes.find((node) => node.id === id)?.data.label;

describe('documents in two browsers', { timeout: 240000 }, () => {
  const world = new World('client_documents');
  const clients = [];
  const at = {}; // name -> store
  const errors = [];

  const open = (person) => {
    const { url } = world.gateway;
    const client = createRealtimeClient({ url, getToken: () => world.token(person), env: { WebSocket: NodeWebSocket } });
    clients.push(client);
    return client;
  };
  const follow = async (person) => {
    const store = new BlueprintStore(open(person), ID, { delay: 200 });
    store.on('error', (error) => errors.push(error));
    await store.open();
    at[person.name] = store;
    return store;
  };
  const stored = async () => {
    const [row] = await world.sql.rows(`SELECT blueprint_version AS version, blueprint_json AS document FROM copilot.automation_versions WHERE id = '${ID}'`);
    return row;
  };
  // everybody has saved what they have, and has what the database has
  const agree = async () => {
    await Promise.all(Object.values(at).map((store) => store.saved()));
    const { version, document } = await stored();
    for (const [name, store] of Object.entries(at)) {
      await until(`${name} is at version ${version}`, () => store.version === version);
      assert.deepEqual(strip(store.document), strip(document), name);
    }
    return { version, document };
  };

  before(async () => {
    await world.open();
    await follow(clara);
    await follow(bruno);
  });
  after(async () => {
    for (const store of Object.values(at)) store.close();
    for (const client of clients) client.close();
    await world.close();
  });

  test('a new blueprint is begun by an edit, and is there for both', async () => {
    assert.deepEqual(at.Clara.document, {});
    at.Clara.edit(DOCUMENT);
    const { version, document } = await agree();
    assert.deepEqual([version, document], [2, DOCUMENT]);
  });

  test('edits of different things at the same moment both stay, without a conflict', async () => {
    at.Clara.edit(relabel('mail', 'Inbox'));
    at.Bruno.edit((draft) => void draft.nodes.push({ id: 'send', position: { x: 300, y: 0 }, data: { label: 'Send' } }));
    const { document } = await agree();
    assert.deepEqual(document.nodes.map(({ data }) => data.label), ['Inbox', 'read', 'write', 'Send']);
    assert.deepEqual([at.Clara.conflicts, at.Bruno.conflicts], [[], []]);
  });

  test('of the same thing one stands, both are told, and who lost brings theirs back', async () => {
    const [mine, theirs] = ['by Clara', 'by Bruno'];
    at.Clara.edit(relabel('read', mine));
    at.Bruno.edit(relabel('read', theirs));
    await agree();
    await until('both know of the conflict', () => at.Clara.conflicts.length === 1 && at.Bruno.conflicts.length === 1);
    const winner = [at.Clara, at.Bruno].find((store) => store.conflicts[0].won === 'ours');
    const loser = [at.Clara, at.Bruno].find((store) => store !== winner);
    assert.equal(label(winner, 'read'), winner.conflicts[0].ours);
    assert.deepEqual([loser.conflicts[0].ours, loser.conflicts[0].theirs], [winner.conflicts[0].theirs, winner.conflicts[0].ours]);
    const wanted = loser.conflicts[0].ours;
    await loser.resolve(loser.conflicts[0], 'ours');
    await agree();
    assert.equal(label(winner, 'read'), wanted);
    await winner.resolve(winner.conflicts[0], 'both');
    const { document } = await agree();
    assert.deepEqual(document.nodes.filter(({ id }) => id.startsWith('read')).map(({ data }) => data.label).sort(), [theirs, mine]);
  });

  test('an edge drawn to a node that is deleted meanwhile can be brought back with it', async () => {
    at.Bruno.edit((draft) => void draft.edges.push({ id: 'ms', source: 'mail', target: 'send' }));
    at.Bruno.flush();
    at.Clara.edit((draft) => void (draft.nodes = draft.nodes.filter(({ id }) => id !== 'send')));
    await agree();
    // which of the two came first at the database is open; it is the edge that is lost, either way
    await until('who drew it knows', () => at.Bruno.conflicts.length === 1);
    await at.Bruno.resolve(at.Bruno.conflicts[0], 'ours');
    const { document } = await agree();
    assert.equal(label({ document }, 'send'), 'Send');
    assert.ok(document.edges.some(({ id }) => id === 'ms'));
  });

  test('undo takes back what oneself did, and leaves what others did', async () => {
    at.Clara.edit(relabel('mail', 'Post'));
    await agree();
    at.Bruno.edit(relabel('write', 'Draft'));
    await agree();
    assert.ok((await at.Clara.undo()).undone);
    await agree();
    assert.deepEqual([label(at.Bruno, 'mail'), label(at.Bruno, 'write')], ['Inbox', 'Draft']);
    await at.Clara.redo();
    await agree();
    assert.equal(label(at.Bruno, 'mail'), 'Post');
    at.Bruno.edit(relabel('mail', 'Letters'));
    await agree();
    await assert.rejects(at.Clara.undo(), { code: 'conflict' });
  });

  test('what was edited while the gateway was away is merged when it is back, once', async () => {
    await world.gateway.stop();
    await until('the connection is lost', () => clients[0].state !== 'connected');
    for (let i = 1; i <= 5; i++) at.Clara.edit(relabel('mail', `offline ${i}`));
    const { version } = await stored();
    await world.sql.query(`UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{title}', '"elsewhere"') WHERE id = '${ID}'`);
    assert.equal(label(at.Clara, 'mail'), 'offline 5');
    await world.gateway.start();
    const after = await agree();
    assert.deepEqual([after.version, after.document.title, label(at.Bruno, 'mail')], [version + 2, 'elsewhere', 'offline 5']);
  });

  test('a status that does not allow editing is told, and the edit is kept until it does', async () => {
    const setStatus = (status) =>
      world.sql.query(`ALTER TABLE copilot.automation_versions DISABLE TRIGGER USER;
        UPDATE copilot.automation_versions SET status = '${status}' WHERE id = '${ID}';
        ALTER TABLE copilot.automation_versions ENABLE TRIGGER USER`);
    const [{ status }] = await world.sql.rows(`SELECT status FROM copilot.automation_versions WHERE id = '${ID}'`);
    assert.deepEqual(errors, []);
    await setStatus('awaiting_client_approval');
    at.Clara.edit(relabel('mail', 'too late'));
    await assert.rejects(at.Clara.saved(), ({ code, details }) => code === 'forbidden' && details.status === 'awaiting_client_approval');
    assert.deepEqual([errors.length, label(at.Clara, 'mail'), label(at.Bruno, 'mail')], [1, 'too late', 'offline 5']);
    await setStatus(status);
    await agree();
    assert.equal(label(at.Bruno, 'mail'), 'too late');
  });

  test('tasks are shown before they are confirmed, and once when they are', async () => {
    const client = open(oskar);
    const tasks = new OptimisticManager(client);
    const channel = client.channel(`project:${northwind.project}`);
    const project_id = northwind.project;
    tasks.follow(channel, 'task');
    await channel.subscribe();
    tasks.load((await client.call('task.list', { project_id })).payload.tasks);
    const before = tasks.items.length;
    const made = tasks.create({ title: 'Call Ann' }, 'task.create', { project_id, title: 'Call Ann' });
    tasks.update(made.id, { status: 'done' }, 'task.update', { id: made.id, status: 'done' });
    assert.deepEqual([tasks.items.length, tasks.get(made.id).status], [before + 1, 'done']);
    const { id } = await made.done;
    await until('both are confirmed', () => tasks.pending === 0);
    const [row] = await world.sql.rows(`SELECT title, status FROM copilot.tasks WHERE id = '${id}'`);
    assert.deepEqual(row, { title: 'Call Ann', status: 'done' });
    const shown = tasks.items.filter(({ title }) => title === 'Call Ann');
    assert.deepEqual([shown.length, shown[0].id, shown[0].status, tasks.items.length], [1, id, 'done', before + 1]);
  });
});
