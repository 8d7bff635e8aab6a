import { describe, expect, it, jest } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import { brokenRules, readPprof } from '../../../test-fixtures/pprof-rules.js';
import type { AllocationNode } from '../../shared/agent.protocol.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import { SourceMaps } from '../pprof/source.maps.js';
import { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadHeap } from '../capture/thread.heap.js';
import { MAIN_THREAD } from '../capture/thread.selection.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';
import { PROFILE_KINDS } from './recording.table.js';

const WORKER = { id: 3, label: 'worker 3 (mail)' };

const run = { functionName: 'run', file: '/app/a.js', line: 3, column: 1 };
const idle = { functionName: '(idle)', file: '', line: 0, column: 0 };

function allocations(bytes: number): AllocationNode {
  const leaf = {
    name: 'run',
    scriptName: '/app/a.js',
    lineNumber: 3,
    columnNumber: 1,
    allocations: [{ sizeBytes: bytes, count: 2 }],
    children: [],
  };
  return { scriptName: '', allocations: [], children: [leaf] };
}

const MEMORY = { rss: 1, heapTotal: 2, heapUsed: 3, external: 4000, arrayBuffers: 5 };

const LOOP = {
  memory: MEMORY,
  heap: { total_heap_size: 6, heap_size_limit: 7 },
  heapSpaces: [{ space_name: 'old_space', space_size: 9, space_used_size: 8, space_available_size: 1 }],
};

function heapOf(bytes: number): ThreadHeap[] {
  const common = { root: allocations(bytes), since: 0, collected: false };
  return [
    { ...common, thread: MAIN_THREAD, by: 'agent', memory: MEMORY },
    { ...common, thread: WORKER, by: 'inspector', memory: undefined },
  ];
}

/** An application with a busy main thread and a worker; its heap grows each time it is sampled. */
function fakeThreads(
  over: Partial<Record<keyof ApplicationThreads, unknown>> = {},
  heaps: Partial<Record<keyof ApplicationThreads['heaps'], unknown>> = {},
): ApplicationThreads {
  const threads = [MAIN_THREAD, WORKER];
  let bytes = 0;
  const timeline = [
    { stack: { frames: [run], lines: [] }, from: 0, to: 5000 },
    { stack: { frames: [idle], lines: [] }, from: 5000, to: 9000 },
  ];
  const profile = encodeAddonProfile([
    { stack: [{ name: 'run', file: '/app/a.js', line: 3, column: 1 }], values: [1, 10e6, 9e6] },
    { stack: [{ name: '(idle)' }], values: [9, 90e6, 0] },
  ]);
  const segment = {
    profile,
    hz: 100,
    startedAt: 1,
    durationNanos: 1e9,
    processCpuNanos: 2e7,
    mainCpuNanos: 2e7,
    sampleLog: new Uint8Array(),
    labels: null,
    samplerStuck: 0,
  };
  return {
    handlers: [],
    heaps: {
      samplingInterval: 524_288,
      stackDepth: () => 64,
      sample: () => Promise.resolve({ results: heapOf((bytes += 1000)), skipped: ['worker 4: gone'] }),
      sampleIfPossible: () => Promise.resolve({ results: heapOf(1000), skipped: ['worker 4: gone'] }),
      captureAllocations: () =>
        Promise.resolve({
          results: [
            {
              thread: MAIN_THREAD,
              total: { root: allocations(5000), counted: true },
              before: { root: allocations(3000), counted: true },
            },
            {
              thread: WORKER,
              total: { root: allocations(700), counted: false },
              before: undefined,
            },
          ],
          skipped: ['worker 4: gone'],
        }),
      ...heaps,
    },
    cpu: {
      capture: ({ hz }: ProfileRequest) =>
        Promise.resolve({
          selection: 'all',
          hz,
          labels: true,
          threads: [
            { by: 'agent', thread: MAIN_THREAD, segments: [segment] },
            { by: 'inspector', thread: WORKER, timeline, stuck: false },
          ],
          skipped: ['worker 4: gone'],
          ended: [],
          processCpuNanos: 2e7,
          profilerCpuNanos: 1e6,
          startedAt: 1_700_000_000_000,
          durationNanos: 1e9,
        }),
    },
    observeLoop: () => Promise.resolve({ stuck: false, description: LOOP }),
    blocks: {
      capture: () =>
        Promise.resolve({
          results: threads.map((thread) => ({
            thread,
            samples: [{ stack: [run], values: [1, 5e7] }],
            stuck: false,
            durationNanos: 5.03e9,
          })),
          skipped: ['worker 4: gone'],
        }),
    },
    stacks: {
      capture: () =>
        Promise.resolve({
          results: [
            { thread: MAIN_THREAD, state: 'stuck', frames: [run], silentSince: 1_700_000_000_000 },
            { thread: WORKER, state: 'waiting', frames: [] },
          ],
          skipped: ['worker 4: gone'],
        }),
    },
    listWorkers: () => Promise.resolve({ results: [WORKER], skipped: ['worker 4: gone'] }),
    ...over,
  } as unknown as ApplicationThreads;
}

