// The page as people use it: they talk, tick tasks off, take steps, look back, and are refused what is not theirs.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Stage, cast, northwind, pane, until } from './stage.mjs';

const WIDE = { width: 2000, height: 1000 }; // room for the list and the talk
const { clara, oskar, bruno } = cast;

describe('the page in use', { timeout: 900000 }, () => {
  const stage = new Stage('console_use', { receipts: true });

  before(() => stage.open());
  afterEach(() => stage.clear());
  after(() => stage.close());

  const open = (people, view = 'project') => stage.page(people, view, WIDE);
  const tab = (page, person, name) => pane(page, person).locator(`[data-tab="${name}"]`).click();
  const message = (page, person, text) => pane(page, person).locator('[data-message]').filter({ hasText: text });
  // Does something again and again until it is seen: what is ephemeral is not kept for who comes later.
  const seenWhile = async (seen, act) => {
    const end = { isOver: false };
    const waiting = seen.waitFor().finally(() => (end.isOver = true));
    waiting.catch(() => {}); // told below
    for (let i = 0; !end.isOver; i++) {
      await act(i);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await waiting;
  };
  const write = async (page, person, text) => {
    const field = pane(page, person).getByRole('textbox', { name: 'Message' });
    await field.fill(text);
    await field.press('Enter');
  };

  test('a message is sent, delivered and read, in that order and without a reload', async () => {
    const [his, hers] = [await open('oskar'), await open('clara')];
    await hers.evaluate(() => {
      window.states = [];
      new MutationObserver(() => {
        const state = [...document.querySelectorAll('[data-message]')].find((one) => one.textContent.includes('On Monday?'))?.dataset.state;
        if (state && state !== window.states.at(-1)) window.states.push(state);
      }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
    });
    await write(hers, 'clara', 'On Monday?');
    await message(his, 'oskar', 'On Monday?').waitFor();
    await hers.waitForFunction(() => window.states.at(-1) === 'read', null, { timeout: 15000 });
    const order = ['sending', 'sent', 'delivered', 'read'];
    const states = await hers.evaluate(() => window.states);
    assert.deepEqual(states, order.filter((state) => states.includes(state)));
  });

  test('a text that is too long is not cut: it is said how long it is, and it cannot be sent', async () => {
    const page = await open('clara');
    const here = pane(page, 'clara');
    const field = here.getByRole('textbox', { name: 'Message' });
    await field.fill('x'.repeat(21004));
    await here.getByText('20,000 characters at most, this has 21,004').waitFor();
    assert.equal((await field.inputValue()).length, 21004);
    assert.ok(await here.getByRole('button', { name: 'Send', exact: true }).isDisabled());
    await field.fill('x'.repeat(20000));
    assert.ok(await here.getByRole('button', { name: 'Send', exact: true }).isEnabled());
    await field.fill('');
  });

  test('who types is seen to, and an internal note reaches no client', async () => {
    const [his, hers] = [await open('oskar'), await open('clara')];
    for (const [page, person] of [[his, 'oskar'], [hers, 'clara']]) await message(page, person, 'more PDFs').waitFor();
    const field = pane(his, 'oskar').getByRole('textbox', { name: 'Message' });
    await seenWhile(pane(hers, 'clara').getByText('Oskar is typing').first(), () => field.press('x'));
    await pane(his, 'oskar').locator('label[data-kind="internal_note"]').click();
    await write(his, 'oskar', 'They pay late.');
    await pane(his, 'oskar').locator('label[data-kind="client"]').click();
    await write(his, 'oskar', 'See you on Monday.');
    await message(hers, 'clara', 'See you on Monday.').waitFor();
    assert.equal(await message(hers, 'clara', 'They pay late.').count(), 0);
    assert.equal(await message(his, 'oskar', 'They pay late.').getAttribute('data-kind'), 'internal_note');
  });

  test('a task that is ticked off is so at once, and with the others', async () => {
    const [his, hers] = [await open('oskar'), await open('clara')];
    for (const [page, person] of [[his, 'oskar'], [hers, 'clara']]) await tab(page, person, 'tasks');
    await stage.chaos({ do: 'delay', pane: 'oskar', ms: 1000 });
    const task = (page, person) => pane(page, person).locator('[data-task]').filter({ hasText: 'Service account for SAP' });
    await task(hers, 'clara').waitFor();
    await task(his, 'oskar').getByRole('checkbox').click();
    assert.equal(await task(his, 'oskar').getAttribute('data-status'), 'done');
    assert.equal(await stage.sql.query(`SELECT status FROM copilot.tasks WHERE title = 'Service account for SAP'`), 'open');
    await hers.locator('[data-task][data-status="done"]').filter({ hasText: 'Service account for SAP' }).waitFor();
  });

  test('a task that the database refuses is taken back alone, and its words are shown', async () => {
    const page = await open('clara');
    await tab(page, 'clara', 'tasks');
    const task = pane(page, 'clara').locator('[data-task]').filter({ hasText: 'Rate table as CSV' });
    await task.getByRole('checkbox').waitFor();
    // what the page cannot know: it was given to somebody else a moment ago
    await stage.chaos({ do: 'delay', pane: 'clara', ms: 1000 });
    const give = (person) => stage.sql.query(`UPDATE copilot.tasks SET assignee_id = '${person.id}' WHERE title = 'Rate table as CSV'`);
    await give(oskar);
    await task.getByRole('checkbox').click();
    await task.getByRole('alert').filter({ hasText: 'The task was not changed. You do not have permission' }).waitFor();
    assert.equal(await task.getAttribute('data-status'), 'open');
    await give(clara);
  });

  test('a notification names the version that it is about, and opens it, at the comment that it was for', async () => {
    const page = await open('olga');
    const tell = (kind, title, payload, type, id) =>
      stage.sql.query(`SELECT copilot.notify('${northwind.id}', '${cast.olga.id}', '${kind}', '${title}', '${JSON.stringify(payload)}', '${type}', '${id}')`);
    const id = '00000000-0000-4000-8000-000000000098';
    await stage.sql.query(`INSERT INTO copilot.messages (tenant_id, id, automation_version_id, author_id, type, body)
      VALUES ('${northwind.id}', '${id}', '${northwind.revision}', '${oskar.id}', 'client', 'What is version 2 for?')`);
    await tell('mention', 'Oskar mentioned you', { automation_version_id: northwind.revision }, 'message', id);
    await tell('change', 'Freight invoice intake is live', {}, 'automation_version', northwind.version);
    await tab(page, 'olga', 'news');
    const news = (text) => pane(page, 'olga').locator('[data-notification]').filter({ hasText: text });
    await news('mentioned you').getByRole('button', { name: 'Go to comment in Freight invoice intake, version 2' }).click();
    const chosen = pane(page, 'olga').locator('.document-chooser select');
    await until('it is open', async () => (await chosen.inputValue()) === northwind.revision);
    await message(page, 'olga', 'What is version 2 for?').and(page.locator('[data-target]')).waitFor();
    await tab(page, 'olga', 'news');
    await news('is live').getByRole('button', { name: 'Open Freight invoice intake, version 1' }).click();
    await news('is live').filter({ hasText: 'version 1' }).waitFor();
    assert.equal(await chosen.inputValue(), northwind.version);
  });

  test('a client is offered of tasks what she may do: her own to tick off, of others nothing', async () => {
    const [hers, his] = [await open('clara'), await open('oskar')];
    for (const [page, person] of [[hers, 'clara'], [his, 'oskar']]) await tab(page, person, 'tasks');
    const task = (page, person, title) => pane(page, person).locator('[data-task]').filter({ hasText: title });
    const others = task(hers, 'clara', 'Test with the invoices of March');
    await task(hers, 'clara', 'Rate table as CSV').getByRole('combobox').waitFor();
    assert.ok(await task(hers, 'clara', 'Rate table as CSV').getByRole('checkbox').isEnabled());
    assert.ok(await others.getByRole('checkbox').isDisabled());
    assert.deepEqual([await others.getByRole('button').count(), await others.getByRole('combobox').count()], [0, 0]);
    assert.ok(await others.getByText('Assigned to Quinn').count());
    assert.equal(await pane(hers, 'clara').getByRole('textbox', { name: 'New task' }).count(), 0);
    await pane(his, 'oskar').getByRole('textbox', { name: 'New task' }).waitFor();
    assert.ok(await task(his, 'oskar', 'Test with the invoices of March').getByRole('checkbox').isEnabled());
  });

  test('who wrote and is not here has a name all the same, also somebody who came since', async () => {
    const page = await open('oskar');
    await message(page, 'oskar', 'invoices of March').locator('.talk-author').filter({ hasText: 'Quinn' }).waitFor();
    const id = '00000000-0000-4000-8000-000000000099';
    await stage.sql.query(`INSERT INTO copilot.users (id, email, name) VALUES ('${id}', 'nadia@wrk.example', 'Nadia');
      INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES ('${northwind.id}', '${id}');
      INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body) VALUES ('${northwind.id}', '${northwind.project}', '${id}', 'client', 'I am new here.')`);
    await message(page, 'oskar', 'I am new here.').locator('.talk-author').filter({ hasText: 'Nadia' }).waitFor();
    assert.equal(await pane(page, 'oskar').getByText(/Someone|Somebody/).count(), 0);
  });

  test('a step that is not legal is refused by the database, which says what would be', async () => {
    const page = await open('oskar');
    const chip = pane(page, 'oskar').locator('.status-chip[data-status]').first();
    assert.equal(await chip.getAttribute('data-status'), 'build_in_progress');
    await pane(page, 'oskar').getByText('Other statuses').click();
    await pane(page, 'oskar').getByRole('button', { name: 'Live', exact: true }).click();
    const refusal = pane(page, 'oskar').locator('[data-refused="live"]');
    await refusal.waitFor();
    assert.equal(await refusal.getAttribute('data-code'), 'invalid_transition');
    assert.equal(await chip.getAttribute('data-status'), 'build_in_progress');
    assert.equal(await stage.sql.query(`SELECT status FROM copilot.automation_versions WHERE id = '${oskar.version}'`), 'build_in_progress');
  });

  test('a pointer of somebody else is seen on the canvas', async () => {
    const [his, hers] = [await open('bruno'), await open('clara')];
    const card = pane(his, 'bruno').locator('.react-flow__node[data-id="match"]');
    await pane(hers, 'clara').locator('.react-flow__node[data-id="match"]').waitFor();
    const { x, y } = await card.boundingBox();
    const cursor = pane(hers, 'clara').locator(`[data-cursor="${bruno.id}"]`);
    await seenWhile(cursor, (i) => his.mouse.move(x + 20 + (i % 20), y + 10));
  });

  test('what somebody else changes takes no focus and no letters from who types', async () => {
    const [his, hers] = [await open('bruno'), await open('clara')];
    await pane(his, 'bruno').locator('.react-flow__node[data-id="ask"]').click();
    const field = pane(his, 'bruno').getByRole('region', { name: /^Properties/ }).getByLabel('note', { exact: true });
    await field.click();
    await field.press('End');
    await field.pressSequentially(', or');
    await pane(hers, 'clara').locator('.react-flow__node[data-id="ask"]').click();
    await pane(hers, 'clara').getByRole('region', { name: /^Properties/ }).getByLabel('Label', { exact: true }).fill('Call the carrier');
    await pane(his, 'bruno').locator('.react-flow__node[data-id="ask"]').filter({ hasText: 'Call the carrier' }).waitFor();
    await his.keyboard.type(' call');
    assert.equal(await field.inputValue(), 'Template C-12, or call');
    assert.ok(await field.evaluate((element) => element === document.activeElement));
  });

  test('a node is found, moved and renamed by keys alone', async () => {
    const page = await open('bruno');
    const row = pane(page, 'bruno').locator('.list-row[data-node="wait"]');
    await pane(page, 'bruno').locator('.list-row[data-node="mail"]').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    for (let i = 0; i < 20 && !(await row.evaluate((element) => element === document.activeElement)); i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Alt+ArrowRight');
    await page.keyboard.press('Enter');
    await pane(page, 'bruno').getByRole('region', { name: /^Properties: Wait/ }).waitFor();
    await pane(page, 'bruno').locator('[data-save="saved"]').waitFor();
    const { document } = await stage.stored('bruno');
    assert.equal(document.nodes.find(({ id }) => id === 'wait').position.x, 1340);
  });

  test('the other company\'s things: everything is tried, everything is refused, nothing is learnt', async () => {
    const page = await stage.page('bea', 'isolation', WIDE);
    await page.getByRole('button', { name: 'Run all' }).click();
    await page.locator('.isolation-verdict').waitFor();
    await page.waitForFunction(() => !document.querySelector('[data-attempt][data-outcome="untried"]'), null, { timeout: 60000 });
    const outcomes = await page.locator('[data-attempt]').evaluateAll((rows) => rows.map(({ dataset }) => `${dataset.attempt}: ${dataset.outcome}`));
    await stage.picture(page, 'isolation-tried');
    assert.ok(outcomes.length >= 10, outcomes.join('\n'));
    assert.deepEqual(outcomes.filter((line) => !/: (refused|empty)$/.test(line)), []);
    assert.equal(await page.locator('.isolation-verdict').getAttribute('data-tone'), 'good');
  });

  test('the history goes back to what a version was, and the audit log is whole', async () => {
    const page = await stage.page('olga', 'history', WIDE);
    const label = `UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,data,label}', '"Later"') WHERE id = '${clara.version}'`;
    await stage.sql.query(label);
    const slider = page.locator('input[data-history]');
    await page.waitForFunction(() => Number(document.querySelector('input[data-history]')?.max) > 1);
    const card = page.locator('.react-flow__node[data-id="mail"]');
    await slider.focus();
    await page.keyboard.press('End');
    await card.filter({ hasText: 'Later' }).waitFor();
    await page.keyboard.press('Home');
    await card.filter({ hasText: 'Mail with an invoice arrives' }).waitFor();
    await stage.picture(page, 'history-back');
    await page.getByRole('button', { name: 'Audit log' }).click();
    await page.locator('[data-seal="good"]').waitFor();
    await page.locator('[data-audit]').first().waitFor();
    await stage.picture(page, 'audit');
  });

  test('the inspector shows frames both ways, and what the gateway counts', async () => {
    const page = await stage.page('clara', 'inspector', WIDE);
    await page.waitForFunction((name) => window.wrk.clara.channel(name).state === 'subscribed', `project:${northwind.project}`);
    await stage.sql.query(`UPDATE copilot.tasks SET priority = 'high' WHERE tenant_id = '${northwind.id}' AND title = 'Rate table as CSV'`);
    await page.locator('[data-frame][data-direction="in"][data-type="task.updated"]').waitFor();
    await page.evaluate(() => window.wrk.clara.ping());
    await page.locator('[data-frame][data-direction="out"][data-type="ping"]').first().waitFor();
    await page.getByText('Gateway', { exact: true }).click();
    await page.waitForTimeout(2500);
    await stage.picture(page, 'inspector-gateway');
  });
});
