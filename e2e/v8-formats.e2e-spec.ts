import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from './support/app.process.js';
import { exampleSource, profilingUrl, startExample } from './support/example.app.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import {
  askUntil,
  onceServed,
  openRequest,
  request,
  requestUntil,
  type Response,
  served,
} from './support/http.request.js';
import { takeProfile } from './support/pprof.profile.js';
import { brokenTraceRules, type TraceFile } from './support/trace-event.format.js';
import { ThreadsApp } from './threads/threads.app.js';

// What is served in V8's own formats, and not as pprof.

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}
interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
    readonly positionTicks?: ReadonlyArray<{ readonly line: number; readonly ticks: number }>;
  }>;
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}
interface HeapNode {
  readonly callFrame: CallFrame;
  readonly id: number;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}
interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[] };
    readonly node_count: number;
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** The body of an answer that is a file of this name; fails with the server's words where it is none. */
async function takeFile<T>(url: string, fileName: string): Promise<T> {
  const { headers, text } = await served(url);
  expect(headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${fileName}"`,
    'content-length': String(Buffer.byteLength(text)),
  });
  return JSON.parse(text) as T;
}

function expectError({ status, text, headers }: Response, expected: number, message: RegExp): void {
  expect({ status, text }).toEqual({ status: expected, text: expect.stringMatching(message) });
  expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-go-pprof': '1' });
}

const framesOf = ({ nodes }: CpuProfile, name: string) =>
  nodes.filter(({ callFrame }) => callFrame.functionName === name);