function requestFor(kind: ProfileKind, over: Partial<ProfileRequest> = {}): ProfileRequest {
  return {
    seconds: kind.parameters.seconds.kind === 'window' ? 1 : undefined,
    hz: 100,
    threads: 'all',
    thresholdMillis: 20,
    labels: true,
    gc: false,
    route: undefined,
    debug: 0,
    format: 'pprof',
    signal: new AbortController().signal,
    ...over,
  };
}

async function encoded(kind: ProfileKind, over: Partial<ProfileRequest> = {}, threads = fakeThreads()) {
  const profile = await kind.capture(requestFor(kind, over), threads);
  return encodePprof(await new Symbolizer(new SourceMaps(), '/app').symbolize(profile), '/app/main.js');
}

function kindOf(name: string): ProfileKind {
  return PROFILE_KINDS.find((kind) => kind.name === name)!;
}

/** Of the contract; the order matters, as the last type is pprof's default unless the profile names another. */
const TYPES: Readonly<Record<string, readonly [sampleTypes: string, periodType: string]>> = {
  profile: ['samples/count wall/nanoseconds cpu/nanoseconds', 'cpu/nanoseconds'],
  heap: ['inuse_objects/count inuse_space/bytes', 'space/bytes'],
  allocs: ['alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes', 'space/bytes'],
  block: ['contentions/count delay/nanoseconds', 'contentions/count'],
  mutex: ['contentions/count delay/nanoseconds', 'contentions/count'],
  goroutine: ['goroutine/count', 'goroutine/count'],
  threadcreate: ['threadcreate/count', 'threadcreate/count'],
};

function defaultOf(name: string): { readonly defaultSampleType?: string } {
  return name === 'allocs' ? { defaultSampleType: 'alloc_space' } : {};
}

describe('the table of profiles', () => {
  it('has each name once, fit for a path', () => {
    const names = PROFILE_KINDS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z]+$/.test(name))).toEqual([]);
  });

  it('has no profile that the contract does not know', () => {
    expect(PROFILE_KINDS.map(({ name }) => name).filter((name) => !(name in TYPES))).toEqual([]);
  });
});

describe.each(PROFILE_KINDS.map((kind) => [kind.name, kind] as const))('%s', (name, kind) => {
  it('has a description for the index page that is a sentence', () => {
    expect(kind.description).toMatch(/^[A-Z].{20,}\.$/s);
    expect(kind.description).not.toContain('\n');
  });

  it('can be had as pprof, which is the default', () => {
    expect(kind.parameters.formats[0]).toBe('pprof');
  });

  it('has the sample types of the contract, and its default', async () => {
    const { sampleTypes, periodType, defaultSampleType } = readPprof(await encoded(kind));
    expect([sampleTypes.join(' '), periodType]).toEqual(TYPES[name]);
    expect({ defaultSampleType: sampleTypes.at(-1)?.split('/')[0], ...defaultOf(name) }).toEqual({
      defaultSampleType,
    });
  });

  it('keeps the rules of an encoded profile', async () => {
    const timed = kind.parameters.seconds.kind === 'window';
    const withoutFrames = name === 'profile' ? ['(idle)'] : [];
    expect(brokenRules(await encoded(kind), { timed, withoutFrames, ...defaultOf(name) })).toEqual([]);
  });

  if (kind.parameters.threads) {
    it('asks for the threads that the request names, and hands its signal on', async () => {
      const asked: unknown[] = [];
      const note =
        (original: (...args: unknown[]) => unknown) =>
        (...args: unknown[]) => {
          asked.push(...args);
          return original(...args);
        };
      const noting = <T extends object>(of: T): T =>
        new Proxy(of, {
          get: (target, property: keyof T & string) => {
            const value: unknown = target[property];
            return typeof value === 'function'
              ? note(value as (...args: unknown[]) => unknown)
              : ['cpu', 'blocks', 'stacks', 'heaps'].includes(property)
                ? noting(value as object)
                : value;
          },
        });
      const seconds = 0.001;
      const request = requestFor(kind, { threads: [3], seconds });
      await kind.capture(request, noting(fakeThreads()));
      const selections = asked.filter((arg) => Array.isArray(arg) || (arg as { threads?: unknown })?.threads);
      expect(selections.length).toBeGreaterThan(0);
      for (const selection of selections) {
        expect((selection as { threads?: unknown }).threads ?? selection).toEqual([3]);
      }
    });
  }
});

