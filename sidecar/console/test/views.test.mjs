// Every view, in light and dark: nothing wrong for those who cannot see or point, a picture of it, and what makes a page
// one: addresses, keys, a policy that is kept.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { violations } from './axe.mjs';
import { Stage, pane, tally } from './stage.mjs';

const views = ['project', 'history', 'inspector', 'isolation'];

describe('the views', { timeout: 900000 }, () => {
  const stage = new Stage('console_views');

  before(() => stage.open());
  afterEach(() => stage.clear());
  after(() => stage.close());

  // nothing is still being read
  const settled = async (page) => {
    await page.waitForFunction(() => !document.querySelector('.waiting'), null, { timeout: 30000 });
    await page.waitForTimeout(400);
  };

  for (const theme of ['light', 'dark'])
    for (const view of views)
      test(`${view}, ${theme}: axe finds nothing serious or critical`, async () => {
        const page = await stage.page(['clara', 'oskar'], view, { theme, width: 1600, height: 1000 });
        await settled(page);
        await stage.picture(page, `${view}-${theme}`);
        assert.deepEqual(await violations(page), []);
      });

  for (const theme of ['light', 'dark'])
    test(`one person with everything open, ${theme}: axe finds nothing serious or critical`, async () => {
      const page = await stage.page('clara', 'project', { theme, width: 1600, height: 1000 });
      await settled(page);
      await pane(page, 'clara').locator('.react-flow__node[data-id="match"]').click();
      await page.getByRole('button', { name: 'Chaos' }).click();
      await page.locator('[data-tally="clara"]').waitFor();
      await stage.picture(page, `project-open-${theme}`);
      assert.deepEqual(await violations(page), []);
    });

  test('without a demo the page asks for a token, refuses what is none, and comes in with one', async () => {
    const context = await stage.context({});
    const page = await context.newPage();
    const { port } = stage.world.gateway;
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.getByRole('heading', { name: 'Sign in with a token' }).waitFor();
    await stage.picture(page, 'door');
    assert.deepEqual(await violations(page), []);
    const token = page.getByLabel('Token', { exact: true });
    await token.fill('nonsense');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'not a valid token' }).waitFor();
    await token.fill(stage.world.token({ ...stage.server.people.clara }));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('[data-person]').waitFor();
    assert.equal(await page.getByRole('region', { name: 'Chaos' }).count(), 0);
    const answer = await page.request.get(`http://127.0.0.1:${port}/demo/people`);
    assert.equal(answer.status(), 404);
  });

  test('the chaos bar works by keys alone, and gives focus back', async () => {
    const page = await stage.page(['clara', 'oskar'], 'inspector');
    const toggle = page.getByRole('button', { name: 'Chaos' });
    await toggle.focus();
    await page.keyboard.press('Enter');
    assert.equal(await toggle.getAttribute('aria-expanded'), 'true');
    const slow = page.getByRole('button', { name: '200 ms' });
    await slow.focus();
    await page.keyboard.press('Enter');
    await page.locator('button[aria-pressed="true"]', { hasText: '200 ms' }).waitFor();
    assert.equal((await stage.counts()).ways.clara.delay, 200);
    await page.keyboard.press('Escape');
    assert.equal(await toggle.getAttribute('aria-expanded'), 'false');
    assert.ok(await toggle.evaluate((element) => element === document.activeElement));
  });

  test('panes of one document are said to be equal, and not before they are', async () => {
    const page = await stage.page(['clara', 'oskar', 'bea'], 'inspector');
    await page.getByRole('button', { name: 'Chaos' }).click();
    const words = page.getByText('documents equal');
    await words.waitFor();
    await stage.chaos({ do: 'stall', pane: 'oskar', on: true });
    const label = (text) => `UPDATE copilot.automation_versions
      SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,data,label}', '"${text}"') WHERE id = '${stage.server.people.clara.version}'`;
    await stage.sql.query(label('Another'));
    await page.getByText('documents differ').waitFor();
    await stage.chaos({ do: 'stall', pane: 'oskar', on: false });
    await words.waitFor();
    const hash = async (person) => (await tally(page, person, () => true)).hash;
    assert.equal(await hash('clara'), await hash('oskar'));
    assert.notEqual(await hash('clara'), await hash('bea'));
  });
});
