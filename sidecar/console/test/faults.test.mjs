// What the page does when everything about its connection goes wrong.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Stage, cast, connected, northwind, tally, until } from './stage.mjs';

const PROJECT = northwind.project;
const complete = (n) => ({ expected, seen, missed }) => expected === n && seen === n && missed === 0;

describe('faults', { timeout: 900000 }, () => {
  const stage = new Stage('console_faults', { panes: ['tabs', ...Array.from({ length: 50 }, (_, i) => `crowd${i}`)] });

  before(() => stage.open());
  afterEach(() => stage.clear());
  after(() => stage.close());

  const countTasks = async (title) => Number(await stage.sql.query(`SELECT count(*) FROM copilot.tasks WHERE title LIKE '${title}%'`));
  const addTask = (title) =>
    stage.sql.query(`INSERT INTO copilot.tasks (tenant_id, project_id, title) VALUES ('${northwind.id}', '${PROJECT}', '${title}')`);

  // What a page's client hears and goes through from now on, in window.heard: titles of tasks, states and frames.
  const listen = (page, person) =>
    page.evaluate(
      async ([key, project]) => {
        const client = window.wrk[key];
        const heard = (window.heard = { titles: [], states: [], frames: [], ended: [] });
        client.on('state', (state) => heard.states.push(state));
        client.on('frame', ({ direction, json }) => heard.frames.push({ direction, type: json.type, key: json.payload?.key, method: json.payload?.method }));
        const channel = client.channel(`project:${project}`);
        channel.on('task.created', ({ payload }) => heard.titles.push(payload.data.title));
        channel.on('unsubscribed', ({ payload }) => heard.ended.push(payload.code));
        client.channel('me').on('lab.fence', ({ payload }) => heard.titles.push(payload.n));
        await Promise.all([channel.subscribe(), client.channel('me').subscribe()]);
      },
      [person, PROJECT],
    );
  const heard = (page) => page.evaluate(() => window.heard);
  const hears = (page, title) => page.waitForFunction((wanted) => window.heard.titles.includes(wanted), title, { timeout: 30000 });

  test('a socket cut six times in a burst of 1,000 events: 0 missed, 0 twice, and nothing for the other company', async () => {
    const page = await stage.page(['clara', 'oskar', 'bea'], 'inspector');
    await page.getByRole('button', { name: 'Chaos' }).click();
    await tally(page, 'oskar', ({ hash }) => hash);
    await page.waitForTimeout(600); // the bar has asked once what was before
    await page.getByRole('button', { name: 'Burst of 1,000 events' }).click();
    const beyond = (n) => tally(page, 'clara', ({ seen }) => seen >= n);
    await beyond(100);
    await stage.chaos({ do: 'drop', pane: 'clara' });
    await beyond(300);
    await stage.chaos({ do: 'cut', pane: 'clara', bytes: 3333 });
    await beyond(500);
    await stage.chaos({ do: 'drop', pane: 'clara' });
    // what comes before a position that is lost is sent again
    for (const n of [600, 700, 800]) {
      await beyond(n);
      await stage.chaos({ do: 'lose_position', pane: 'clara' });
    }
    for (const person of ['clara', 'oskar']) {
      const { twice } = await tally(page, person, complete(1000));
      assert.equal(twice, 0, person);
    }
    const bea = await tally(page, 'bea', () => true);
    assert.deepEqual([bea.expected, bea.seen, bea.missed, bea.twice], [0, 0, 0, 0]);
    await page.getByRole('button', { name: 'Remove burst tasks' }).click();
    await until('the tasks are gone', async () => (await countTasks('Burst')) === 0);
  });

  test('a slow reader has every event of a burst after it, once', async () => {
    const page = await stage.page(['clara'], 'inspector');
    await page.getByRole('button', { name: 'Chaos' }).click();
    await tally(page, 'clara', ({ hash }) => hash);
    await page.waitForTimeout(600);
    await stage.chaos({ do: 'stall', pane: 'clara', on: true });
    await page.getByRole('button', { name: 'Burst of 1,000 events' }).click();
    await tally(page, 'clara', ({ expected, seen }) => expected === 1000 && seen === 0);
    await stage.chaos({ do: 'stall', pane: 'clara', on: false });
    assert.equal((await tally(page, 'clara', complete(1000))).twice, 0);
    await stage.chaos({ do: 'sweep' });
  });

  test('a token that expires in the open page: nothing comes while there is none, and all of it afterwards, once', async () => {
    const page = await stage.page(['clara'], 'inspector');
    await listen(page, 'clara');
    let asked = 0;
    await page.route('**/demo/token', async (route) => {
      // the first one is the short one; its successor comes when it has expired
      if (++asked > 1) await new Promise((resolve) => setTimeout(resolve, 6500));
      await route.continue();
    });
    await stage.chaos({ do: 'expire', pane: 'clara', seconds: 4 });
    await page.waitForFunction(() => window.heard.frames.some(({ type }) => type === 'token_expiring'));
    await addTask('while valid');
    await hears(page, 'while valid');
    await page.waitForTimeout(5000);
    await addTask('while expired');
    await page.waitForTimeout(300);
    assert.deepEqual((await heard(page)).titles, ['while valid']);
    await hears(page, 'while expired');
    await addTask('afterwards');
    await hears(page, 'afterwards');
    const { titles, states } = await heard(page);
    assert.deepEqual(titles, ['while valid', 'while expired', 'afterwards']);
    assert.deepEqual(states, ['reconnecting', 'connected'], 'the connection that the token expired on stayed');
  });

  test('a permission that is revoked: the page is told, and hears nothing that was committed after', async () => {
    const page = await stage.page(['bruno'], 'inspector');
    await listen(page, 'bruno');
    await addTask('seen');
    await hears(page, 'seen');
    const member = `tenant_id = '${northwind.id}' AND project_id = '${PROJECT}' AND user_id = '${cast.bruno.id}'`;
    await stage.sql.query(`DELETE FROM copilot.project_members WHERE ${member}`);
    await addTask('unseen');
    await page.waitForFunction(() => window.heard.ended.length > 0);
    await stage.sql.query(`SELECT wrk.emit('lab.fence', '{"n": "fence"}', '{tenant:${northwind.id}:user:${cast.bruno.id}}', tenant_id => '${northwind.id}')`);
    await hears(page, 'fence');
    const { titles, ended } = await heard(page);
    assert.deepEqual([titles, ended], [['seen', 'fence'], ['not_found']]);
    await stage.sql.query(`INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ('${northwind.id}', '${PROJECT}', '${cast.bruno.id}', 'builder')`);
  });

  test('a reply that is lost after the commit: asked for again with the same key, one effect', async () => {
    const page = await stage.page(['oskar'], 'inspector');
    await page.waitForTimeout(500); // what the views read at first has been answered
    await listen(page, 'oskar');
    await stage.chaos({ do: 'lose_answer', pane: 'oskar' });
    const { payload, key } = await page.evaluate(
      (project_id) => window.wrk.oskar.call('task.create', { project_id, title: 'Only once' }),
      PROJECT,
    );
    assert.ok(payload.id);
    assert.equal(await countTasks('Only once'), 1);
    await hears(page, 'Only once');
    const { frames, titles } = await heard(page);
    const sent = frames.filter(({ direction, method }) => direction === 'out' && method === 'task.create');
    assert.deepEqual(sent.map((frame) => frame.key), [key, key], 'sent twice with one key');
    assert.equal(titles.filter((title) => title === 'Only once').length, 1);
  });

  test('WebSockets and streams that are blocked: polling within 10 s, whether refused or swallowed', async (t) => {
    for (const silent of [false, true]) {
      await stage.chaos({ do: 'block', pane: 'quinn', on: true, sse: true, silent });
      const context = await stage.context({});
      let began;
      context.on('request', (request) => request.url().endsWith('/demo/token') && (began ??= performance.now()));
      const page = await stage.page(['quinn'], 'inspector', { context });
      await connected(page, 'quinn', ['polling']);
      const took = performance.now() - began;
      t.diagnostic(`${silent ? 'swallowed' : 'refused'}: polling ${took.toFixed(0)} ms after its first token (promised: 10000)`);
      assert.ok(took < 20000);
      await listen(page, 'quinn');
      await addTask(`polled ${silent}`);
      await hears(page, `polled ${silent}`);
      await stage.chaos({ do: 'block', pane: 'quinn', on: false });
    }
  });

  test('WebSockets alone that are blocked in the open page: an event stream takes over, nothing is missed', async () => {
    const page = await stage.page(['quinn'], 'inspector');
    await listen(page, 'quinn');
    await stage.chaos({ do: 'block', pane: 'quinn', on: true });
    await addTask('in between');
    await page.waitForFunction(() => window.wrk.quinn.transport === 'sse', null, { timeout: 30000 });
    await addTask('streamed');
    await hears(page, 'streamed');
    assert.deepEqual((await heard(page)).titles, ['in between', 'streamed']);
  });

  // Ten clients of one person in a browser of their own: more in one would wait for it to let them connect.
  const crowd = async (person, i) => {
    const page = await stage.page([person], 'inspector');
    await page.evaluate(
      async ([person, first, project]) => {
        const tokenOf = async () => {
          const headers = { 'content-type': 'application/json' };
          const answer = await fetch('demo/token', { method: 'POST', headers, body: JSON.stringify({ person }) });
          return (await answer.json()).token;
        };
        window.crowd = Array.from({ length: 10 }, (_, i) => {
          const url = new URL(`via/crowd${first + i}`, location.href).href;
          const client = window.WrkKit.createRealtimeClient({ url, getToken: tokenOf, backoff: { base: 200, cap: 2000 } });
          const ids = [];
          client.channel(`project:${project}`).on('task.created', ({ payload }) => ids.push(payload.id));
          return { client, ids };
        });
        await Promise.all(window.crowd.map(({ client }) => client.channel(`project:${project}`).subscribe()));
      },
      [person, 10 * i, PROJECT],
    );
    return page;
  };
  const all = (pages, run, ...rest) => Promise.all(pages.map((page) => page.waitForFunction(run, ...rest)));

  test('a gateway killed under 50 clients in a burst: each has every event once', async (t) => {
    const pages = await Promise.all(['clara', 'oskar', 'bruno', 'quinn', 'olga'].map(crowd));
    const { burst } = await stage.chaos({ do: 'burst', n: 300, every: 3 });
    await all(pages, () => window.crowd.every(({ ids }) => ids.length > 50));
    const began = performance.now();
    await stage.chaos({ do: 'kill_gateway' });
    await all(pages, (n) => window.crowd.every(({ ids }) => new Set(ids).size >= n), burst.total, { timeout: 40000 });
    t.diagnostic(`all 50 had all ${burst.total} events ${(performance.now() - began).toFixed(0)} ms after the kill`);
    for (const page of pages)
      for (const ids of await page.evaluate(() => window.crowd.map(({ ids }) => ids)))
        assert.deepEqual([...ids].sort(), [...burst.ids].sort());
    await stage.chaos({ do: 'sweep' });
  });

  test('database connections that are ended: the page stays connected and misses nothing', async () => {
    const page = await stage.page(['clara'], 'inspector');
    await listen(page, 'clara');
    const { killed } = await stage.chaos({ do: 'kill_backend' });
    assert.ok(killed >= 2);
    for (const title of ['db one', 'db two']) {
      await addTask(title);
      await hears(page, title);
    }
    const { titles, states } = await heard(page);
    assert.deepEqual([titles, states], [['db one', 'db two'], []]);
  });

  test('two tabs and what a third one queued before it closed: one of them makes it, once', async () => {
    const context = await stage.context({});
    const open = async () => {
      const page = await stage.page(['oskar'], 'inspector', { context });
      await page.evaluate(() => {
        const getToken = async () => {
          const headers = { 'content-type': 'application/json' };
          return (await (await fetch('demo/token', { method: 'POST', headers, body: '{"person":"oskar","pane":"tabs"}' })).json()).token;
        };
        const url = new URL('via/tabs', location.href).href.split('#')[0];
        const client = window.WrkKit.createRealtimeClient({ url, getToken, queue: { persist: 'queue-oskar' }, backoff: { base: 200, cap: 1000 } });
        window.sent = [];
        client.on('frame', ({ direction, json }) => direction === 'out' && json.type === 'call' && window.sent.push(json.payload.params.title));
        client.channel('me').subscribe();
        window.tab = client;
      });
      return page;
    };
    await stage.chaos({ do: 'offline', pane: 'tabs', on: true });
    const gone = await open();
    const pending = await gone.evaluate(async (project_id) => {
      for (let i = 0; i < 5; i++) window.tab.call('task.create', { project_id, title: `Queued ${i}` }).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 500)); // written to IndexedDB
      return window.tab.sync.pending;
    }, PROJECT);
    assert.equal(pending, 5);
    await gone.close();
    const tabs = [await open(), await open()];
    await stage.chaos({ do: 'offline', pane: 'tabs', on: false });
    await until('five tasks', async () => (await countTasks('Queued')) === 5, { timeout: 30000 });
    const stateOf = (tab) => tab.evaluate(() => [window.tab.state, window.tab.sync.pending, window.sent.length]);
    const isDone = async () => (await Promise.all(tabs.map(stateOf))).every(([state, waiting]) => ['connected', 'polling'].includes(state) && waiting === 0);
    await until('both connected, one way or another, and nothing to send', isDone, { timeout: 30000 }).catch(async () =>
      assert.fail(JSON.stringify(await Promise.all(tabs.map(stateOf)))));
    const sent = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.sent)));
    assert.deepEqual(sent.map(({ length }) => length).sort(), [0, 5], JSON.stringify(sent));
    assert.equal(await countTasks('Queued'), 5);
  });
});
