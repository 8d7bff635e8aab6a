import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { RECORDINGS } from '../../profiles/recording.table.js';
import { IndexController } from './index.controller.js';
import type { ProfilerRegistry } from '../profiler.registry.js';
import type { ProcessDescription, ServerOptions } from '../profiling.tokens.js';

const DESCRIPTION = { pid: 7, title: 'orders', entryScript: '/app/main.js' } as ProcessDescription;
const OPTIONS: ServerOptions = {
  maxSeconds: 300,
  thresholdMillis: 20,
  heapSnapshot: false,
  kinds: RECORDINGS,
  socketPath: undefined,
  needsCredentials: false,
  viewerDirectory: '',
  oomDirectory: undefined,
};

const registry = { others: () => Promise.resolve([]) } as unknown as ProfilerRegistry;

async function pageOf(
  description: Partial<ProcessDescription>,
  options: Partial<ServerOptions> = {},
): Promise<string> {
  let page = '';
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    end: (body: Buffer) => (page = body.toString()),
    once: () => undefined,
  };
  const request = {
    headers: { host: 'localhost:7070' },
    socket: { localAddress: '127.0.0.1', localPort: 6061 },
  };
  await new IndexController(
    { ...DESCRIPTION, ...description },
    { ...OPTIONS, ...options },
    registry,
    { incidents: undefined },
    undefined as never,
  ).index(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  expect(headers.get('Content-Security-Policy')).toContain(styleHashOf(page));
  return page;
}

/** As browsers reckon it. */
function styleHashOf(page: string): string {
  const [, style = ''] = /<style>([^]*)<\/style>/.exec(page)!;
  return `'sha256-${createHash('sha256').update(style).digest('base64')}'`;
}

describe('the index page', () => {
  it('escapes what it shows of the process and the options', async () => {
    const nasty = '<script>alert("1")</script>';
    const page = await pageOf({ title: nasty, entryScript: nasty }, { socketPath: `/run/${nasty}` });
    expect(page).not.toContain('<script');
    expect(
      page.match(/&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;/g)!.length,
    ).toBeGreaterThanOrEqual(4);
  });

  it('lists the kinds that are served, and no dump where goroutine is not', async () => {
    const page = await pageOf({}, { kinds: RECORDINGS.filter(({ name }) => name === 'heap') });
    expect(page).toContain('<a href="heap">');
    expect(page).not.toMatch(/href="(profile|goroutine)/);
    expect(await pageOf({})).toContain('<a href="goroutine?debug=2">full goroutine stack dump</a>');
  });

  it('says what to type, with the address that was asked for and the port behind a tunnel', async () => {
    expect(await pageOf({})).toContain(
      'go tool pprof &#39;http://localhost:7070/debug/pprof/profile?seconds=10&#39;',
    );
    expect(await pageOf({})).toContain('ssh -L 6060:127.0.0.1:6061 user@host');
  });

  it('links to the flame graph of each, relative, with the profile in the address', async () => {
    const page = await pageOf({});
    expect(page).toContain(
      '<a href="ui/#profileURL=..%2Fprofile%3Fseconds%3D5&amp;view=left-heavy">flame graph</a>',
    );
    expect(page).toContain('<a href="ui/#profileURL=..%2Fheap&amp;view=left-heavy">flame graph</a>');
    expect(page).not.toContain('..%2Ftrace');
  });
});
