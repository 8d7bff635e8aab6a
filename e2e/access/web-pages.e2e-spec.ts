import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserContext, Page } from 'playwright-core';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import type { AppProcess } from '../support/app.process.js';
import { describeWithChromium, launchChromium, openPage } from '../support/chromium.browser.js';
import { type Inside, profilerOf, startFixture } from '../support/fixture.app.js';
import { RecordingRelay } from '../support/recording.relay.js';
import { LOCAL_ATTACKS, READ_ATTEMPTS, WEB_ATTACKS } from '../support/web.attacks.js';

// What web pages can do to a profiler on the machine of the one who looks at them, in a real browser.

/** What differs in what the browser says of the request: of no origin, of one, navigating, sent ahead, without a referrer. */
const ESSENTIAL_ATTACKS = [
  'an image',
  'fetch with CORS',
  'fetch without CORS',
  'a beacon',
  'a form that posts',
  'a link without referrer',
  'speculation rules that prefetch',
  'speculation rules that prerender',
  'a new location, by a redirect',
];

/** A capture that would still run when the test looks for it. */
const CAPTURE = '/debug/pprof/profile?seconds=300';

describeWithChromium('a web page of another origin', () => {
  let context: BrowserContext;
  let app: AppProcess;
  /** In front of the profiler, as a tunnel is: what has come there was sent, and not kept back by the browser itself. */
  let relay: RecordingRelay;
  let profiler: string;
  /** Serves the pages of the attacker. */
  let attacker: Server;
  let pages: string;
  let html = '';

  beforeAll(async () => {
    // Without heap sampling nothing has loaded the addon until a capture starts.
    app = startFixture('http', { heap: false });
    relay = new RecordingRelay(Number(new URL(await profilerOf(app)).port));
    profiler = `http://localhost:${await relay.listen()}`;
    attacker = createServer((request, response) => servePage(request, response, html));
    attacker.listen(0, '127.0.0.1');
    await once(attacker, 'listening');
    pages = `http://evil.test:${(attacker.address() as AddressInfo).port}`;
    const browser = await launchChromium(
      '--host-resolver-rules=MAP *.test 127.0.0.1',
      // New browsers ask the user before a page may reach this machine; the guard is for those who say yes, and the others.
      '--disable-features=LocalNetworkAccessChecks',
    );
    context = await browser.newContext();
  });

  afterAll(() => {
    relay?.close();
    attacker?.closeAllConnections();
    attacker?.close();
  });

  async function withPage<T>(work: (page: Page) => Promise<T>): Promise<T> {
    const page = await openPage(context);
    try {
      return await work(page);
    } finally {
      await page.close();
    }
  }

  async function expectNoCapture(): Promise<void> {
    expect((await app.call<Inside>('inside')).addonFiles).toEqual([]);
  }

  const isEssential = (name: string) => ESSENTIAL_ATTACKS.includes(name);

  it.each(rowsOf('cannot start a capture with', Object.keys(WEB_ATTACKS), isEssential))(
    'cannot start a capture with %s',
    async (name) => {
      html = WEB_ATTACKS[name]!(`${profiler}${CAPTURE}`);
      const path = name === 'a form that posts' ? CAPTURE.split('?')[0]! : CAPTURE;
      await withPage(async (page) => {
        const status = await relay.statusOf(path, () =>
          page.goto(`${pages}/attack`, { waitUntil: 'commit' }),
        );
        expect(status).toBe(403);
      });
      await expectNoCapture();
    },
  );

  it.each(rowsOf('cannot start one from localhost with', Object.keys(LOCAL_ATTACKS), isEssential))(
    'cannot start a capture with %s, from another port of localhost',
    async (name) => {
      html = LOCAL_ATTACKS[name]!(`${profiler}${CAPTURE}`);
      await withPage(async (page) => {
        const address = `${pages.replace('evil.test', 'localhost')}/attack`;
        expect(await relay.statusOf(CAPTURE, () => page.goto(address))).toBe(403);
      });
      await expectNoCapture();
    },
  );

  it('cannot start a capture with Background Fetch, which needs a service worker and no click', async () => {
    // A service worker needs a secure context, which localhost is.
    const site = pages.replace('evil.test', 'localhost');
    html = '';
    await withPage(async (page) => {
      await page.goto(`${site}/attack`);
      const begin = () =>
        page.evaluate(`(async () => {
          await navigator.serviceWorker.register('/worker.js');
          const { backgroundFetch } = await navigator.serviceWorker.ready;
          await backgroundFetch.fetch('capture', ['${profiler}${CAPTURE}'], { title: 'x' });
        })()`);
      expect(await relay.statusOf(CAPTURE, begin)).toBe(403);
    });
    await expectNoCapture();
  });

  it('cannot have one started by the history of a window that it has opened', async () => {
    html = '';
    await withPage(async (page) => {
      await page.goto(`${pages}/attack`);
      const opened = page.context().waitForEvent('page');
      await relay.statusOf(CAPTURE, () => page.evaluate(`void (opened = open('${profiler}${CAPTURE}'))`));
      const popup = await opened;
      await popup.waitForLoadState();
      await page.evaluate(`void (opened.location = '${pages}/attack')`);
      await popup.waitForURL(/evil\.test/);
      // No-store: the browser has to ask again.
      expect(await relay.statusOf(CAPTURE, () => popup.evaluate('history.back()'))).toBe(403);
      await popup.close();
    });
    await expectNoCapture();
  });

  it('cannot start a capture from another port of localhost either', async () => {
    html = WEB_ATTACKS['fetch without CORS']!(`${profiler}${CAPTURE}`);
    await withPage(async (page) => {
      const address = `${pages.replace('evil.test', 'localhost')}/attack`;
      expect(await relay.statusOf(CAPTURE, () => page.goto(address))).toBe(403);
    });
    await expectNoCapture();
  });

  it.each(Object.keys(READ_ATTEMPTS))('cannot read an answer with %s', async (name) => {
    const path = '/debug/pprof/cmdline';
    html = READ_ATTEMPTS[name]!(`${profiler}${path}`);
    await withPage(async (page) => {
      expect(await relay.statusOf(path, () => page.goto(`${pages}/attack`))).toBe(403);
      const stolen = await page.evaluate('window.stolen');
      expect(JSON.stringify(stolen)).not.toMatch(/http\.mjs|not allowed/);
    });
  });

  /** Known, and said in SECURITY.md: the browser tells it from a typed address no more than we can. */
  it('can start, but not read, a capture by a redirect of an address that the operator has typed', async () => {
    const path = '/debug/pprof/symbol';
    await withPage(async (page) => {
      const to = encodeURIComponent(`${profiler}${path}`);
      expect(await relay.statusOf(path, () => page.goto(`${pages}/redirect?to=${to}`))).toBe(200);
    });
  });

  it('cannot open a WebSocket', async () => {
    await withPage(async (page) => {
      await page.goto(`${pages}/`);
      const ended = await page.evaluate(`new Promise((done) => {
        const socket = new WebSocket('${profiler.replace('http:', 'ws:')}${CAPTURE}');
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused');
      })`);
      expect(ended).toBe('refused');
    });
    await expectNoCapture();
  });

  describe('whose name resolves to 127.0.0.1 (DNS rebinding)', () => {
    it('is refused as an address that is opened', async () => {
      await withPage(async (page) => {
        const response = await page.goto(`${profiler.replace('localhost', 'rebind.test')}/debug/pprof/`);
        expect(response?.status()).toBe(403);
        expect(await page.textContent('body')).toMatch(/^host not allowed/);
      });
    });

    it('gets nothing from its own origin, which is the profiler', async () => {
      const origin = profiler.replace('localhost', 'rebind.test');
      await withPage(async (page) => {
        // The page was loaded before the name changed its address.
        await page.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: 'x' }));
        await page.goto(`${origin}/page`);
        const answers = await page.evaluate(`Promise.all(
          ['${CAPTURE}', '/debug/pprof/cmdline', '/debug/vars'].map(async (path) => {
            const response = await fetch(path);
            return [response.status, await response.text()];
          }),
        )`);
        const refused = [403, expect.stringMatching(/^host not allowed/)];
        expect(answers).toEqual([refused, refused, refused]);
      });
      await expectNoCapture();
    });
  });
});

