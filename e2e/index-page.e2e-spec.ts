import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { itExhaustive } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import type { AppProcess } from './support/app.process.js';
import { describeWithChromium, launchChromium, openPage } from './support/chromium.browser.js';
import { profilerOf, startFixture, whileBurning } from './support/fixture.app.js';
import { windowOf } from './support/patience.js';
import { temporaryDirectory } from './support/temporary.directory.js';
import { ThreadsApp } from './threads/threads.app.js';

// The page that people open on the tunnel, in a real browser.

/** https://github.com/dequelabs/axe-core: a script that looks for what keeps people with a disability out. */
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What a page has asked for and said, which must be nothing elsewhere and no complaint. */
function watch(page: Page): { readonly problems: string[]; readonly asked: string[] } {
  const watched = { problems: [] as string[], asked: [] as string[] };
  page.on('request', (request) => watched.asked.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      watched.problems.push(message.text());
    }
  });
  page.on('pageerror', (error) => watched.problems.push(error.message));
  return watched;
}

let launched: Promise<Browser> | undefined;

/** One for all tests. */
const browserOf = () => (launched ??= launchChromium());

describeWithChromium('the index page', () => {
  let browser: Browser;
  let app: AppProcess;
  let index: string;
  let page: Page;
  let watched: ReturnType<typeof watch>;

  beforeAll(async () => {
    // So that the sampler runs while there is a capture, and at no other time.
    app = startFixture('http', { keepWarm: 0 }, { args: ['express'] });
    index = `${(await profilerOf(app)).replace('127.0.0.1', 'localhost')}/debug/pprof/`;
    browser = await browserOf();
  });

  beforeEach(async () => {
    page = await openPage(await browser.newContext());
    watched = watch(page);
  });

  async function expectClean(): Promise<void> {
    const { origin } = new URL(index);
    const elsewhere = watched.asked.filter(
      (url) => !url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url),
    );
    expect([elsewhere, watched.problems]).toEqual([[], []]);
    await page.context().close();
  }

  /** Takes a capture of a second with a button of the form. */
  async function capture(button: string): Promise<void> {
    const rows = await page.locator('#capture-rows tr').count();
    await page.getByLabel('Seconds').fill('1');
    await page.getByRole('button', { name: button }).click();
    await page.locator('#capture-rows tr').nth(rows).waitFor();
  }

  /** What the viewer shows, as text, of the link. */
  async function flameGraphOf(link: ReturnType<Page['getByRole']>): Promise<Page> {
    const opened = page.context().waitForEvent('page');
    await link.click();
    const viewer = await opened;
    const ofViewer = watch(viewer);
    await viewer.getByText('Sandwich').click();
    expect(ofViewer.problems).toEqual([]);
    return viewer;
  }

  it('has figures that keep moving, and asks nobody else', async () => {
    await page.goto(index);
    // Not by a function of the page's, which its policy refuses.
    const cpu = page.locator('#figure-cpu', { hasText: /^\d+\.\d+ of [\d.]+ processors/ });
    const first = (await cpu.textContent())!;
    // An idle process may have the same figures again and again.
    await whileBurning(app, () => page.locator('#figure-cpu', { hasNotText: first }).waitFor());
    await page.locator('#chart-cpu path.line[d*="L"]').first().waitFor({ state: 'attached' });
    expect(await page.locator('#figure-heap').textContent()).toMatch(/^\d+ MB of \d+ MB$/);
    expect(await page.locator('#figure-delay').textContent()).toMatch(/^[\d.]+ ms$/);
    await expectClean();
  });

  it('shows the stacks of all threads on a click', async () => {
    await page.goto(index);
    await page.getByRole('button', { name: 'Show the stacks' }).click();
    await page.locator('#stacks', { hasText: 'thread main [' }).waitFor();
    await expectClean();
  });

  it('takes a capture with a progress bar, and shows it as a flame graph and as text', async () => {
    await page.goto(index);
    // Long enough for a slow browser to show it.
    await page.getByLabel('Seconds').fill(String(windowOf(3)));
    await whileBurning(app, async () => {
      await page.getByRole('button', { name: 'CPU' }).click();
      await page.locator('#progress-text', { hasText: /profile: \d+ s left/ }).waitFor();
      await page.locator('#capture-rows tr').waitFor();
    });
    expect(await page.locator('#progress').isVisible()).toBe(false);

    const viewer = await flameGraphOf(page.getByRole('link', { name: 'flame graph', exact: true }).last());
    await viewer
      .locator('table')
      .getByText(/crunchNumbers \(/)
      .first()
      .waitFor();
    await viewer.close();

    await page.locator('#capture-rows').getByRole('button', { name: 'text' }).click();
    await page.locator('#capture-text', { hasText: /flat%[^]*crunchNumbers/ }).waitFor();

    // It goes with the tab, and not before.
    await page.reload();
    await page.locator('#capture-rows tr').waitFor();
    const downloaded = page.waitForEvent('download');
    await page.getByRole('link', { name: 'save' }).click();
    expect((await downloaded).suggestedFilename()).toMatch(/^profile-.*\.pb\.gz$/);
    await expectClean();
  });

  it('cancels a capture, and the sampler stops', async () => {
    await page.goto(index);
    await page.getByLabel('Seconds').fill('60');
    await page.getByRole('button', { name: 'CPU' }).click();
    await app.until<boolean>('samplerRuns', (runs) => runs);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled.').waitFor();
    await app.until<boolean>('samplerRuns', (runs) => !runs);
    await expectClean();
  });

  it('says in words what is refused', async () => {
    await page.goto(index);
    await page.getByRole('textbox', { name: 'Threads' }).fill('9999');
    await page.getByLabel('Seconds').fill('1');
    await page.getByRole('button', { name: 'CPU' }).click();
    await page.locator('#capture-problem', { hasText: /profile: 404: .*no thread with this id/ }).waitFor();
    // The browser itself notes each answer that is an error.
    expect(watched.problems.filter((text) => !/404/.test(text))).toEqual([]);
    await page.context().close();
  });

  it('shows the difference of two captures, as what has grown and what has shrunk', async () => {
    await page.goto(index);
    await whileBurning(app, () => capture('CPU'));
    await capture('CPU');
    for (const box of await page.locator('#capture-rows input').all()) {
      await box.check();
    }
    await page.getByRole('button', { name: 'Compare two' }).click();
    const viewer = await flameGraphOf(page.getByRole('link', { name: 'flame graph of what has shrunk' }));
    await viewer
      .locator('table')
      .getByText(/crunchNumbers \(/)
      .first()
      .waitFor();
    await viewer.close();
    await expectClean();
  });

  itExhaustive(
    'shows the difference that a time has made to the heap, which speedscope itself refuses',
    async () => {
      await page.goto(index);
      const captured = capture('Heap').then(() => true);
      // Until then the heap does change.
      while (!(await Promise.race([captured, app.call('keepAnew').then(() => false)])));
      const link = page.locator('#capture-rows').getByRole('link', { name: 'flame graph' });
      // It is no link before the parts are known.
      await link.waitFor();
      const part = page.locator('#capture-rows select');
      // Where nothing has shrunk there is but one part, of all.
      if (await part.isVisible()) {
        await part.selectOption('what has shrunk');
      }
      const viewer = await flameGraphOf(link);
      // Of a file with two parts the viewer has another one, to choose from, which is not shown.
      // What has shrunk may be in functions of no file alone.
      await viewer.locator('table:visible td').first().waitFor();
      await viewer.close();
      await expectClean();
    },
  );

  it('has no serious finding of axe-core, light and dark, also with a capture', async () => {
    await page.goto(index);
    await capture('CPU');
    // Not as a script element, which its policy refuses.
    await page.evaluate(await readFile(AXE, 'utf8'));
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate<Array<{ id: string; impact: string }>>(
        `axe.run().then(({ violations }) => violations.map(({ id, impact }) => ({ id, impact })))`,
      );
      const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect({ colorScheme, serious }).toEqual({ colorScheme, serious: [] });
    }
    await page.context().close();
  });

  it('is no wider than a phone, and is used by keyboard', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(index);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.getByLabel('Seconds').fill('1');
    await page.getByRole('button', { name: 'CPU' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('#capture-rows tr').waitFor();
    // To where it can be opened.
    await page.locator('#captures :focus').waitFor();
    await expectClean();
  });

  it('without JavaScript has figures, links, and a form that takes a profile', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await openPage(context);
    // Where the main thread has told them at once, which on a busy machine it may not.
    do {
      await plain.goto(index);
    } while ((await plain.locator('#figure-heap').textContent()) === 'has not been told at once');
    expect(await plain.locator('#figure-heap').textContent()).toMatch(/^\d+ MB of \d+ MB$/);
    expect(await plain.locator('#captures').isVisible()).toBe(false);
    await plain.getByLabel('Seconds').fill('1');
    await whileBurning(app, async () => {
      await plain.getByRole('button', { name: 'CPU' }).click();
      await plain.getByText(/flat%[^]*crunchNumbers/).waitFor();
    });
    await plain.goBack();
    await plain.getByRole('link', { name: 'full goroutine stack dump' }).click();
    await plain.getByText(/thread main \[/).waitFor();
    await context.close();
  });
});

describeWithChromium('the index page of a service that is stuck', () => {
  it('says since when, and in which function, also when it goes on to another; with its script and without', async () => {
    const app = await ThreadsApp.start();
    const index = `${app.pprof.replace('127.0.0.1', 'localhost')}/`;
    const browser = await browserOf();
    const page = await openPage(await browser.newContext());
    const watched = watch(page);
    await page.goto(index);
    expect(await page.locator('#stuck').isVisible()).toBe(false);

    const file = join(await temporaryDirectory('stuck-'), 'go-on');
    await app.stickIn('spinUntilFile', file);
    const alert = page.getByRole('alert').filter({ hasText: 'The event loop has not turned since' });
    const isIn = (name: string) =>
      new RegExp(
        String.raw`since \d{4}-\d\d-\d\dT.*\(\d+ s\).*in (.*, called by )?${name} \(threads/fixtures/threads\.app\.mjs`,
      );
    await alert.filter({ hasText: isIn('spinUntilFile') }).waitFor();
    await writeFile(file, '');
    await alert.filter({ hasText: isIn('spinForever') }).waitFor();
    expect(watched.problems).toEqual([]);

    const plain = await openPage(await browser.newContext({ javaScriptEnabled: false }));
    await plain.goto(index);
    await plain.getByText('The event loop has not turned since').waitFor();
  });
});
