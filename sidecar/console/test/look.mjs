// For whoever works on the page: pictures of it, without a test.
//
//   node sidecar/console/test/look.mjs [VIEW ...]     tmp/check/console/look-VIEW-THEME.png
import { Stage } from './stage.mjs';

const views = process.argv.slice(2);
const stage = new Stage('look');
try {
  await stage.open();
  for (const view of views.length > 0 ? views : ['project', 'history', 'inspector', 'isolation'])
    for (const theme of ['light', 'dark']) {
      const page = await stage.page(['clara', 'oskar'], view, { theme });
      await page.getByRole('button', { name: 'Chaos' }).click();
      await page.waitForTimeout(1500);
      await stage.picture(page, `look-${view}-${theme}`);
      console.log(view, theme, page.complaints.splice(0));
      await stage.clear();
    }
} finally {
  await stage.close();
}
