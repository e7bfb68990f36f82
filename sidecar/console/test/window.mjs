// What the tests of the page's layout do in its windows.
import { pane } from './stage.mjs';

/** Nothing in sight is still being read. */
export const settled = (page) =>
  page.waitForFunction(() => ![...document.querySelectorAll('.waiting')].some((one) => one.offsetWidth > 0), null, { timeout: 30000 });

/** Gives what opens a page and waits until it is settled. */
export const opener = (stage) => async (people, view = 'project', options = {}) => {
  const page = await stage.page(people, view, options);
  await settled(page);
  return page;
};

/** What has been changed is drawn. */
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));

/** Brings a person's pane to the front where only one has room. */
export async function front(page, name) {
  const choice = page.getByRole('group', { name: 'Person in front' }).getByRole('button', { name });
  if (await choice.count()) await choice.click();
}

export const panel = (page, person, name) => pane(page, person).getByRole('button', { name, exact: true });
export const card = (page, person, id) => pane(page, person).locator(`.react-flow__node[data-id="${id}"]`);
export const viewOf = (page) => page.locator('.react-flow__viewport').first().evaluate(({ style }) => style.transform);

/** What sticks out of the window to the right, or scrolls sideways, but for a canvas and what is code or a table. */
export const beyond = (page) =>
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
