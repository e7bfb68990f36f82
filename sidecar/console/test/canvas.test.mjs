// The project view by keys alone and beside others, and the history view: what a person can do, and what is refused.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Stage, cast, pane, stand, until } from './stage.mjs';

const { version } = cast.clara;

describe('the canvas and the history', { timeout: 240000 }, () => {
  const stage = new Stage('console_canvas');
  stand(stage);

  const row = (page, id) => page.locator(`[data-node="${id}"]`);
  const card = (page, id) => page.locator(`.react-flow__node[data-id="${id}"]`);
  const saved = (page) => page.locator('[data-save="saved"]').first().waitFor();
  const stored = async (id) => (await stage.stored('clara')).document.nodes.find((node) => node.id === id);
  const said = (page, words) => page.locator('[aria-live="polite"]').filter({ hasText: words }).first().waitFor({ state: 'attached' });
  const focused = (page) => page.evaluate(() => document.activeElement.dataset.node ?? document.activeElement.className);

  test('choosing, moving, renaming, connecting, deleting and undoing need no pointer', async () => {
    const page = await stage.page('clara');
    await row(page, 'mail').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
    assert.equal(await focused(page), 'match');
    await page.keyboard.press('Alt+ArrowUp');
    await saved(page);
    await until('it is moved', async () => (await stored('match')).position.y === 100);
    await page.getByLabel('Label', { exact: true }).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Look it up');
    await until('it is renamed', async () => (await stored('match')).data.label === 'Look it up');
    await page.getByLabel('Connect to').focus();
    await page.getByLabel('Connect to').selectOption('report');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await until('it is connected', async () => (await stage.stored('clara')).document.edges.some(({ source, target }) => source === 'match' && target === 'report'));
    await row(page, 'match').focus();
    await page.keyboard.press('Delete');
    await until('it is deleted', async () => !(await stored('match')));
    assert.equal(await focused(page), 'decide');
    await page.keyboard.press('Control+z');
    await until('it is back', async () => (await stored('match'))?.data.label === 'Look it up');
  });

  test('what others do takes no focus, and a node deleted under it leads to the heading, with a word', async () => {
    const [page, other] = [await stage.page('clara'), await stage.page('oskar')];
    await row(page, 'read').focus();
    await card(other, 'read').click();
    await other.getByLabel('Label', { exact: true }).fill('Read all of it');
    await row(page, 'read').filter({ hasText: 'Read all of it' }).waitFor();
    assert.equal(await focused(page), 'read');
    await said(page, /Oskar (changed|renamed)/);
    await other.getByRole('button', { name: 'Delete node' }).click();
    await row(page, 'read').waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'list-heading');
    await said(page, 'was deleted. Focus moved');
  });

  test('closing properties brings the focus back to the node', async () => {
    const page = await stage.page('clara');
    await card(page, 'ask').click();
    await page.getByLabel('Label', { exact: true }).focus();
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.activeElement.dataset.id === 'ask');
  });

  test('on the canvas Escape leaves the focus on the node, and Delete deletes the one with the focus', async () => {
    const page = await stage.page('clara');
    await card(page, 'ask').click();
    await page.locator('.properties').waitFor();
    await card(page, 'ask').focus();
    await page.keyboard.press('Escape');
    await page.locator('.properties').waitFor({ state: 'detached' });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    assert.equal(await page.evaluate(() => document.activeElement.dataset.id), 'ask');
    await page.keyboard.press('Delete');
    await until('it is deleted', async () => !(await stored('ask')));
  });

  test('giving up the reason for a step leads back to its button, and a connection is said in one sentence', async () => {
    const page = await stage.page('oskar');
    const step = page.locator('.status-step').filter({ hasText: '…' }).first();
    await step.focus();
    await page.keyboard.press('Enter');
    await page.getByPlaceholder('Reason').waitFor();
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.activeElement.classList.contains('status-step'));
    const edges = await page.locator('[data-edge]').evaluateAll((all) => all.map(({ textContent }) => textContent));
    assert.ok(edges.some((text) => /^From .+ to Enter it in SAP, yes$/.test(text)), edges.join('; '));
    assert.ok(edges.every((text) => !text.includes(' to  to ')), edges.join('; '));
  });

  test('Talk that is opened by key is entered, in the field to write', async () => {
    const page = await stage.page(['clara', 'oskar']);
    const talk = pane(page, 'clara').locator('[data-panel="talk"]');
    await talk.focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement.ariaLabel === 'Message');
  });

  test('others are seen where they are: their selection, the field they are at, their pointer', async () => {
    const [page, other] = [await stage.page('clara'), await stage.page('oskar')];
    await card(other, 'ask').click();
    await other.getByLabel('owner', { exact: true }).focus();
    await card(page, 'ask').filter({ hasText: 'Oskar' }).filter({ hasText: 'owner' }).waitFor();
    await card(other, 'book').hover();
    await page.locator(`[data-cursor="${cast.oskar.id}"]`).waitFor({ state: 'attached' });
  });

  test('only legal steps are offered, and another one is refused with code, words and what is legal', async () => {
    const page = await stage.page('oskar');
    await page.locator('[data-status="build_in_progress"]').waitFor();
    const steps = page.locator('.status-step');
    await steps.first().waitFor();
    assert.deepEqual((await steps.allInnerTexts()).map((text) => text.replace(/\W+$/, '')), ['Block', 'Abandon']);
    await page.locator('.status-force summary').click();
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    const refusal = page.locator('[data-refused="live"]');
    await refusal.waitFor();
    assert.equal(await refusal.getAttribute('data-code'), 'invalid_transition');
    assert.match(await refusal.innerText(), /cannot go from Build in Progress to Live[^]*Allowed next\s+Blocked, Archived/);
  });

  test('where the status forbids it nothing can be edited, and what was under way is kept until it is given up', async () => {
    const page = await stage.page('bruno');
    await card(page, 'ask').click();
    await stage.chaos({ do: 'offline', pane: 'bruno', on: true });
    await page.getByLabel('Label', { exact: true }).fill('Ask nobody');
    await page.locator('[data-save="offline"]').waitFor();
    const olga = await stage.page('olga', 'inspector');
    const step = (what) => olga.evaluate(([method, id]) => window.wrk.olga.call(method, { id, reason: 'a test' }), [`automation_version.${what}`, version]);
    await step('block');
    try {
      await stage.chaos({ do: 'offline', pane: 'bruno', on: false });
      await page.locator('[data-save="refused"]').waitFor({ timeout: 15000 });
      assert.ok(await card(page, 'ask').filter({ hasText: 'Ask nobody' }).isVisible());
      await page.getByRole('button', { name: 'Discard changes' }).click();
      await page.locator('[data-save="locked"]').waitFor();
      assert.ok(await card(page, 'ask').filter({ hasText: 'Ask the carrier' }).isVisible());
      assert.ok(await page.getByLabel('Label', { exact: true }).isDisabled());
      assert.equal(await page.getByRole('button', { name: 'Delete node' }).count(), 0);
    } finally {
      await step('unblock');
    }
  });

  test('the slider goes through the versions by key, differences are words, and a version can be brought back', async () => {
    await stage.sql.query(`UPDATE copilot.automation_versions
      SET blueprint_json = jsonb_set(blueprint_json #- '{nodes,7}', '{nodes,0,data,label}', '"Fax arrives"') #- '{edges,7}' WHERE id = '${version}'`);
    const page = await stage.page('clara', 'history');
    await page.locator('.node-diff', { hasText: 'changed' }).waitFor();
    assert.deepEqual((await page.locator('.react-flow__node .node-diff').allInnerTexts()).sort(), ['changed', 'removed']);
    const before = await page.locator('[data-history]').inputValue();
    await page.locator('[data-history]').focus();
    await page.keyboard.press('ArrowLeft');
    await card(page, 'mail').filter({ hasText: 'Mail with an invoice' }).waitFor();
    assert.equal(await page.locator('[data-history]').inputValue(), String(before - 1));
    assert.ok(await page.locator('[data-history]').evaluate((slider) => slider === document.activeElement));
    await page.getByRole('button', { name: /^Restore version/ }).click();
    await until('it is back', async () => (await stored('mail')).data.label === 'Mail with an invoice arrives' && (await stored('report')));
    await page.getByRole('button', { name: 'Undo my last edit' }).click();
    await until('it is undone', async () => (await stored('mail')).data.label === 'Fax arrives');
  });

  test('blame says who made a node what it is; one change is taken back unless the same was changed since', async () => {
    const page = await stage.page('oskar');
    await card(page, 'book').click();
    const edit = async (label) => {
      await page.getByLabel('Label', { exact: true }).fill(label);
      await until(label, async () => (await stored('book')).data.label === label);
    };
    await edit('Post it');
    await edit('Post it twice');
    await page.getByRole('link', { name: 'History' }).click();
    await page.locator('[data-history]').waitFor();
    await card(page, 'book').focus();
    await page.locator('[data-blame="book"]').filter({ hasText: /label\s*Post it twice\s*Oskar/ }).waitFor();
    const said = page.locator('.change-what');
    await said.nth(0).filter({ hasText: 'Renamed Post it to Post it twice' }).waitFor();
    await said.nth(1).filter({ hasText: 'Renamed Enter it in SAP to Post it' }).waitFor();
    await page.locator('.change-main').nth(1).click();
    await page.getByRole('button', { name: 'Revert this change' }).click();
    await page.locator('.revert-problem').filter({ hasText: 'would make it “Enter it in SAP”' }).waitFor();
    await page.locator('.change-main').nth(0).click();
    await page.getByRole('button', { name: 'Revert this change' }).click();
    await until('it is taken back', async () => (await stored('book')).data.label === 'Post it');
  });

  test('the light is green for a log that is whole, red with the place for one that is not, and for who may read it', async () => {
    await stage.sql.query('SELECT wrk.seal()');
    const page = await stage.page('olga', 'history');
    await page.getByRole('button', { name: 'Audit log' }).click();
    await page.locator('[data-seal="good"]').waitFor();
    assert.match(await page.locator('[data-seal]').innerText(), /Verified\s+\d+ entr(y|ies) in \d+ seals? intact/);
    await page.locator('[data-audit]').first().waitFor();
    const [{ id }] = await stage.sql.rows(`SELECT min(id) AS id FROM wrk.audit_log WHERE tenant_id = '${cast.olga.tenant.id}'`);
    await stage.sql.query(`ALTER TABLE wrk.audit_log DISABLE TRIGGER USER; UPDATE wrk.audit_log SET action = 'forged' WHERE id = ${id};
      ALTER TABLE wrk.audit_log ENABLE TRIGGER USER`);
    await page.getByRole('button', { name: 'Verify again' }).click();
    await page.locator('[data-seal="bad"]').filter({ hasText: `Tampered with: changed` }).filter({ hasText: `at entry ${id}` }).waitFor();
    const other = await stage.page('clara', 'history');
    await pane(other, 'clara').getByRole('button', { name: 'Versions' }).waitFor();
    await pane(other, 'clara').getByRole('button', { name: 'Audit log' }).waitFor({ state: 'detached' });
  });

  test('the log is filtered by names, and says in words what was refused; raw data only to who opens it', async () => {
    const clara = await stage.page('clara', 'inspector');
    await clara.evaluate(() => window.wrk.clara.call('audit.list').catch(() => {}));
    const page = await stage.page('olga', 'history');
    await page.getByRole('button', { name: 'Audit log' }).click();
    await page.getByRole('search').getByLabel('Activity').selectOption({ label: 'Refused calls' });
    await page.getByRole('search').getByLabel('Person').selectOption({ label: 'Clara' });
    const row = page.locator('[data-audit]').filter({ hasText: 'Refused: a client cannot read the audit log' }).first();
    await row.waitFor();
    const only = (cell, word) =>
      page.waitForFunction(([n, wanted]) => [...document.querySelectorAll(`.audit-row td:nth-child(${n})`)].every(({ textContent }) => textContent.includes(wanted)), [cell, word]);
    await only(3, 'Clara');
    await only(4, 'Refused');
    await row.getByRole('button').click();
    const raw = page.getByText('"code"');
    assert.equal(await raw.isVisible(), false);
    await page.getByText('Raw data', { exact: true }).click();
    await raw.waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.getByRole('search').getByLabel('Record').selectOption({ label: 'Freight invoices' });
    await only(4, 'Project');
    assert.ok((await page.locator('[data-audit]').count()) > 0);
  });
});
