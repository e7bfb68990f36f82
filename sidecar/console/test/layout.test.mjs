// The page in windows of every size: everything is reached and nothing is cut, what is said moves nothing, the canvas
// shows its document, and what is only a drawing says its name.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { violations } from './axe.mjs';
import { Stage, cast, connected, pane, stateOf } from './stage.mjs';

const sizes = [
  [1440, 900],
  [1280, 720],
  [1024, 768],
  [720, 450], // the first one at 200 %
  [600, 800],
  [360, 740],
  [320, 640],
  [320, 256], // 1280 by 1024 at 400 %
];
const views = ['Project', 'History', 'Inspector', 'Isolation'];
const CANVAS_LEAST = { width: 300, height: 260 };
const { version } = cast.clara;

describe('the layout', { timeout: 900000 }, () => {
  const stage = new Stage('console_layout', { receipts: true });
  let original;

  before(async () => {
    await stage.open();
    original = (await stage.stored('clara')).document;
  });
  beforeEach(() => stage.sql.query(`UPDATE copilot.automation_versions SET blueprint_json = '${JSON.stringify(original)}' WHERE id = '${version}'`));
  afterEach(() => stage.clear());
  after(() => stage.close());

  const settled = (page) => page.waitForFunction(() => ![...document.querySelectorAll('.waiting')].some((one) => one.offsetWidth > 0), null, { timeout: 30000 });
  const frames = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
  const open = async (people, view = 'project', options = {}) => {
    const page = await stage.page(people, view, options);
    await settled(page);
    return page;
  };
  // Brings a person's pane to the front where only one has room.
  const front = async (page, name) => {
    const choice = page.getByRole('group', { name: 'Person in front' }).getByRole('button', { name });
    if (await choice.count()) await choice.click();
  };
  const panel = (page, person, name) => pane(page, person).getByRole('button', { name, exact: true });
  const card = (page, person, id) => pane(page, person).locator(`.react-flow__node[data-id="${id}"]`);
  const heightOf = (page, selector) => page.locator(selector).first().evaluate((element) => element.getBoundingClientRect().height);

  // What sticks out of the window to the right, or scrolls sideways, but for a canvas and what is code or a table.
  const beyond = (page) =>
    page.evaluate(() => {
      const found = [];
      if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
      for (const element of document.querySelectorAll('#root *')) {
        if (element.closest('.react-flow, pre, .unseen, svg, option, select') || element.offsetWidth <= 1) continue;
        const style = getComputedStyle(element);
        if (style.visibility === 'hidden' || style.clipPath !== 'none') continue;
        const { right, width } = element.getBoundingClientRect();
        const name = `${element.tagName.toLowerCase()}.${element.className}`;
        if (width > 0 && right > innerWidth + 1) found.push(`${name} ends at ${Math.round(right)}`);
        const isScroller = /auto|scroll/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1;
        if (isScroller && !element.querySelector(':scope > table')) found.push(`${name} scrolls sideways`);
      }
      return found.slice(0, 8);
    });

  for (const [width, height] of sizes)
    test(`${width} by ${height}: every view of everybody shown is reached, and nothing scrolls sideways`, async () => {
      const page = await open(['clara', 'oskar'], 'project', { width, height });
      for (const [person, name] of [['clara', 'Clara'], ['oskar', 'Oskar']]) {
        await front(page, name);
        for (const view of views) {
          await pane(page, person).getByRole('link', { name: view, exact: true }).click({ timeout: 5000 });
          await settled(page);
          assert.deepEqual(await beyond(page), [], `${view} of ${name}`);
        }
      }
    });

  for (const [width, height] of sizes)
    test(`${width} by ${height}: the canvas has room, and in Talk a message can be written and sent`, async () => {
      const page = await open(['clara', 'oskar'], 'project', { width, height });
      const board = await pane(page, 'clara').locator('.board').boundingBox();
      const least = Math.min(CANVAS_LEAST.width, width);
      assert.ok(board.width >= least && board.height >= CANVAS_LEAST.height, JSON.stringify(board));
      await panel(page, 'clara', 'Talk').click({ timeout: 5000 });
      const field = pane(page, 'clara').getByRole('textbox', { name: 'Message' });
      await field.fill('Is this in sight?', { timeout: 5000 });
      const send = pane(page, 'clara').getByRole('button', { name: 'Send' });
      await send.click({ timeout: 5000 });
      await pane(page, 'clara').locator('[data-message]').filter({ hasText: 'Is this in sight?' }).first().waitFor();
      for (const name of ['Tasks', 'Notifications', 'Comments', 'Messages']) await pane(page, 'clara').getByRole('tab', { name }).click({ timeout: 5000 });
      assert.deepEqual(await beyond(page), []);
      await field.scrollIntoViewIfNeeded();
      const { x, y, width: w, height: h } = await field.boundingBox();
      assert.ok(x >= 0 && y >= 0 && x + w <= width + 1 && y + h <= height + 1, `the line to write is at ${x}, ${y}, ${w} by ${h}`);
    });

  test('three people in a window with room for one: the switch shows each, and the others stay connected', async () => {
    const page = await open(['clara', 'oskar', 'bea'], 'inspector', { width: 800, height: 600 });
    for (const [person, name] of [['bea', 'Bea'], ['oskar', 'Oskar'], ['clara', 'Clara']]) {
      await front(page, name);
      assert.deepEqual(await page.locator('.pane:visible').evaluateAll((panes) => panes.map(({ dataset }) => dataset.person)), [person]);
      assert.deepEqual(await Promise.all(['clara', 'oskar', 'bea'].map((key) => stateOf(page, key))), ['connected', 'connected', 'connected']);
    }
    await page.setViewportSize({ width: 1400, height: 800 });
    await pane(page, 'bea').locator('.tabs').waitFor();
    assert.equal(await page.locator('.pane:visible').count(), 3);
    assert.equal(await page.getByRole('group', { name: 'Person in front' }).count(), 0);
  });

  test('what comes into a pane that is not in front is read when it comes to the front, and not before', async () => {
    const page = await open(['oskar', 'clara'], 'project', { width: 800, height: 700 });
    const message = (person) => pane(page, person).locator('[data-message]').filter({ hasText: 'Read me' });
    await front(page, 'Oskar');
    await panel(page, 'oskar', 'Talk').click();
    await pane(page, 'oskar').locator('[data-message]').first().waitFor();
    await front(page, 'Clara');
    await panel(page, 'clara', 'Talk').click();
    await pane(page, 'clara').getByRole('textbox', { name: 'Message' }).fill('Read me');
    await page.keyboard.press('Enter');
    await message('oskar').waitFor({ state: 'attached' });
    await page.waitForTimeout(1500);
    assert.notEqual(await message('clara').getAttribute('data-state'), 'read');
    await front(page, 'Oskar');
    await page.waitForFunction(() => document.querySelector('[data-person="clara"] [data-message][data-state="read"]:last-child'), null, { timeout: 15000 });
  });

  for (const [width, height] of [[720, 450], [360, 740]])
    for (const theme of ['light', 'dark'])
      test(`${width} by ${height}, ${theme}: axe finds nothing serious or critical, whatever is in front`, async () => {
        const page = await open(['clara', 'oskar'], 'project', { width, height, theme });
        assert.deepEqual(await violations(page), []);
        for (const name of ['Talk', 'List']) {
          await panel(page, 'clara', name).click();
          await settled(page);
          assert.deepEqual(await violations(page), [], name);
        }
        for (const view of views.slice(1)) {
          await pane(page, 'clara').getByRole('link', { name: view, exact: true }).click();
          await settled(page);
          assert.deepEqual(await violations(page), [], view);
        }
      });

  test('every button is large enough to be hit, 24 pixels each way', async () => {
    const page = await open('oskar');
    const small = () =>
      page.locator('button:visible, summary:visible, .tab').evaluateAll((all) =>
        all
          .filter((one) => !one.closest('.react-flow__node, .react-flow__attribution') && one.offsetWidth > 1)
          .map((one) => ({ name: one.ariaLabel ?? one.textContent, ...one.getBoundingClientRect().toJSON() }))
          .filter(({ width, height }) => width < 23.9 || height < 23.9)
          .map(({ name, width, height }) => `${name}: ${width} by ${height}`),
      );
    await pane(page, 'oskar').locator('[data-message]').first().waitFor();
    assert.deepEqual(await small(), []);
    for (const name of ['Tasks', 'Notifications']) {
      await pane(page, 'oskar').getByRole('tab', { name }).click();
      assert.deepEqual(await small(), [], name);
    }
    for (const view of views.slice(1)) {
      await pane(page, 'oskar').getByRole('link', { name: view, exact: true }).click();
      await settled(page);
      assert.deepEqual(await small(), [], view);
    }
  });

  for (const width of [1440, 720, 360])
    test(`at ${width} px the heads of pane and document keep their height when the connection breaks and a conflict comes`, async () => {
      const page = await open('clara', 'project', { width });
      const heads = async () => [await heightOf(page, '.pane-top'), await heightOf(page, '.project-toolbar')];
      const before = await heads();
      await card(page, 'clara', 'match').click();
      const label = pane(page, 'clara').getByLabel('Label', { exact: true });
      await label.waitFor();
      await stage.chaos({ do: 'offline', pane: 'clara', on: true });
      await connected(page, 'clara', ['reconnecting']);
      await label.fill('Find it');
      await page.locator('[data-save="offline"]').waitFor();
      assert.deepEqual(await heads(), before, 'reconnecting');
      await stage.sql.query(`UPDATE copilot.automation_versions
        SET blueprint_json = jsonb_set(blueprint_json, '{nodes,2,data,label}', '"Look it up"') WHERE id = '${version}'`);
      await stage.chaos({ do: 'offline', pane: 'clara', on: false });
      await page.locator('.conflict-count').waitFor({ timeout: 30000 });
      assert.deepEqual(await heads(), before, '1 conflict');
      await stage.picture(page, `conflict-${width}`);
      assert.deepEqual(await beyond(page), []);
    });

  // the places of all cards, beside the canvas that they are in
  const drawn = (page, person) =>
    pane(page, person).evaluate((root) => {
      const box = (element) => (({ left, top, right, bottom }) => ({ left, top, right, bottom }))(element.getBoundingClientRect());
      return { board: box(root.querySelector('.board')), cards: [...root.querySelectorAll('.react-flow__node')].map(box) };
    });
  const isAllInSight = ({ board, cards }) =>
    cards.length > 0 && cards.every(({ left, top, right, bottom }) => left >= board.left && top >= board.top && right <= board.right && bottom <= board.bottom);
  const viewOf = (page) => page.locator('.react-flow__viewport').first().evaluate(({ style }) => style.transform);

  test('all of the document is in sight again when panels, people and the window change', async () => {
    const page = await open('clara');
    const check = async (what) => {
      await frames(page);
      const at = await drawn(page, 'clara');
      assert.ok(isAllInSight(at), `${what}: ${JSON.stringify(at)}`);
      return viewOf(page);
    };
    const views = [await check('at first')];
    await panel(page, 'clara', 'Talk').click();
    views.push(await check('without Talk'));
    await panel(page, 'clara', 'List').click();
    views.push(await check('without the list'));
    await page.getByRole('button', { name: 'Add person' }).click();
    await page.locator('.pane').nth(1).waitFor();
    views.push(await check('with somebody beside'));
    await page.setViewportSize({ width: 1100, height: 700 });
    views.push(await check('in a smaller window'));
    assert.equal(new Set(views).size, views.length, 'each of them changed the view');
  });

  test('who has moved the view keeps it, until they ask for all of it', async () => {
    const page = await open('clara');
    await pane(page, 'clara').locator('.react-flow__pane').hover();
    await page.mouse.wheel(0, -300);
    await frames(page);
    const own = await viewOf(page);
    await panel(page, 'clara', 'Talk').click();
    await page.setViewportSize({ width: 1200, height: 800 });
    await frames(page);
    assert.equal(await viewOf(page), own);
    await page.getByRole('button', { name: 'Fit to view' }).click();
    await frames(page);
    assert.ok(isAllInSight(await drawn(page, 'clara')));
    await page.setViewportSize({ width: 1440, height: 900 });
    await frames(page);
    assert.ok(isAllInSight(await drawn(page, 'clara')));
    assert.notEqual(await viewOf(page), own);
  });

  test('what is only a drawing has a name, which is shown on hover and on focus, until Escape', async () => {
    const page = await open(['clara', 'oskar']);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, summary')]
        .filter((one) => one.offsetWidth > 0 && one.querySelector('svg'))
        .filter((one) => {
          const words = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
          for (let text = words.nextNode(); text; text = words.nextNode()) {
            const { offsetWidth, offsetHeight } = text.parentElement;
            if (text.data.trim() && offsetWidth > 1 && offsetHeight > 1) return false;
          }
          return true;
        })
        .filter((one) => !one.dataset.tip || !(one.ariaLabel || one.textContent.trim()))
        .map(({ outerHTML }) => outerHTML.slice(0, 120)),
    );
    assert.deepEqual(nameless, []);
    const tip = (words) => page.locator('.tip', { hasText: words });
    for (const name of ['Import', 'List', 'Talk', 'Undo my last edit', 'Zoom in', "Close Clara's pane"]) {
      const control = pane(page, 'clara').locator(`:is(button, summary):visible`, { has: page.locator('svg') }).and(page.locator(`[data-tip="${name}"]`));
      await control.hover();
      await tip(name).waitFor({ timeout: 3000 });
      await page.mouse.move(700, 600);
      await tip(name).waitFor({ state: 'detached', timeout: 3000 });
      await control.evaluate((element) => element.focus({ focusVisible: true }));
      await tip(name).waitFor({ timeout: 3000 });
      await page.keyboard.press('Escape');
      await tip(name).waitFor({ state: 'detached', timeout: 3000 });
    }
  });

  for (const width of [1440, 360])
    test(`by Tab the ring around a node and along a connection is seen, at ${width} px`, async () => {
      const page = await open('clara', 'project', { width });
      const zoom = Number(/scale\(([\d.]+)\)/.exec(await viewOf(page))[1]);
      await pane(page, 'clara').getByRole('button', { name: 'Fit to view' }).or(page.locator('.react-flow__pane')).first().focus();
      const seen = { node: 0, edge: 0 };
      for (let i = 0; i < 60 && !(seen.node && seen.edge); i++) {
        await page.keyboard.press('Tab');
        const ring = await page.evaluate(() => {
          const { activeElement: element } = document;
          if (element.matches('.react-flow__node')) return ['node', parseFloat(getComputedStyle(element.querySelector('.node-card')).outlineWidth)];
          if (element.matches('.react-flow__edge')) return ['edge', parseFloat(getComputedStyle(element.querySelector('.react-flow__edge-path')).strokeWidth)];
          return null;
        });
        if (ring) seen[ring[0]] ||= ring[1] * zoom;
      }
      assert.ok(seen.node >= 1.9, `around a node: ${seen.node} px`);
      assert.ok(seen.edge >= 2.9, `along a connection: ${seen.edge} px`);
    });

  test('controls in the heads have one size of letters', async () => {
    const page = await open(['clara', 'oskar']);
    const found = await page.locator('.bar, .pane-top, .project-toolbar, .status-bar, .chaos-top').locator('button, select, summary, a').evaluateAll((all) => all.map((one) => getComputedStyle(one).fontSize));
    assert.deepEqual([...new Set(found)], ['13px']);
  });

  test('an edge that leads back touches no node but its own, and its label lies on it', async () => {
    const page = await open('clara');
    const edge = page.locator('.react-flow__edge[data-id="wait-decide"]');
    const { hits, label } = await edge.evaluate((element) => {
      const path = element.querySelector('.react-flow__edge-path');
      const own = path.getScreenCTM();
      const boxes = [...document.querySelectorAll('.react-flow__node')].map((node) => ({ id: node.dataset.id, ...node.getBoundingClientRect().toJSON() }));
      const hits = new Set();
      const points = Array.from({ length: 200 }, (_, i) => path.getPointAtLength((path.getTotalLength() * (i + 1)) / 201).matrixTransform(own));
      for (const { x, y } of points)
        for (const { id, left, top, right, bottom } of boxes) if (x > left + 1 && x < right - 1 && y > top && y < bottom) hits.add(id);
      const { left, top, width, height } = element.querySelector('.react-flow__edge-text').getBoundingClientRect();
      const away = Math.min(...points.map(({ x, y }) => Math.hypot(x - left - width / 2, y - top - height / 2)));
      return { hits: [...hits], label: { away, height } };
    });
    assert.deepEqual(hits, []);
    assert.ok(label.away < 6 && label.height >= 9, JSON.stringify(label));
  });

  test('a row of the list keeps its label when somebody is there and something is to be decided', async () => {
    const [page, other] = [await open('clara'), await open('oskar')];
    await card(other, 'oskar', 'book').click();
    const row = page.locator('.list-row[data-node="book"]');
    await row.locator('.unseen', { hasText: 'Oskar here' }).waitFor({ state: 'attached' });
    await card(page, 'clara', 'book').click();
    await stage.chaos({ do: 'offline', pane: 'clara', on: true });
    await connected(page, 'clara', ['reconnecting']);
    await pane(page, 'clara').getByLabel('Label', { exact: true }).fill('Post all of it into the books');
    await stage.sql.query(`UPDATE copilot.automation_versions
      SET blueprint_json = jsonb_set(blueprint_json, '{nodes,4,data,label}', '"Book it"') WHERE id = '${version}'`);
    await stage.chaos({ do: 'offline', pane: 'clara', on: false });
    await row.locator('.list-conflict').waitFor({ timeout: 30000 });
    await row.locator('.unseen', { hasText: 'Oskar here' }).waitFor({ state: 'attached' });
    const label = row.locator('.list-label');
    assert.ok(await label.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth && clientWidth > 80));
  });

  test('undo and redo are off where it is known that there is nothing, and say so', async () => {
    const page = await open('bruno');
    const step = (name) => page.getByRole('button', { name: `${name} my last edit` });
    const isOff = (name) => step(name).getAttribute('aria-disabled');
    assert.deepEqual([await isOff('Undo'), await isOff('Redo')], [null, null], 'nothing is known at first');
    await step('Redo').click();
    await page.locator('[aria-label="Redo my last edit"][aria-disabled="true"]').waitFor();
    assert.match(await step('Redo').getAttribute('data-tip'), /nothing to redo/);
    for (let i = 0; i < 10 && !(await isOff('Undo')); i++) {
      await step('Undo').click();
      await page.waitForTimeout(300);
    }
    assert.equal(await isOff('Undo'), 'true');
    await step('Undo').click({ force: true });
    await card(page, 'bruno', 'ask').click();
    await page.getByLabel('Label', { exact: true }).fill('Ask them');
    await page.locator('[aria-label="Undo my last edit"]:not([aria-disabled])').waitFor();
    assert.equal(await isOff('Redo'), 'true', 'nothing is undone behind an edit');
    await page.locator('[data-save="saved"]').waitFor();
    await step('Undo').click();
    await page.locator('[aria-label="Redo my last edit"]:not([aria-disabled])').waitFor();
  });

  test('who is cut off by the chaos bar is said to be, and what became of a token that ran out', async () => {
    const page = await open('clara', 'inspector');
    const light = pane(page, 'clara').locator('.light');
    await page.getByRole('button', { name: 'Chaos' }).click();
    await page.getByRole('button', { name: 'Go offline' }).click();
    await light.and(page.locator('[data-cut]')).filter({ hasText: /^offline/i }).waitFor();
    await page.getByRole('button', { name: 'Go offline' }).click();
    await light.and(page.locator(':not([data-cut])')).filter({ hasText: /^live/i }).waitFor({ timeout: 30000 });
    await page.getByRole('button', { name: 'Expire token' }).click();
    await page.locator('[data-trace="clara"]', { hasText: /a new token was accepted, \d+ ms after the end was announced, on the same connection/ }).waitFor({ timeout: 20000 });
  });
});
