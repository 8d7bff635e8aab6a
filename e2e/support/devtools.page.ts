import type { Browser, Page } from 'playwright-core';
import { openPage } from './chromium.browser.js';

/** Chrome DevTools, which Chromium also shows as a page, with a file opened in one of its panels. */
export async function openInDevTools(
  browser: Browser,
  panel: 'Performance' | 'Memory',
  file: { readonly name: string; readonly body: Buffer },
): Promise<Page> {
  const page = await openPage(browser);
  await page.goto('devtools://devtools/bundled/devtools_app.html');
  await page.getByRole('tab', { name: panel, exact: true }).click();
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page
      .getByRole('button', { name: /^Load (trace|profile)/ })
      .first()
      .click(),
  ]);
  await chooser.setFiles({ name: file.name, mimeType: 'application/octet-stream', buffer: file.body });
  return page;
}
