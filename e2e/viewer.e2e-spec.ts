import { beforeAll, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import type { Browser } from 'playwright-core';
import { describeWithChromium, launchChromium, openPage } from './support/chromium.browser.js';
import { openInDevTools } from './support/devtools.page.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { served } from './support/http.request.js';

// What people look at: the flame graph viewer that is served here, and the tools that V8's own formats are for.

describeWithChromium('in a browser', () => {
  let browser: Browser;
  let origin: string;

  beforeAll(async () => {
    const app = startFixture('http', { heapSnapshot: true }, { args: ['express'] });
    origin = await profilerOf(app);
    await app.call('startBurning');
    browser = await launchChromium();
  });

  const file = async (name: string, path: string) => ({
    name,
    body: (await served(`${origin}/debug/pprof/${path}`)).body,
  });

  const LINKS = [
    { link: 'ui/#profileURL=..%2Fprofile%3Fseconds%3D5&view=left-heavy', shows: /crunchNumbers \(/ },
    {
      link: 'ui/#profileURL=..%2Fprofile%3Fseconds%3D5%26format%3Dcpuprofile&view=time-ordered',
      shows: /crunchNumbers/,
    },
    { link: 'ui/#profileURL=..%2Fheap&view=left-heavy', shows: /./ },
  ];

  it.each(rowsOf('leads to a flame graph', LINKS, ({ link }) => !link.includes('cpuprofile')))(
    'the link $link of the index leads to a flame graph',
    async ({ link, shows }) => {
      const page = await openPage(browser);
      const asked: string[] = [];
      const problems: string[] = [];
      page.on('request', (each) => asked.push(each.url()));
      page.on('requestfailed', (each) => {
        // The index asks for its figures over and over, also when it is left.
        if (!each.url().endsWith('/debug/vars')) {
          problems.push(`${each.url()}: ${each.failure()?.errorText}`);
        }
      });
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(`${origin}/debug/pprof/`);
      await page.locator(`a[href="${link}"]`).click();
      // The flame graph is a picture; this view has the same functions as text.
      await page.getByText('Sandwich').click();
      await page.locator('table').getByText(shows).first().waitFor();
      expect(problems).toEqual([]);
      expect(asked.filter((url) => new URL(url).origin !== origin && !/^(data|blob):/.test(url))).toEqual([]);
      expect(asked).toContainEqual(expect.stringContaining('/debug/pprof/ui/speedscope-'));
      await page.close();
    },
  );

  it('the viewer runs no script from elsewhere, whatever its address says', async () => {
    const page = await openPage(browser);
    await page.goto(`${origin}/debug/pprof/ui/#profileURL=http%3A%2F%2F127.0.0.1%3A1%2Fx`);
    await page.getByText('Something went wrong').waitFor();
    // As a text: its names are those of the page.
    const refused = page.evaluate(`new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
      document.body.append(Object.assign(document.createElement('script'), { src: 'http://127.0.0.1:1/x.js' }));
    })`);
    expect(await refused).toBe('script-src-elem');
    await page.close();
  });

  it('Chrome DevTools opens a .cpuprofile', async () => {
    const page = await openInDevTools(
      browser,
      'Performance',
      await file('a.cpuprofile', 'profile?seconds=1&format=cpuprofile'),
    );
    // Of the time that it has counted up; the flame chart itself is a picture.
    await page.getByText('Scripting', { exact: true }).first().waitFor();
    await page.close();
  });

  itExhaustive('Chrome DevTools opens a trace', async () => {
    const page = await openInDevTools(browser, 'Performance', await file('trace.json', 'trace?seconds=1'));
    // Only of a trace that was read; an error dialog has none.
    await page.getByRole('tab', { name: 'Event log' }).waitFor();
    await page.close();
  });

  itExhaustive('Chrome DevTools opens a .heapprofile', async () => {
    const page = await openInDevTools(
      browser,
      'Memory',
      await file('heap.heapprofile', 'heap?format=heapprofile'),
    );
    await page.getByText('Sampling profiles', { exact: true }).waitFor();
    await page.getByText('Loaded').first().waitFor();
    await page.close();
  });

  itExhaustive('Chrome DevTools opens a heap snapshot', async () => {
    const page = await openInDevTools(browser, 'Memory', await file('whole.heapsnapshot', 'heapsnapshot'));
    await page.getByText('Heap snapshots', { exact: true }).waitFor();
    // Its size is told when all of it has been read.
    await page
      .getByText(/[\d.]+\sMB/)
      .first()
      .waitFor();
    await page.close();
  });
});
