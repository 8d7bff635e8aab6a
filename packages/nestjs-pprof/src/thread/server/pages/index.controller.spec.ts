import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import { RECORDINGS } from '../../profiles/recording.table.js';
import type { ApplicationThreads } from '../../capture/application.threads.js';
import type { LoopState } from '../../capture/agent.client.js';
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
  recordingsDirectory: undefined,
};

/** A loop that turns, and has nothing to tell. */
const TURNS: LoopState = {
  stuck: false,
  lastTurn: Date.now(),
  delayMillis: 1.25,
  description: undefined,
  silence: undefined,
};

function threadsWith(loop: Promise<LoopState>, lastTurn = Date.now()): ApplicationThreads {
  return { observeLoop: () => loop, lastTurn, incidents: undefined } as unknown as ApplicationThreads;
}

const registry = { others: () => Promise.resolve([]) } as unknown as ProfilerRegistry;

async function pageOf(
  description: Partial<ProcessDescription>,
  options: Partial<ServerOptions> = {},
  threads = threadsWith(Promise.resolve(TURNS)),
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
  const controller = new IndexController(
    { ...DESCRIPTION, ...description },
    { ...OPTIONS, ...options },
    registry,
    threads,
    undefined as never,
  );
  await controller.index(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  // No script, style or handler in the page itself, which its policy would refuse.
  expect(headers.get('Content-Security-Policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(page).not.toMatch(/<style|<script(?! src="ui\/page\.js" defer><\/script>)|\son\w+=|\sstyle=/);
  return page;
}

describe('the index page', () => {
  it('escapes what it shows of the process and the options', async () => {
    const nasty = '<script>alert("1")</script>';
    const page = await pageOf({ title: nasty, entryScript: nasty }, { socketPath: `/run/${nasty}` });
    expect(page).not.toContain('<script>');
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

  it('has what to download and to read of each, and a form for a capture, without its script', async () => {
    const page = await pageOf({});
    expect(page).toContain('<a href="profile?seconds=5" download>seconds=5</a>');
    expect(page).toContain('<a href="profile?seconds=5&amp;format=text">text</a>');
    expect(page).toContain('<a href="heap?format=markdown">report</a>');
    expect(page).toContain('<a href="goroutine?debug=2">text</a>');
    expect(page).not.toContain('<a href="heapsnapshot" download>');
    expect(await pageOf({}, { heapSnapshot: true })).toContain('<a href="heapsnapshot" download>');
    expect(page).toMatch(/<form id="capture" action="profile" method="get">[^]*<button formaction="heap">/);
    expect(await pageOf({}, { kinds: [] })).not.toContain('<form');
  });

  it('tells that the loop turns, or since when it has not, without waiting for it', async () => {
    expect(await pageOf({})).toMatch(/<p id="stuck" role="alert" hidden>[^]*1\.3 ms/);
    const never = new Promise<LoopState>(() => undefined);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2026, 0));
    const silent = await pageOf({}, {}, threadsWith(never, Date.now() - 12_000));
    clock.mockRestore();
    expect(silent).toMatch(/<p id="stuck" role="alert"><strong>The event loop has not turned since[^]*12 s</);
    // It may only be busy: nothing is said of that.
    expect(await pageOf({}, {}, threadsWith(never))).toContain('<p id="stuck" role="alert" hidden>');
    const failed = Promise.reject<LoopState>(new Error('no agent'));
    expect(await pageOf({}, {}, threadsWith(failed))).toContain('<p id="stuck" role="alert" hidden>');
  });
});