describe('profile', () => {
  it('labels each sample with its thread and tells of skipped ones', async () => {
    const { samples, comments } = readPprof(await encoded(kindOf('profile')));
    expect(new Set(samples.map(({ labels }) => labels.thread))).toEqual(new Set(['main', 'worker 3 (mail)']));
    expect(comments).toContain('threads skipped: worker 4: gone');
  });

  it('takes its period from the rate, and time and duration from the capture', async () => {
    const { period, startedAt, durationNanos } = readPprof(await encoded(kindOf('profile'), { hz: 250 }));
    expect({ period, startedAt, durationNanos }).toEqual({
      period: 4_000_000,
      startedAt: 1_700_000_000_000,
      durationNanos: 1e9,
    });
  });

  it.each([
    [20, /^the sampler of main was warm: .* nothing was started; hz=100 has more samples/],
    [100, /^the sampler of main was warm: .* at the flight recorder's rate, nothing was started$/],
  ])(
    'names a rate with more samples than the %d Hz of the flight recorder, if there is one',
    async (hz, told) => {
      const { threads } = await fakeThreads().cpu.capture({ hz } as never);
      const sampled = threads.map((thread) =>
        thread.by === 'agent'
          ? { ...thread, segments: thread.segments.map((each) => ({ ...each, hz })) }
          : thread,
      );
      const { comments } = readPprof(
        await encoded(
          kindOf('profile'),
          { hz },
          fakeThreads({
            recorder: { hz },
            cpu: {
              capture: async () => ({
                ...(await fakeThreads().cpu.capture({ hz } as never)),
                threads: sampled,
              }),
            },
          }),
        ),
      );
      expect(comments).toContainEqual(expect.stringMatching(told));
    },
  );
});

describe('heap', () => {
  it('has live objects and bytes, and memory outside of the heap as (external)', async () => {
    const { samples, period } = readPprof(await encoded(kindOf('heap')));
    expect(samples.map(({ stack, values, labels }) => [labels.thread, stack[0]?.name, values])).toEqual([
      ['main', 'run (a.js)', [2, 2000]],
      ['main', '(external)', [0, 4000]],
      ['worker 3 (mail)', 'run (a.js)', [0, 2000]],
    ]);
    expect(period).toBe(524_288);
  });
});

describe('heap', () => {
  const heap = (over: Partial<ThreadHeap>) => ({ ...heapOf(1000)[0]!, ...over });
  const commentOn = async (over: Partial<ThreadHeap>, request: Partial<ProfileRequest> = {}) => {
    const threads = fakeThreads(
      {},
      { sample: () => Promise.resolve({ results: [heap(over)], skipped: [] }) },
    );
    const { comments } = await kindOf('heap').capture(requestFor(kindOf('heap'), request), threads);
    return comments.find((comment) => comment.startsWith('threads:'));
  };

  it('says since when allocations are sampled', async () => {
    expect(await commentOn({ since: 0 })).toBe(
      'threads: main (by agent, allocations since 1970-01-01T00:00:00.000Z)',
    );
    expect(await commentOn({ since: undefined })).toMatch(/allocations from start-up on/);
  });

  it('says why that is not since start-up', async () => {
    expect(await commentOn({ restarted: 'allocs' })).toMatch(/Z, when an allocs\?seconds= capture/);
    expect(await commentOn({ restarted: 'stopped-by-other' })).toMatch(/something else .* had stopped/);
  });

  it('says of what moment it is while all allocations are counted', async () => {
    expect(await commentOn({ asOf: 60_000 })).toMatch(/as of 1970-01-01T00:01:00.000Z: an allocs\?seconds=/);
  });

  it.each<[Partial<ThreadHeap>, RegExp]>([
    [{ collected: true }, /, garbage collected\)/],
    [{ collected: false }, /garbage not collected: its event loop/],
    [{ collected: false, asOf: 1 }, /garbage not collected: its objects are not sampled now/],
  ])('with gc=1 says whether garbage was collected: %j', async (over, comment) => {
    expect(await commentOn(over, { gc: true })).toMatch(comment);
  });

  it.each(['heap', 'allocs'])('%s?debug=1 has the memory of the process for people to read', async (name) => {
    const { details } = await kindOf(name).capture(requestFor(kindOf(name), { debug: 1 }), fakeThreads());
    expect(details).toEqual(
      expect.arrayContaining(['rss = 1', 'heap_size_limit = 7', 'old_space = 8 / 9, 1']),
    );
    const stuck = { observeLoop: () => Promise.resolve({ stuck: true, description: undefined }) };
    const known = await kindOf(name).capture(requestFor(kindOf(name), { debug: 1 }), fakeThreads(stuck));
    expect(known.details).toEqual([
      expect.stringMatching(/as the event loop of the main thread has not answered$/),
      expect.stringMatching(/^rss = \d{7,}$/),
    ]);
  });
});

