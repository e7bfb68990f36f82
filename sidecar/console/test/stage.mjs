// Where the page's tests play: the world of the end-to-end tests, the demo's server before it, Debian's Chromium. What
// a page complains of in its console fails the test that ends it.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';

import { chromium } from 'playwright-core';

import { cast, setScene } from '../../../tools/demo_scene.mjs';
import { DemoServer } from '../../../tools/demo_server.mjs';
import { top, until } from '../../../tools/lab.mjs';
import { World } from '../../test/e2e.mjs';
import { kit } from './kit.mjs';

export { cast, until };
export { northwind, helios } from '../../test/e2e.mjs';

const pictures = path.join(top, 'tmp/check/console');
// what Chromium says of connections that a test has broken, and of a refusal that it has asked for
const EXPECTED = /Failed to load resource|WebSocket connection to|net::ERR_|ERR_CONNECTION|\[getToken\]/;

// For the tests of a describe(): the stage is there, and each begins with the blueprint as it was.
export function stand(stage) {
  let original;
  before(async () => {
    await stage.open();
    original = (await stage.stored('clara')).document;
  });
  beforeEach(() => stage.sql.query(`UPDATE copilot.automation_versions SET blueprint_json = '${JSON.stringify(original)}' WHERE id = '${cast.clara.version}'`));
  afterEach(() => stage.clear());
  after(() => stage.close());
}

export class Stage {
  #contexts = [];

  // panes: names of ways through the relay, beside those of the people
  constructor(name, { options = {}, panes, ...world } = {}) {
    this.panes = panes;
    const static_dir = path.join(top, 'sidecar/console/dist');
    this.world = new World(name, { ...world, options: { static_dir, ...options } });
  }

  async open() {
    await this.world.open();
    this.sql = this.world.sql;
    await setScene(this.sql);
    const { lab, gateway } = this.world;
    this.server = await new DemoServer({ lab, gateway, people: cast, panes: this.panes }).start();
    this.kit = await kit();
    this.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' });
    return this;
  }

  async close() {
    await this.browser?.close();
    await this.server?.close();
    await this.world.close();
  }

  // Another browser, with nothing of the others'.
  async context(options) {
    const context = await this.browser.newContext(options);
    await context.addInitScript(this.kit);
    this.#contexts.push(context);
    return context;
  }

  // A page of another browser, or of the context given, open at these people and this view.
  async page(people, view = 'project', { theme = 'light', context: shared, width = 1440, height = 900, motion = 'reduce' } = {}) {
    const context = shared ?? (await this.context({ viewport: { width, height }, colorScheme: theme, reducedMotion: motion }));
    const page = await context.newPage();
    page.complaints = [];
    page.on('pageerror', (error) => page.complaints.push(error.stack));
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) page.complaints.push(message.text());
    });
    await page.goto(`${this.server.url}#people=${[people].flat().join()}&view=${view}`);
    for (const person of [people].flat()) await connected(page, person);
    return page;
  }

  // Ends all pages; nothing may have gone wrong in them.
  async clear() {
    const complaints = [];
    for (const context of this.#contexts.splice(0)) {
      for (const page of context.pages()) complaints.push(...(page.complaints ?? []));
      await context.close();
    }
    await this.chaos({ do: 'heal' });
    assert.deepEqual(complaints, []);
  }

  async chaos(what) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${this.server.url}demo/chaos`, { method: 'POST', headers, body: JSON.stringify(what) });
    const said = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(said));
    return said;
  }

  async counts() {
    return (await fetch(`${this.server.url}demo/counts`)).json();
  }

  // the blueprint that a person's version has in the database
  async stored(person) {
    const [row] = await this.sql.rows(
      `SELECT blueprint_version AS version, blueprint_json AS document FROM copilot.automation_versions WHERE id = '${cast[person].version}'`,
    );
    return row;
  }

  async picture(page, name) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: path.join(pictures, `${name}.png`) });
  }
}

export const stateOf = (page, person) => page.evaluate((key) => window.wrk?.[key]?.state, person);

export function connected(page, person, states = ['connected', 'polling'], timeout = 30000) {
  return page.waitForFunction(([key, wanted]) => wanted.includes(window.wrk?.[key]?.state), [person, states], { timeout });
}

// the pane of a person
export const pane = (page, person) => page.locator(`[data-person="${person}"]`);

// What the chaos bar counts for a person, once probe() is content with it.
export async function tally(page, person, probe, timeout = 30000) {
  const read = () =>
    page.locator(`[data-tally="${person}"]`).evaluate(({ dataset: { expected, seen, missed, twice, hash } }) => ({
      ...Object.fromEntries(Object.entries({ expected, seen, missed, twice }).map(([name, value]) => [name, Number(value)])),
      hash,
    }));
  let last;
  await until(`the tally of ${person}`, async () => probe((last = await read())), { timeout, every: 50 }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
  return last;
}