describe('of an application with threads', () => {
  let app: ThreadsApp;
  let worker: number;

  beforeAll(async () => {
    // Often enough for samples of the little that it keeps.
    app = await ThreadsApp.start({ heap: { samplingInterval: 1024 } });
    worker = await app.startWorker('works', 'pool');
  });

  afterAll(killProcesses);

  it('a .cpuprofile has a timeline that holds together, of the main thread', async () => {
    const profile = await takeFile<CpuProfile>(
      `${app.pprof}/profile?seconds=1&format=cpuprofile`,
      'profile.cpuprofile',
    );
    const ids = new Set(profile.nodes.map(({ id }) => id));
    expect(profile.nodes[0]?.callFrame.functionName).toBe('(root)');
    expect(profile.samples.length).toBeGreaterThan(0);
    expect(profile.timeDeltas).toHaveLength(profile.samples.length);
    expect(profile.samples.filter((id) => !ids.has(id))).toEqual([]);
    expect(profile.nodes.flatMap(({ children = [] }) => children).filter((id) => !ids.has(id))).toEqual([]);
    expect(profile.endTime - profile.startTime).toBeGreaterThanOrEqual(1e6);
    expect(framesOf(profile, '(idle)')).not.toEqual([]);
    expect(framesOf(profile, 'spinInWorker')).toEqual([]);
  });

  it('a .cpuprofile of a worker, side by side with a capture of all threads', async () => {
    const [file, pprof] = await Promise.all([
      takeFile<CpuProfile>(
        `${app.pprof}/profile?seconds=1&format=cpuprofile&threads=${worker}`,
        'profile.cpuprofile',
      ),
      takeProfile(`${app.pprof}/profile?seconds=1`),
    ]);
    expect(framesOf(file, 'spinInWorker')).not.toEqual([]);
    expect(pprof.comments).toContainEqual(
      expect.stringMatching(/^threads: main \(by agent\), worker \d+ \(pool\)/),
    );
  });

  it('a .heapprofile of main, which goes on being sampled; and of a worker', async () => {
    const takeHeap = (query = '') =>
      takeFile<{ head: HeapNode }>(`${app.pprof}/heap?format=heapprofile${query}`, 'heap.heapprofile');
    const { head } = await takeHeap('&gc=1');
    expect(head.callFrame.functionName).toBe('(root)');
    expect(sizeOf(head)).toBeGreaterThan(0);
    await takeHeap();
    // The sampler that runs since start-up has not been touched.
    const { comments, samples } = await takeProfile(`${app.pprof}/heap`);
    expect(comments.join()).toMatch(/main \(by agent, allocations since /);
    expect(samples.length).toBeGreaterThan(0);
    expect((await takeHeap(`&threads=${worker}`)).head.callFrame.functionName).toBe('(root)');
  });

  it.each([
    [
      'profile?format=cpuprofile&threads=all',
      400,
      /"threads" - must be main or one thread id, as format=cpuprofile/,
    ],
    ['profile?format=cpuprofile&threads=0,1', 400, /"threads"/],
    ['heap?format=heapprofile&threads=all', 400, /"threads" - must be main or one thread id/],
    [
      'heap?format=heapprofile&seconds=1',
      400,
      /^"seconds" parameter is not supported with format=heapprofile\n$/,
    ],
    ['heap?format=cpuprofile', 400, /"format" - must be one of pprof, text, markdown, heapprofile\n$/],
    ['goroutine?format=cpuprofile', 400, /"format"/],
    [
      'profile?format=cpuprofile&seconds=0',
      400,
      /^invalid value for "seconds" - must be a positive integer\n$/,
    ],
    ['profile?format=cpuprofile&threads=99999', 404, /^there is no thread with this id, or no longer: .*\n$/],
    ['trace?seconds=0', 400, /^invalid value for "seconds" - must be a positive number\n$/],
    ['trace?seconds=-1', 400, /"seconds"/],
    ['trace?seconds=abc', 400, /"seconds"/],
    ['trace?seconds=', 400, /"seconds"/],
    ['trace?seconds=1e-3', 400, /"seconds"/],
    ['trace?seconds=300.5', 400, /"seconds" - the maximum is 300/],
    ['trace?categories=node.async_hooks', 400, /"categories" - must be one or more, .* of v8, /],
    ['trace?categories=', 400, /"categories"/],
    [
      'heapsnapshot',
      404,
      /^heap snapshots are off. Set "heapSnapshot: true" .*every string of the heap, passwords/,
    ],
    ['heapsnapshot?threads=all', 404, /^heap snapshots are off/],
  ])('%s: %d', async (path, status, message) => {
    expectError(await request(`${app.pprof}/${path}`), status, message);
  });

  it.each([
    ['profile?seconds=300&format=cpuprofile', 'profile.cpuprofile'],
    ['heap?format=heapprofile', 'heap.heapprofile'],
    ['trace?seconds=300', 'trace.json'],
  ])('HEAD %s: the headers of GET, without a capture', async (path, fileName) => {
    const { status, headers, body } = await request(`${app.pprof}/${path}`, { method: 'HEAD' });
    expect([status, headers['content-disposition'], body.length]).toEqual([
      200,
      `attachment; filename="${fileName}"`,
      0,
    ]);
  });

  it('one trace at a time: the next is told to come again, and can when the first has gone', async () => {
    const first = openRequest(`${app.pprof}/trace?seconds=300`);
    const url = `${app.pprof}/trace?seconds=0.1`;
    const second = await requestUntil(url, ({ status }) => status !== 200);
    expectError(second, 429, /^a trace is being taken, .* Ask again when it has ended\n$/);
    expect(second.headers['retry-after']).toMatch(/^\d+$/);
    first.disconnect();
    const third = await requestUntil(url, ({ status }) => status !== 429);
    expect(third.status).toBe(200);
  });
});

function sizeOf({ selfSize, children }: HeapNode): number {
  return children.reduce((total, child) => total + sizeOf(child), selfSize);
}

describe('a client that leaves', () => {
  afterAll(killProcesses);

  for (const path of ['profile?seconds=300&format=cpuprofile', 'trace?seconds=300']) {
    itExhaustive(`of ${path} takes its inspector session with it`, async () => {
      const app = await ThreadsApp.start();
      const { disconnect, cut } = openRequest(`${app.pprof}/${path}`);
      await app.process.until<number>('openSessions', (sessions) => sessions > 0);
      disconnect();
      await cut;
      await app.process.until<number>('openSessions', (sessions) => sessions === 0);
    });
  }
});

describe('a trace of a server', () => {
  afterAll(killProcesses);

  it('keeps the rules of the format, names its threads and has its requests', async () => {
    const app = startFixture('http', {}, { args: ['express'] });
    const pprof = `${await profilerOf(app)}/debug/pprof`;
    const url = await app.call<string>('url');
    const ended = new AbortController();
    const traced = takeFile<TraceFile>(`${pprof}/trace?seconds=1.5`, 'trace.json').finally(() =>
      ended.abort(),
    );
    while (!ended.signal.aborted) {
      await request(url);
      await sleep(20);
    }
    const trace = await traced;
    expect(brokenTraceRules(trace)).toEqual([]);
    expect(trace.traceEvents).toContainEqual(
      expect.objectContaining({
        ph: 'M',
        name: 'thread_name',
        tid: expect.any(Number),
        args: { name: 'main' },
      }),
    );
    expect(trace.traceEvents.filter(({ name }) => name === 'http.server.request')).not.toEqual([]);
    expect(trace.otherData).toMatchObject({ pid: app.pid, categories: expect.stringContaining('node.http') });
    // Only what is asked for.
    const onlyV8 = await takeFile<TraceFile>(`${pprof}/trace?seconds=0.2&categories=v8`, 'trace.json');
    expect(onlyV8.traceEvents.filter(({ ph, cat }) => ph !== 'M' && !cat.split(',').includes('v8'))).toEqual(
      [],
    );
  });
});

const IS_NODE_ALWAYS_CALLER = Number(process.versions.node.split('.', 1)[0]) < 26;

describe('an example that is stuck in a loop', () => {
  let cpu: CpuProfile;
  let heap: { head: HeapNode };
  let uncollected: Response;
  let untraced: Response;

  beforeAll(async () => {
    const app = await startExample();
    const pprof = `${await profilingUrl(app.process)}/debug/pprof`;
    // So that it does not compute for as long as what makes profiles takes to be loaded.
    await request(`${pprof}/cmdline`);
    openRequest(`${app.url}/faults/block?kind=loop&ms=600000`, { method: 'POST' }).cut.catch(() => undefined);
    await requestUntil(`${pprof}/goroutine?debug=2&threads=main`, ({ text }) =>
      text.startsWith('thread main [stuck'),
    );
    // At the same time, as it computes until it is killed.
    [cpu, heap, uncollected, untraced] = await Promise.all([
      takeFile<CpuProfile>(`${pprof}/profile?seconds=1&format=cpuprofile`, 'profile.cpuprofile'),
      takeFile<{ head: HeapNode }>(`${pprof}/heap?format=heapprofile`, 'heap.heapprofile'),
      request(`${pprof}/heap?format=heapprofile&gc=1`),
      request(`${pprof}/trace?seconds=0.5`),
    ]);
    await app.process.kill();
  });

  afterAll(killProcesses);

  it('is in a .cpuprofile with the lines of its source', () => {
    const source = new URL(`file://${exampleSource('faults/event-loop.blocks.ts')}`).href;
    const [spinning] = framesOf(cpu, 'spinInLoop');
    expect(spinning?.callFrame.url).toBe(source);
    expect(spinning?.positionTicks?.length).toBeGreaterThan(0);
    // Node's own code, and V8's own names, stay as they are. On Node 26 what comes after an `await` may have no caller of Node's.
    const urls = cpu.nodes.map(({ callFrame }) => callFrame.url);
    expect(urls.filter((url) => !/^(file:\/\/\/.*|node:.*|)$/.test(url))).toEqual([]);
    expect(urls.some((url) => url.startsWith('node:')) || !IS_NODE_ALWAYS_CALLER).toBe(true);
    expect(cpu.nodes[0]?.callFrame).toMatchObject({ functionName: '(root)', url: '', lineNumber: -1 });
  });

  it('has a .heapprofile, but no garbage collected', () => {
    expect(heap.head.callFrame.functionName).toBe('(root)');
    expectError(uncollected, 504, /^no garbage could be collected in thread main, .*Ask without "gc"\n$/);
  });

  it('is not traced, as that would run JavaScript in the middle of its own', () => {
    expectError(untraced, 504, /^no trace could be begun: .* Ask for profile or goroutine to see /);
  });
});

describe('heap snapshots, where they are on', () => {
  let app: ThreadsApp;

  beforeAll(async () => {
    app = await ThreadsApp.start({ heapSnapshot: true });
  });

  afterAll(killProcesses);

  /** One can be taken, as soon as the one before is gone. */
  async function expectNext(): Promise<void> {
    const take = () => onceServed(() => request(`${app.pprof}/heapsnapshot`));
    const { status, text } = await askUntil(take, (response) => response.status !== 429);
    expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  }

  it('hold the whole heap of a thread, strings and all', async () => {
    const { snapshot, nodes, strings } = await takeFile<HeapSnapshot>(
      `${app.pprof}/heapsnapshot`,
      'heap.heapsnapshot',
    );
    expect(nodes).toHaveLength(snapshot.node_count * snapshot.meta.node_fields.length);
    expect(strings).toContain('runProgramSync');
  });

  it('of a worker, which goes on', async () => {
    const worker = await app.startWorker('idle');
    const { strings } = await takeFile<HeapSnapshot>(
      `${app.pprof}/heapsnapshot?threads=${worker}`,
      'heap.heapsnapshot',
    );
    expect(strings).toContain('spinInWorker');
    await app.endWorker(worker);
  });

  it('are refused for more than one thread', async () => {
    const refused = await request(`${app.pprof}/heapsnapshot?threads=all`);
    expectError(refused, 400, /"threads" - must be main or one thread id, as a heap snapshot/);
  });

  it('one at a time; the next can be taken when the client of the first has left, and no session stays', async () => {
    const first = openRequest(`${app.pprof}/heapsnapshot`);
    const second = await request(`${app.pprof}/heapsnapshot`);
    expectError(second, 429, /^a heap snapshot is being taken, /);
    first.disconnect();
    await expectNext();
    await app.process.until<number>('openSessions', (sessions) => sessions === 0);
  });

  it('that nobody reads have no session, and end with their client', async () => {
    const client = connect(Number(new URL(app.pprof).port), '127.0.0.1').on('error', () => undefined);
    client.write('GET /debug/pprof/heapsnapshot HTTP/1.1\r\nHost: localhost\r\n\r\n');
    // It has begun to come, and as much as a socket holds is not all.
    await once(client, 'readable');
    await app.process.until<number>('openSessions', (sessions) => sessions === 0);
    expectError(await request(`${app.pprof}/heapsnapshot`), 429, /^a heap snapshot is being taken, /);
    client.destroy();
    await expectNext();
  });
});