describe('allocs', () => {
  const capture = (request: Partial<ProfileRequest> = {}, threads = fakeThreads()) =>
    kindOf('allocs').capture(requestFor(kindOf('allocs'), request), threads);

  it('without seconds has what is alive, and says why the allocations are 0', async () => {
    const { samples, comments, durationNanos } = await capture();
    expect(samples.map(({ labels, values }) => [labels?.['thread'], values])).toEqual([
      ['main', [0, 0, 2, 2000]],
      ['main', [0, 0, 0, 4000]],
      ['worker 3 (mail)', [0, 0, 0, 2000]],
    ]);
    expect(durationNanos).toBeUndefined();
    expect(comments).toContainEqual(
      expect.stringMatching(/^alloc_objects and alloc_space are 0: .*"seconds"/),
    );
    expect(comments).toContain('threads skipped: worker 4: gone');
  });

  it('without seconds leaves the workers alone that are not named, and says so', async () => {
    const sampleIfPossible = jest.fn(() => Promise.resolve({ results: [], skipped: [] }));
    const threads = fakeThreads({}, { sampleIfPossible });
    const excluded = expect.stringMatching(/^worker threads are left out, .*"threads"$/);
    expect((await capture({ threads: 'all' }, threads)).comments).toContainEqual(excluded);
    expect((await capture({ threads: [3] }, threads)).comments).not.toContainEqual(excluded);
    const selections = (sampleIfPossible.mock.calls as unknown[][]).map(([selection]) => selection);
    expect(selections).toEqual([[0], [3]]);
  });

  it('without seconds is empty and valid where nothing is sampled', async () => {
    const nothing = { results: [], skipped: ['main: heap sampling is off'] };
    const threads = fakeThreads({}, { sampleIfPossible: () => Promise.resolve(nothing) });
    const { samples, comments } = await capture({}, threads);
    expect(samples).toEqual([]);
    expect(comments).toEqual(expect.arrayContaining(['threads skipped: main: heap sampling is off']));
    const body = await encoded(kindOf('allocs'), {}, threads);
    expect(brokenRules(body, { timed: false, ...defaultOf('allocs') })).toEqual([]);
  });

  it('with seconds has what was allocated in the window, without what was before', async () => {
    const body = await encoded(kindOf('allocs'), { seconds: 5 });
    expect(brokenRules(body, { timed: true, ...defaultOf('allocs') })).toEqual([]);
    const { samples, durationNanos, comments } = readPprof(body);
    // What was measured, not what was asked for: the fake takes no time.
    expect(durationNanos).toBeLessThan(5e9);
    expect(samples.map(({ labels, values }) => [labels.thread, values])).toEqual([
      // Two objects of 5000 bytes until the end, two of 3000 before the beginning.
      ['main', [0, 4000, 0, 0]],
      ['worker 3 (mail)', [0, 1400, 0, 0]],
    ]);
    expect(comments).toContain(
      'threads: main (by agent), worker 3 (mail) (by inspector, objects not counted)',
    );
    expect(comments).toContainEqual(expect.stringMatching(/heap profile of these threads starts anew/));
  });

  it('counts no objects where the ends of the window were not seen in the same way', async () => {
    const results = [
      {
        thread: MAIN_THREAD,
        total: { root: allocations(5000), counted: false, stuck: true },
        before: { root: allocations(3000), counted: true },
      },
    ];
    const { samples, comments } = await capture(
      { seconds: 5 },
      fakeThreads({}, { captureAllocations: () => Promise.resolve({ results, skipped: [] }) }),
    );
    expect(samples.map(({ values }) => Math.abs(values[0]!))).toEqual([0, 0]);
    expect(comments).toContain('threads: main (by inspector, its event loop got stuck, objects not counted)');
  });
});

describe('mutex', () => {
  it('is empty, and says why', async () => {
    const { samples, comments } = readPprof(await encoded(kindOf('mutex')));
    expect(samples).toEqual([]);
    expect(comments.join()).toMatch(/no mutexes/);
  });
});

