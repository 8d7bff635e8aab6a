import { afterAll } from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { describeWithTool, findProgram } from './needed.tool.js';
import { patience } from './patience.js';

/** As the distributions call it; a user's own Chrome does as well. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const executablePath = NAMES.flatMap((name) => findProgram(name) ?? [])[0];

/** No request of its own: what a test sees on the network is what the page asked for. */
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const running = new Set<Browser>();

afterAll(async () => {
  await Promise.all([...running].map((browser) => browser.close()));
});

/** A suite that needs Chromium, see `describeWithTool`. */
export function describeWithChromium(name: string, suite: () => void): void {
  const tool = {
    name: 'chromium',
    isFound: executablePath !== undefined,
    remedy: 'apt-get install chromium, or Chrome',
  };
  describeWithTool(tool, name, suite);
}

/**
 * A headless Chromium with a profile of its own, closed when the tests of the file are done.
 *
 * @param args further flags, such as `--host-resolver-rules=MAP evil.test 127.0.0.1`.
 */
export async function launchChromium(...args: readonly string[]): Promise<Browser> {
  if (executablePath === undefined) {
    throw new Error(`chromium not found: none of ${NAMES.join(', ')} is in PATH`);
  }
  const browser = await chromium.launch({
    executablePath,
    args: [...QUIET, ...args],
    // Its sandbox refuses to run as root, as which CI runs.
    chromiumSandbox: false,
    timeout: patience(60_000),
  });
  running.add(browser);
  browser.once('disconnected', () => running.delete(browser));
  return browser;
}

/** A page that waits for as long as the machine needs, as do those that it opens. */
export async function openPage(from: Browser | BrowserContext): Promise<Page> {
  const page = await from.newPage();
  page.context().setDefaultTimeout(patience(30_000));
  return page;
}
