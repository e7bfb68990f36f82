// BlueprintStore on a client without a connection: what is shown, what is sent, and what is asked again.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { BlueprintStore } from '../src/documents.js';
import { FakeClient, FakeClock, settle } from './fake.mjs';

const DOCUMENT = {
  nodes: [
    { id: 'a', position: { x: 0, y: 0 }, data: { label: 'Mail' } },
    { id: 'b', position: { x: 90, y: 0 }, data: { label: 'Read' } },
  ],
  edges: [{ id: 'ab', source: 'a', target: 'b' }],
};
const STATUS = { code: 'forbidden', status: 403, retry: 'no', details: { status: 'awaiting_client_approval' } };

const relabel = (id, label) => (draft) => void (draft.nodes.find((node) => node.id === id).data.label = label);
const changeOf = (id, label) => ({ nodes: { updated: [{ id, set: [[['data', 'label'], label]] }] } });
const labels = ({ document }) => document.nodes.map(({ data }) => data.label);

describe('BlueprintStore', () => {
  let clock, client, channel, mine, store, errors, server;

  // in the name of somebody else, unless a key says otherwise
  const happen = (diff, { key, ...more } = {}) => {
    const base = server.version++;
    channel.emit('blueprint.updated', { id: 'V', base, version: server.version, by: 'X', ...diff, ...more }, { key });
  };
  const sent = (method = 'apply') => client.calls.filter((call) => call.method === `blueprint.${method}`);
  const confirm = (call, { conflicts = [], base = server.version, more = {} } = {}) => {
    happen(call.params.diff, { key: call.key });
    call.answer({ version: server.version, base, changed: true, conflicts, dropped_edges: [], ...more });
    return settle();
  };

  beforeEach(async () => {
    clock = new FakeClock();
    client = new FakeClient({ clock });
    channel = client.channel('automation_version:V');
    mine = client.channel('me');
    errors = [];
    server = { version: 3, document: DOCUMENT, status: 'build_in_progress' };
    client.methods['blueprint.get'] = () => structuredClone({ id: 'V', ...server });
    store = new BlueprintStore(client, 'V', { env: client.env, onError: (error) => errors.push(error) });
    store.on('error', (error) => errors.push(error));
    await store.open();
  });

  describe('what is edited here', () => {
    test('is shown at once and sent when nobody has edited for 500 ms, as one diff', async () => {
      const shown = [];
      store.on('change', (document) => shown.push(document.nodes[0].data.label));
      store.edit(relabel('a', 'In'));
      await clock.advance(400);
      store.edit({ ...store.document, nodes: store.document.nodes.map((n) => (n.id === 'a' ? { ...n, data: { label: 'Inbox' } } : n)) });
      assert.deepEqual(shown, ['In', 'Inbox']);
      await clock.advance(400);
      assert.deepEqual([sent().length, store.pending], [0, true]);
      await clock.advance(100);
      assert.deepEqual(sent().map(({ params }) => params), [{ id: 'V', version: 3, diff: changeOf('a', 'Inbox'), mode: 'lww' }]);
      await confirm(sent()[0]);
      assert.deepEqual([store.version, store.pending, labels(store)], [4, false, ['Inbox', 'Read']]);
    });

    test('is sent after two seconds by whom never pauses', async () => {
      for (let i = 0; i < 20; i++) {
        store.edit(relabel('a', `${i}`));
        await clock.advance(100);
      }
      assert.equal(sent().length, 1);
    });

    test('does not change what was shown before, nor does the draft stay in it', async () => {
      const before = store.document;
      let draft;
      store.edit((given) => relabel('a', 'x')((draft = given)));
      draft.nodes.length = 0;
      await clock.advance(500);
      await confirm(sent()[0]);
      assert.deepEqual([before.nodes[0].data.label, store.document.nodes.length], ['Mail', 2]);
      assert.equal(store.document.nodes[1], before.nodes[1], 'what did not change is the same object');
    });

    test('is kept while others edit, and sent with the version it was made from', async () => {
      store.edit(relabel('a', 'mine'));
      happen(changeOf('b', 'theirs'));
      assert.deepEqual(labels(store), ['mine', 'theirs']);
      happen(changeOf('a', 'theirs'));
      assert.deepEqual(labels(store), ['mine', 'theirs'], 'the last one wins, as it will at the server');
      await clock.advance(500);
      assert.deepEqual([sent()[0].params.version, sent()[0].params.diff], [3, changeOf('a', 'mine')]);
    });

    test('waits for what is under way, and goes from the version that this led to', async () => {
      store.edit(relabel('a', 'one'));
      await clock.advance(500);
      store.edit(relabel('b', 'two'));
      await clock.advance(5000);
      assert.equal(sent().length, 1);
      happen({ meta: { set: [[['name'], 'theirs']] } });
      await confirm(sent()[0]);
      assert.deepEqual(sent()[1].params, { id: 'V', version: 5, diff: changeOf('b', 'two'), mode: 'lww' });
      await confirm(sent()[1]);
      assert.deepEqual([labels(store), store.document.name, store.pending], [['one', 'two'], 'theirs', false]);
    });

    test('that only says how it is shown is nobody else\'s business, and stays', async () => {
      store.edit((draft) => void (draft.nodes[0].selected = true));
      await clock.advance(1000);
      assert.deepEqual([sent().length, store.pending], [0, false]);
      happen(changeOf('a', 'theirs'));
      store.edit(relabel('b', 'mine'));
      await clock.advance(500);
      await confirm(sent()[0]);
      assert.deepEqual([store.document.nodes[0].selected, store.document.nodes[0].data.label], [true, 'theirs']);
    });

    test('and is no JSON is not sent over and over', async () => {
      store.edit((draft) => void (draft.nodes[0].data.at = new Date(0)));
      await clock.advance(500);
      assert.deepEqual(sent()[0].params.diff.nodes.updated[0].set, [[['data', 'at'], '1970-01-01T00:00:00.000Z']]);
      await confirm(sent()[0]);
      await clock.advance(10000);
      assert.equal(sent().length, 1);
    });
  });

  describe('its own echo', () => {
    test('is known by its key, also before the answer', async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      happen(changeOf('a', 'mine'), { key: sent()[0].key });
      assert.deepEqual([store.version, store.pending], [4, false]);
      store.edit(relabel('a', 'more'));
      await clock.advance(500);
      assert.equal(sent().length, 2);
      sent()[0].answer({ version: 4, base: 3, changed: true, conflicts: [] });
      await settle();
      assert.equal(store.pending, true, 'the later edit is not answered by the answer to the one before');
    });

    test('that was already what is there is confirmed by the answer alone', async () => {
      store.edit(relabel('a', 'same'));
      await clock.advance(500);
      sent()[0].answer({ version: 4, base: 4, changed: false, conflicts: [] });
      await settle();
      assert.equal(store.pending, true, 'what it is the same as is under way');
      happen(changeOf('a', 'same'));
      assert.deepEqual([store.pending, labels(store)[0]], [false, 'same']);
    });
  });

  describe('an answer that does not come', () => {
    test('is asked for again, with the same key and the same change', async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      sent()[0].refuse({ code: 'timeout', retry: 'backoff' });
      await clock.advance(3000);
      store.edit(relabel('b', 'later'));
      sent()[1].refuse({ code: 'unavailable', status: 503, retry: 'backoff' });
      await clock.advance(3000);
      assert.equal(sent().length, 3);
      for (const call of sent()) assert.deepEqual([call.key, call.params], [sent()[0].key, sent()[0].params]);
      await confirm(sent()[2]);
      assert.deepEqual([errors, labels(store), sent()[3].params.diff], [[], ['mine', 'later'], changeOf('b', 'later')]);
    });

    test('is not asked for when its event has told', async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      happen(changeOf('a', 'mine'), { key: sent()[0].key });
      sent()[0].refuse({ code: 'expired' });
      await clock.advance(10000);
      assert.deepEqual([store.pending, errors], [false, []]);
    });

    test('is asked for at once when the connection is back', async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      client.setState('closed');
      sent()[0].refuse({ code: 'closed' });
      await clock.advance(60000);
      assert.deepEqual([sent().length, clock.pending], [1, 0], 'no timer outlives the client');
      client.setState('connected');
      await settle();
      assert.equal(sent()[1].key, sent()[0].key);
    });
  });

  describe('what was edited offline', () => {
    test('is one edit of the version it was made from when the connection is back', async () => {
      client.setState('reconnecting');
      for (const n of [1, 2, 3, 4, 5]) {
        store.edit(relabel(n % 2 ? 'a' : 'b', `${n}`));
        await clock.advance(1000);
      }
      assert.deepEqual([sent().length, labels(store)], [0, ['5', '4']]);
      client.setState('connected');
      await settle();
      assert.deepEqual([sent().length, sent()[0].params.version], [1, 3]);
      happen({ meta: { set: [[['name'], 'theirs']] } });
      await confirm(sent()[0]);
      assert.deepEqual([labels(store), store.document.name, store.pending], [['5', '4'], 'theirs', false]);
    });
  });

  describe('events', () => {
    const rename = (name) => ({ meta: { set: [[['name'], name]] } });
    const event = (base, diff) => channel.emit('blueprint.updated', { id: 'V', base, version: base + 1, by: 'X', ...diff });

    test('that it has already are dropped', () => {
      event(2, rename('old'));
      assert.deepEqual([store.version, store.document.name], [3, undefined]);
    });

    test('that are ahead wait for those before them, which are read', async () => {
      server.version = 5;
      server.document = { ...DOCUMENT, name: 'five' };
      event(5, rename('six'));
      event(6, rename('seven'));
      assert.deepEqual([store.version, store.document.name], [3, undefined]);
      await settle();
      assert.deepEqual([store.version, store.document.name, sent('get').length], [7, 'seven', 2]);
    });

    test('without their content are read', async () => {
      server.version = 4;
      server.document = { ...DOCUMENT, name: 'four' };
      event(3, { oversize: true });
      await settle();
      assert.deepEqual([store.version, store.document.name], [4, 'four']);
    });

    test('that do not fit what is here make it read the document', async () => {
      server.version = 4;
      server.document = { ...DOCUMENT, name: 'four' };
      event(3, { nodes: { deleted: ['nobody'] } });
      await settle();
      assert.deepEqual([store.version, store.document.name, errors], [4, 'four', []]);
    });

    test('that cannot be had any more make it read the document, and edits stay', async () => {
      store.edit(relabel('a', 'mine'));
      server.version = 9;
      server.document = { ...DOCUMENT, name: 'nine' };
      channel.signal('resync');
      await settle();
      assert.deepEqual([store.version, store.document.name, labels(store)[0]], [9, 'nine', 'mine']);
      await clock.advance(500);
      assert.equal(sent()[0].params.version, 3);
    });

    test('in any number are not kept while it is read', async () => {
      let answer;
      client.methods['blueprint.get'] = () => new Promise((resolve) => (answer = resolve));
      channel.signal('resync');
      await settle();
      for (let i = 3; i < 500; i++) event(i, rename(`${i}`));
      Object.assign(server, { version: 500, document: { ...DOCUMENT, name: '499' } });
      client.methods['blueprint.get'] = () => structuredClone({ id: 'V', ...server });
      answer({ id: 'V', version: 3, document: DOCUMENT, status: 'x' });
      await clock.advance(10000);
      assert.deepEqual([store.version, store.document.name], [500, '499']);
    });
  });

  describe('a refusal', () => {
    beforeEach(async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      sent()[0].refuse(STATUS);
      await settle();
    });

    test('is told, and the edit is neither lost nor sent again by itself', async () => {
      assert.deepEqual([errors.length, errors[0].code, errors[0].details.status], [1, 'forbidden', 'awaiting_client_approval']);
      await clock.advance(60000);
      happen(changeOf('b', 'theirs'));
      assert.deepEqual([sent().length, labels(store), store.pending], [1, ['mine', 'theirs'], true]);
      await assert.rejects(Promise.all([store.saved(), settle().then(() => sent()[1].refuse(STATUS))]), { code: 'forbidden' });
    });

    test('ends with the next edit that is accepted', async () => {
      store.edit(relabel('b', 'too'));
      await clock.advance(500);
      assert.equal(sent()[1].params.diff.nodes.updated.length, 2);
      assert.notEqual(sent()[1].key, sent()[0].key);
      await confirm(sent()[1]);
      assert.deepEqual([store.error, store.pending, labels(store)], [null, false, ['mine', 'too']]);
    });

    test('can be accepted: the document is again what is there', () => {
      store.discard();
      assert.deepEqual([store.document, store.pending, store.error], [DOCUMENT, false, null]);
    });
  });

  test('an edit of a version that is not kept any more is made again of the present one', async () => {
    store.edit(relabel('a', 'mine'));
    await clock.advance(500);
    Object.assign(server, { version: 900, document: { ...DOCUMENT, name: 'now' } });
    sent()[0].refuse({ code: 'too_stale', status: 409, retry: 'refetch' });
    await settle(10);
    assert.deepEqual([sent()[1].params.version, sent()[1].params.diff, errors], [900, changeOf('a', 'mine'), []]);
    sent()[1].refuse({ code: 'conflict', status: 409, retry: 'refetch' });
    await settle(10);
    assert.deepEqual([sent().length, errors.map(({ code }) => code)], [2, ['conflict']], 'once, not for ever');
  });

  describe('undo and redo', () => {
    test('wait until everything is saved, go with a key, and bring what they changed as an event', async () => {
      store.edit(relabel('a', 'mine'));
      const undone = store.undo();
      await settle();
      assert.deepEqual([sent().length, sent('undo').length], [1, 0]);
      await confirm(sent()[0]);
      const [undo] = sent('undo');
      assert.deepEqual([undo.params, typeof undo.options.key], [{ id: 'V', mode: 'strict' }, 'string']);
      happen(changeOf('a', 'Mail'), { key: undo.key });
      undo.answer({ undone: 4, version: 5, base: 4, changed: true, conflicts: [] });
      assert.equal((await undone).undone, 4);
      assert.equal(labels(store)[0], 'Mail');
    });

    test('are refused where others have changed the same', async () => {
      const undone = store.undo();
      await settle();
      sent('undo')[0].refuse({ code: 'conflict', status: 409, retry: 'refetch', details: { conflicts: [{}] } });
      await assert.rejects(undone, { code: 'conflict' });
      assert.equal(store.pending, false);
    });

    test('are repeated with their key when the answer is lost', async () => {
      store.redo('ours');
      await settle();
      sent('redo')[0].refuse({ code: 'timeout', retry: 'backoff' });
      await clock.advance(3000);
      assert.deepEqual([sent('redo')[1].key, sent('redo')[1].params.mode], [sent('redo')[0].key, 'ours']);
    });
  });

  describe('conflicts', () => {
    const EDITS = { kind: 'edit_edit', path: ['nodes', 'a', 'data', 'label'], base: 'Mail' };
    const lose = (conflicts, version = server.version) =>
      mine.emit('conflict.detected', { automation_version_id: 'V', version, by: 'X', name: 'Xenia', conflicts });
    const decide = async (choice) => {
      await store.resolve(store.conflicts[0], choice);
      assert.deepEqual(store.conflicts, []);
    };

    test('that an answer tells of are listed as this side sees them', async () => {
      store.edit(relabel('a', 'mine'));
      await clock.advance(500);
      happen(changeOf('a', 'theirs'));
      await confirm(sent()[0], { base: 4, conflicts: [{ ...EDITS, ours: 'theirs', theirs: 'mine', by: 'X', name: 'Xenia' }] });
      const [conflict] = store.conflicts;
      assert.deepEqual([conflict.ours, conflict.theirs, conflict.won, conflict.version], ['mine', 'theirs', 'ours', 5]);
      assert.deepEqual([conflict.by, conflict.name], ['X', 'Xenia']);
    });

    test('in which this side was deleting are named for this side', async () => {
      store.edit((draft) => void draft.nodes.pop());
      await clock.advance(500);
      const theirs = { ...DOCUMENT.nodes[1], data: { label: 'theirs' } };
      await confirm(sent()[0], { conflicts: [{ kind: 'edit_delete', path: ['nodes', 'b'], base: DOCUMENT.nodes[1], ours: theirs }] });
      const [{ kind, ours, theirs: other }] = store.conflicts;
      assert.deepEqual([kind, ours, other], ['delete_edit', undefined, theirs]);
    });

    test('that one lost are listed; those of other blueprints are not', () => {
      lose([{ ...EDITS, ours: 'mine', theirs: 'theirs' }]);
      mine.emit('conflict.detected', { automation_version_id: 'W', version: 3, conflicts: [EDITS] });
      assert.deepEqual(store.conflicts.map(({ ours, won, by, name }) => [ours, won, by, name]), [['mine', 'theirs', 'X', 'Xenia']]);
    });

    test('are kept up to a hundred', () => {
      for (let i = 0; i < 150; i++) lose([{ ...EDITS, ours: i, theirs: 'x' }]);
      assert.deepEqual([store.conflicts.length, store.conflicts[0].ours], [100, 50]);
    });

    test('between an edit that could not be sent yet and what came are found here', async () => {
      store.edit(relabel('b', 'one'));
      await clock.advance(500);
      store.edit(relabel('a', 'mine'));
      happen(changeOf('a', 'theirs'));
      assert.deepEqual(store.conflicts.map(({ ours, theirs, won, by, name }) => [ours, theirs, won, by, name]), [['mine', 'theirs', 'ours', 'X', null]]);
    });

    test('are decided for ours or theirs by an edit, by none if it is so already', async () => {
      happen(changeOf('a', 'theirs'));
      lose([{ ...EDITS, ours: 'mine', theirs: 'theirs' }]);
      await decide('ours');
      assert.equal(labels(store)[0], 'mine');
      await clock.advance(500);
      await confirm(sent()[0]);
      lose([{ ...EDITS, ours: 'mine', theirs: 'mine' }]);
      await decide('theirs');
      await clock.advance(500);
      assert.equal(sent().length, 1);
    });

    test('are decided for both by a copy of the element with ours', async () => {
      happen(changeOf('a', 'theirs'));
      lose([{ ...EDITS, ours: 'mine', theirs: 'theirs' }]);
      await decide('both');
      assert.deepEqual(labels(store), ['theirs', 'Read', 'mine']);
      assert.deepEqual([store.document.nodes[2].id, store.document.nodes[2].position], ['a-2', { x: 40, y: 40 }]);
    });

    test('with a deletion bring back what was deleted, for ours and for both', async () => {
      for (const choice of ['ours', 'both']) {
        happen({ nodes: { deleted: ['b'] } });
        lose([{ kind: 'edit_delete', path: ['nodes', 'b'], base: {}, ours: { ...DOCUMENT.nodes[1], x: choice } }]);
        await decide(choice);
        assert.equal(store.document.nodes[1].x, choice);
        await clock.advance(500);
        await confirm(sent().at(-1));
      }
    });

    test('of orders bring elements into one of them', async () => {
      lose([{ kind: 'order', path: ['nodes'], base: ['a', 'b'], ours: ['b', 'a'], theirs: ['a', 'b'] }]);
      await decide('ours');
      assert.deepEqual(labels(store), ['Read', 'Mail']);
    });

    test('about an edge whose node is gone bring back the node as well', async () => {
      happen({ nodes: { deleted: ['b'] }, edges: { deleted: ['ab'] } });
      lose([{ kind: 'dangling_edge', path: ['edges', 'e'], nodes: ['b'], ours: { id: 'e', source: 'a', target: 'b' } }]);
      assert.equal(store.conflicts[0].won, 'theirs');
      await decide('ours');
      assert.equal(sent('get').at(-1).params.version, 3);
      assert.deepEqual(store.document.nodes[1], DOCUMENT.nodes[1]);
      assert.deepEqual(store.document.edges, [{ id: 'e', source: 'a', target: 'b' }]);
    });

    test('about a place that is no more change nothing', async () => {
      happen({ nodes: { deleted: ['a'] } });
      lose([{ ...EDITS, ours: 'mine', theirs: 'theirs' }]);
      await decide('ours');
      assert.deepEqual(labels(store), ['Read']);
      happen({ meta: { set: [[['nodes'], [null, 1]]] } });
      for (const choice of ['ours', 'both']) {
        lose([{ ...EDITS, ours: 'mine', theirs: 'theirs' }]);
        await decide(choice);
        lose([{ kind: 'order', path: ['nodes'], base: ['a', 'b'], ours: ['b', 'a'], theirs: ['a', 'b'] }]);
        await decide(choice);
      }
      assert.deepEqual(store.document.nodes, [null, 1]);
    });
  });

  test('closing sends what is not sent, leaves the channels and no timer', async () => {
    store.edit(relabel('a', 'mine'));
    client.setState('offline');
    store.close();
    await settle();
    assert.deepEqual([sent().length, clock.pending], [1, 0]);
    await confirm(sent()[0]);
    assert.deepEqual([channel.refs, mine.refs, clock.pending], [0, 0, 0]);
    happen(changeOf('b', 'theirs'));
    assert.equal(store.version, 4);
  });

  test('closing sends what waits for an edit that is under way, after it', async () => {
    store.edit(relabel('a', 'one'));
    await clock.advance(500);
    store.edit(relabel('b', 'two'));
    store.close();
    await confirm(sent()[0]);
    assert.deepEqual([sent()[1].params.diff, channel.refs], [changeOf('b', 'two'), 1]);
    await confirm(sent()[1]);
    assert.equal(channel.refs, 0);
  });

  test('closing ends with the client, or with a refusal; and opening again goes on', async () => {
    store.edit(relabel('a', 'one'));
    store.close();
    await store.open();
    await settle();
    await confirm(sent()[0]);
    assert.deepEqual([channel.refs, store.version], [1, 4]);
    store.edit(relabel('a', 'two'));
    store.close();
    sent()[1].refuse(STATUS);
    await settle();
    assert.equal(channel.refs, 0);
    await store.open();
    store.close();
    client.setState('closed');
    await settle();
    assert.deepEqual([channel.refs, clock.pending], [0, 0]);
  });

  test('a document that may not be read is an error, and can be opened later', async () => {
    const other = new BlueprintStore(client, 'W', { env: client.env });
    client.methods['blueprint.get'] = () => Promise.reject({ code: 'not_found', status: 404, retry: 'no' });
    await assert.rejects(other.open(), { code: 'not_found' });
    assert.equal(client.channel('automation_version:W').refs, 0);
    assert.throws(() => other.edit({}), /not there/);
    other.discard();
    await other.saved();
    client.methods['blueprint.get'] = () => structuredClone({ id: 'W', ...server });
    await other.open();
    assert.deepEqual(other.document, DOCUMENT);
  });

  test('losing the right to read is told', () => {
    channel.signal('unsubscribed', { code: 'not_found', reason: 'access to this channel has ended' });
    assert.deepEqual(errors.map(({ code }) => code), ['not_found']);
  });

  test('a listener that throws stops nothing', () => {
    store.on('change', () => {
      throw new Error('mine');
    });
    store.edit(relabel('a', 'x'));
    assert.deepEqual([labels(store)[0], errors.map(({ message }) => message)], ['x', ['mine']]);
  });
});