describe('block', () => {
  it('is empty without seconds where nothing is watched, and says how to have it', async () => {
    const { samples, comments } = readPprof(await encoded(kindOf('block')));
    expect(samples).toEqual([]);
    expect(comments.join()).toMatch(/ask with "seconds".*block: \{ watch: true \}/);
  });

  it('has, without seconds, what was watched since the start: cumulative, so not timed', async () => {
    const blockWatcher = {
      collected: () => Promise.resolve([{ stack: [run], values: [2, 3e8] }]),
      startedAt: 1_700_000_000_000,
      thresholdMillis: 20,
    };
    const before = Date.now();
    const body = await encoded(kindOf('block'), {}, fakeThreads({ blockWatcher }));
    expect(brokenRules(body, { timed: false })).toEqual([]);
    const { startedAt, samples, comments } = readPprof(body);
    expect(samples).toMatchObject([{ values: [2, 3e8], labels: { thread: 'main' } }]);
    // Of the request: stores refuse what is old, and take profiles of one time for the same.
    // Nanoseconds since the epoch have no exact number in JavaScript.
    expect(Math.round(startedAt)).toBeGreaterThanOrEqual(before);
    expect(comments.join()).toContain('watched since 2023-11-14T22:13:20.000Z');
  });

  it('has, with seconds, the blocks of each thread in the window', async () => {
    const body = await encoded(kindOf('block'), { seconds: 5 });
    expect(brokenRules(body, { timed: true })).toEqual([]);
    expect(readPprof(body).durationNanos).toBe(5.03e9);
    expect(readPprof(body).samples.map(({ labels, values }) => [labels.thread, values])).toEqual([
      ['main', [1, 5e7]],
      ['worker 3 (mail)', [1, 5e7]],
    ]);
  });
});

describe('goroutine', () => {
  it('has one stack for each thread, with its state; (idle) for one without frames', async () => {
    const { samples } = readPprof(await encoded(kindOf('goroutine')));
    expect(samples.map(({ stack, values, labels }) => [stack[0]?.name, values, labels])).toEqual([
      ['run (a.js)', [1], { thread: 'main', state: 'stuck' }],
      ['(idle)', [1], { thread: 'worker 3 (mail)', state: 'waiting' }],
    ]);
  });

  it('notes since when a loop is stuck and what keeps one alive, the most frequent first', async () => {
    const results = [
      { thread: MAIN_THREAD, state: 'stuck', frames: [run], silentSince: Date.UTC(2026, 0) },
      { thread: WORKER, state: 'waiting', frames: [], activeResources: ['Timeout', 'TCP', 'TCP'] },
    ];
    const threads = fakeThreads({ stacks: { capture: () => Promise.resolve({ results, skipped: [] }) } });
    const kind = kindOf('goroutine');
    const { samples } = await kind.capture(requestFor(kind), threads);
    expect(samples[0]?.notes).toEqual([
      expect.stringMatching(/^event loop has not turned since 2026-01-01T00:00:00.000Z \(-?[\d.]+ s ago/),
    ]);
    expect(samples[1]?.notes).toEqual(['active resources: 2 TCP, 1 Timeout']);
  });

  it('notes of a thread without a processor since when its loop has not turned, and claims no more', async () => {
    const results = [
      {
        thread: MAIN_THREAD,
        state: 'running',
        frames: [run],
        silentSince: Date.now() - 4000,
        starved: 0.764,
      },
    ];
    const threads = fakeThreads({ stacks: { capture: () => Promise.resolve({ results, skipped: [] }) } });
    const kind = kindOf('goroutine');
    const { samples } = await kind.capture(requestFor(kind), threads);
    expect(samples[0]?.notes).toEqual([
      expect.stringMatching(/^event loop has not turned since .* \(4\.\d s ago/),
      'it had no processor for 76 % of the time that it was waited for',
    ]);
    expect(samples[0]?.labels).toEqual({ thread: 'main', state: 'running' });
  });
});

describe('threadcreate', () => {
  it('counts the worker threads', async () => {
    const { samples } = readPprof(await encoded(kindOf('threadcreate')));
    expect(samples.map(({ values, labels }) => [values, labels.thread])).toEqual([[[1], 'worker 3 (mail)']]);
  });

  it.each([
    [{ results: [], skipped: [] }, 'worker threads: none'],
    [{ results: [], skipped: ['native call'] }, 'worker threads: not known'],
  ])('says where there are none, or none are known of', async (listed, comment) => {
    const threads = fakeThreads({ listWorkers: () => Promise.resolve(listed) });
    const { samples, comments } = readPprof(await encoded(kindOf('threadcreate'), {}, threads));
    expect(samples).toEqual([]);
    expect(comments).toContain(comment);
  });
});
