import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, describe } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';

/** As the distributions call it; a user's own Chrome does as well. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const executablePath = findInPath(NAMES);

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

/**
 * A suite that needs Chromium. A newcomer without it sees the suite skipped, and why. In CI its tests run and fail: what
 * was not tested there must not pass.
 */
export function describeWithChromium(name: string, suite: () => void): void {
  if (executablePath !== undefined || process.env.CI === 'true') {
    describe(name, suite);
  } else {
    describe.skip(`${name} (skipped: chromium not found)`, suite);
    // Jest keeps quiet about a file of which all is skipped.
    process.stderr.write(`${name}\n  ○ skipped: chromium not found (apt-get install chromium, or Chrome)\n`);
  }
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
  });
  running.add(browser);
  browser.once('disconnected', () => running.delete(browser));
  return browser;
}

function findInPath(names: readonly string[]): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return names
    .flatMap((name) => directories.map((directory) => join(directory, name)))
    .find((file) => existsSync(file));
}
