// The page in windows of every size: everything is reached and nothing is cut, what is said moves nothing, and the
// canvas shows its document.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { violations } from './axe.mjs';
import { Stage, cast, connected, pane, stand, stateOf } from './stage.mjs';
import { beyond, card, drawn, front, opener, panel, settled, viewOf } from './window.mjs';

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
  stand(stage);

  const open = opener(stage);
  const heightOf = (page, selector) => page.locator(selector).first().evaluate((element) => element.getBoundingClientRect().height);

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
  const placed = (page, person) =>
    pane(page, person).evaluate((root) => {
      const box = (element) => (({ left, top, right, bottom }) => ({ left, top, right, bottom }))(element.getBoundingClientRect());
      return { board: box(root.querySelector('.board')), cards: [...root.querySelectorAll('.react-flow__node')].map(box) };
    });
  const isAllInSight = ({ board, cards }) =>
    cards.length > 0 && cards.every(({ left, top, right, bottom }) => left >= board.left && top >= board.top && right <= board.right && bottom <= board.bottom);

  test('all of the document is in sight again when panels, people and the window change', async () => {
    const page = await open('clara');
    const check = async (what) => {
      await drawn(page);
      const at = await placed(page, 'clara');
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
    await drawn(page);
    const own = await viewOf(page);
    await panel(page, 'clara', 'Talk').click();
    await page.setViewportSize({ width: 1200, height: 800 });
    await drawn(page);
    assert.equal(await viewOf(page), own);
    await page.getByRole('button', { name: 'Fit to view' }).click();
    await drawn(page);
    assert.ok(isAllInSight(await placed(page, 'clara')));
    await page.setViewportSize({ width: 1440, height: 900 });
    await drawn(page);
    assert.ok(isAllInSight(await placed(page, 'clara')));
    assert.notEqual(await viewOf(page), own);
  });
});