describeWithChromium('an operator in a browser', () => {
  let page: Page;
  let index: string;

  beforeAll(async () => {
    const profiler = await profilerOf(startFixture('http'));
    index = `${profiler.replace('127.0.0.1', 'localhost')}/debug/pprof/`;
    const browser = await launchChromium();
    page = await openPage(browser);
  });

  async function click(href: string): Promise<void> {
    await page.goto(index);
    await page.click(`a[href="${href}"]`);
  }

  it('types the address, also without the slash at its end', async () => {
    for (const address of [index, index.slice(0, -1), index.replace('localhost', '127.0.0.1')]) {
      const response = await page.goto(address);
      expect(response?.status()).toBe(200);
      expect(await page.textContent('#profiles')).toBe('Types of profiles available');
    }
  });

  it('reloads it, goes back to it and forward, and opens it in another tab', async () => {
    await page.goto(index);
    expect((await page.reload())?.status()).toBe(200);
    await page.click('a[href="cmdline"]');
    await page.waitForURL(/cmdline/);
    expect((await page.reload())?.status()).toBe(200);
    expect((await page.goBack())?.status()).toBe(200);
    expect(await page.textContent('h1')).toBe('/debug/pprof/');
    expect((await page.goForward())?.status()).toBe(200);
    await page.goto(index);
    const opened = page.context().waitForEvent('page');
    await page.click('a[href="cmdline"]', { modifiers: ['Control'] });
    const tab = await opened;
    await tab.waitForLoadState();
    expect(await tab.textContent('body')).toMatch(/http\.mjs/);
    await tab.close();
  });

  it('sees the index page with its style, and nothing that its policy refuses', async () => {
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(index);
    expect(await page.evaluate("getComputedStyle(document.querySelector('code')).backgroundColor")).toBe(
      'rgb(242, 242, 245)',
    );
    expect(complaints.filter((text) => /Content.Security.Policy/i.test(text))).toEqual([]);
  });

  it('opens the viewer', async () => {
    await page.goto(index);
    await page.click('a[href^="ui/#profileURL=..%2Fheap&"]');
    await page.waitForURL(/\/ui\//);
    expect(await page.title()).toContain('speedscope');
  });

  it.each([
    ['goroutine?debug=2', /main/],
    ['cmdline', /http\.mjs/],
    ['symbol', /num_symbols/],
    ['../vars', /"eventLoop"/],
  ])('clicks %s on the index page, and reads the answer', async (href, text) => {
    await click(href);
    await page.waitForURL((url) => url.href !== index);
    expect(await page.textContent('body')).toMatch(text);
  });

  it('clicks a profile on the index page, and it is saved', async () => {
    const saved = page.waitForEvent('download');
    await click('goroutine');
    expect((await saved).suggestedFilename()).toBe('goroutine');
  });

  it('types the address of a profile, and it is saved', async () => {
    const saved = page.waitForEvent('download');
    await page.goto(`${index}profile?seconds=1`).catch(() => undefined);
    expect((await saved).suggestedFilename()).toBe('profile');
  });
});

function servePage({ url = '' }: IncomingMessage, response: ServerResponse, html: string): void {
  const to = new URL(url, 'http://evil.test').searchParams.get('to');
  if (url === '/worker.js') {
    response.setHeader('Content-Type', 'text/javascript').end('oninstall = () => skipWaiting();');
  } else if (to === null) {
    response.setHeader('Content-Type', 'text/html').end(`<!doctype html><body>${html}</body>`);
  } else {
    response.writeHead(302, { Location: to }).end();
  }
}
