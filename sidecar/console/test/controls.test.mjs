// What can be pressed and what is drawn: large enough, named, seen by key, out of the way of each other, and off only
// where there is nothing to do.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Stage, cast, connected, pane, stand } from './stage.mjs';
import { card, opener, settled, viewOf } from './window.mjs';

const views = ['History', 'Inspector', 'Isolation'];
const { version } = cast.clara;

describe('controls and drawings', { timeout: 600000 }, () => {
  const stage = new Stage('console_controls');
  stand(stage);

  const open = opener(stage);

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
    for (const view of views) {
      await pane(page, 'oskar').getByRole('link', { name: view, exact: true }).click();
      await settled(page);
      assert.deepEqual(await small(), [], view);
    }
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
    const found = await page.evaluate(() =>
      [...document.querySelectorAll(':is(.bar, .pane-top, .project-toolbar, .status-bar, .chaos-top) :is(button, select, summary, a)')].map((one) => getComputedStyle(one).fontSize),
    );
    assert.ok(found.length > 20);
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
