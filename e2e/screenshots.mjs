// Makes the pictures of the README from the running example: `node e2e/screenshots.mjs`, after `npm run build`. They go to
// docs/images, each some ten kilobytes. It needs Chromium, as the tests do. Paths are in the pictures: run it in a checkout
// at /app.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { chromium } from 'playwright-core';

const IMAGES = fileURLToPath(new URL('../docs/images', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../apps/example/dist/main.js', import.meta.url));

/** Long enough for the charts to have something to show. */
const WARM_UP_MILLIS = 40_000;

const executablePath = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name)))
  .find((file) => existsSync(file));

const env = {
  ...process.env,
  NO_COLOR: '1',
  HOST: '127.0.0.1',
  PORT: '0',
  GLOBAL_PREFIX: '',
  PPROF_ENABLED: 'true',
  PPROF_HOST: '127.0.0.1',
  PPROF_PORT: '0',
  PPROF_OOM_DIRECTORY: '',
};
const example = spawn(process.execPath, [EXAMPLE], { env, stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({ executablePath, chromiumSandbox: false });
try {
  const { application, profiler } = await addressesOf(example);
  const load = autocannon({ url: `${application}/reports/sales`, connections: 4, duration: 3600 });
  load.on('error', () => undefined);
  const index = `${profiler}/debug/pprof/`;
  await mkdir(IMAGES, { recursive: true });

  const page = await browser.newPage({ viewport: { width: 900, height: 640 } });
  await page.goto(index);
  await page.waitForTimeout(WARM_UP_MILLIS);
  await page.emulateMedia({ colorScheme: 'light' });
  await shoot(page, 'page-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'page-dark');

  // In the same page: one in the background asks nothing.
  await page.goto(`${index}ui/#profileURL=..%2Fprofile%3Fseconds%3D5&view=left-heavy`);
  await page.getByText('Sandwich').waitFor({ timeout: 120_000 });
  await page.waitForTimeout(3000);
  // The framework's frames come first: on to those of the application.
  await page.mouse.move(400, 400);
  await page.mouse.wheel(0, 2000);
  await page.waitForTimeout(1000);
  await shoot(page, 'flame-graph');

  load.stop();
  fetch(`${application}/faults/block?kind=loop&ms=600000`, { method: 'POST' }).catch(() => undefined);
  const stuck = await browser.newPage({ viewport: { width: 900, height: 460 } });
  await stuck.goto(index);
  await stuck.locator('#stuck-where', { hasText: 'spinInLoop' }).waitFor({ timeout: 60_000 });
  await shoot(stuck, 'page-stuck');
} finally {
  await browser.close();
  example.kill('SIGKILL');
}

async function shoot(page, name) {
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  console.log(`docs/images/${name}.png`);
}

async function addressesOf(child) {
  const found = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [, profiler] = /Profiling server listening on (http:\/\/[\w.:[\]-]+)\//.exec(line) ?? [];
    const [, application] = /Example listening on (http:\/\/[\w.:[\]-]+)/.exec(line) ?? [];
    Object.assign(found, profiler && { profiler }, application && { application });
    if (found.profiler && found.application) {
      child.stdout.resume();
      return found;
    }
  }
  const [code] = await once(child, 'exit');
  throw new Error(`the example has ended (${code}) before it listened`);
}
