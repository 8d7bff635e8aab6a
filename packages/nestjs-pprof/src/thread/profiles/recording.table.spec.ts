import { describe, expect, it } from '@jest/globals';
import { PROFILE_NAMES } from '../../shared/profile.names.js';
import { BadParameterError } from './query.parameters.js';
import type { Profile } from '../pprof/profile.model.js';
import { cpuProfile } from './cpu.profile.js';
import { profileRecording } from './profile.recording.js';
import type { RecordingContext, RecordingOptions } from './recording.kind.js';
import { RECORDINGS } from './recording.table.js';

const { signal } = new AbortController();
const OPTIONS: RecordingOptions = { maxSeconds: 300, thresholdMillis: 20, heapSnapshot: true };

const kindOf = (name: string) => RECORDINGS.find((kind) => kind.name === name)!;

function prepare(name: string, query: Record<string, string> = {}, options: Partial<RecordingOptions> = {}) {
  return kindOf(name).prepare(query, { ...OPTIONS, ...options });
}

describe('the table of recordings', () => {
  it('has each name once, fit for a path, and a sentence for the index page', () => {
    const names = RECORDINGS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z]+$/.test(name))).toEqual([]);
    // Those that the option `profiles` takes.
    expect(names.toSorted()).toEqual([...PROFILE_NAMES].toSorted());
    for (const { description } of RECORDINGS) {
      expect(description).toMatch(/^[A-Z].{20,}\.$/);
    }
  });

  it('has a flame graph of every profile, and a timeline of that which has one', () => {
    expect(kindOf('heap').views).toEqual([{ text: 'flame graph', query: '', order: 'left-heavy' }]);
    expect(kindOf('profile').views).toEqual([
      { text: 'flame graph', query: '?seconds=5', order: 'left-heavy' },
      { text: 'timeline of the main thread', query: '?seconds=5&format=cpuprofile', order: 'time-ordered' },
    ]);
    expect([...kindOf('trace').views, ...kindOf('heapsnapshot').views]).toEqual([]);
  });

  it.each([
    ['profile', {}, { as: 'file', fileName: 'profile' }],
    ['profile', { format: 'text' }, { as: 'text' }],
    ['profile', { format: 'cpuprofile' }, { as: 'file', fileName: 'profile.cpuprofile' }],
    ['heap', {}, { as: 'file', fileName: 'heap' }],
    ['heap', { seconds: '5' }, { as: 'file', fileName: 'heap-delta' }],
    ['heap', { debug: '1' }, { as: 'text' }],
    ['heap', { debug: '1', format: 'heapprofile', threads: 'all' }, { as: 'text' }],
    ['heap', { format: 'heapprofile' }, { as: 'file', fileName: 'heap.heapprofile' }],
    ['trace', {}, { as: 'file', fileName: 'trace.json' }],
    ['heapsnapshot', {}, { as: 'file', fileName: 'heap.heapsnapshot' }],
  ])('%s with %j is answered as %j', (name, query, head) => {
    expect(prepare(name, query as Record<string, string>).head).toEqual(head);
  });
});

it.each([
  ...RECORDINGS.filter(({ name }) => name !== 'heapsnapshot').map(({ name }) => [name, 'second', 'seconds']),
  ['heapsnapshot', 'thread', 'threads'],
])('%s refuses %j: it would answer another question', (name, given, meant) => {
  expect(() => prepare(name, { [given]: '0' })).toThrow(`no parameter "${given}": is "${meant}" meant?`);
});

it.each(['profile', 'trace'])('%s names a parameter that it does not look at, and goes on', async (name) => {
  const text = /"comments":\["parameters that are not looked at: job"\]/;
  const { context } = askedOf(
    name === 'trace'
      ? { events: { texts: () => [Buffer.from('')], lost: undefined }, startedAt: 0, durationMillis: 1 }
      : { nodes: [], startTime: 0, endTime: 1, samples: [], timeDeltas: [] },
  );
  const query = { job: 'scrape', ...(name === 'profile' && { format: 'cpuprofile' }) };
  const body = await prepare(name, query).record(context, signal);
  const written =
    typeof body === 'object' && 'stream' in body
      ? Buffer.concat((await body.stream.toArray()) as Buffer[])
      : (body as { bytes: Buffer }).bytes;
  expect(written.toString()).toMatch(text);
});

/** Notes what the threads are asked for in V8's formats. */
function askedOf(answer: unknown): { asked: unknown[]; context: RecordingContext } {
  const asked: unknown[] = [];
  const ask = (name: string) => (request: object) => {
    asked.push({ name, ...request });
    return Promise.resolve(answer);
  };
  const threads = {
    cpu: { captureV8: ask('cpu') },
    heaps: { sampleV8Profile: ask('heap') },
    tracer: { record: ask('trace') },
    snapshots: { take: ask('snapshot') },
  };
  const sourceMaps = { load: () => Promise.resolve({ mapped: () => undefined, describeUnused: () => [] }) };
  const process = { pid: 1, entryScript: '/app/main.js' };
  return { asked, context: { threads, sourceMaps, process } as unknown as RecordingContext };
}

it.each(RECORDINGS.map(({ name }) => name).filter((name) => name !== 'profile'))(
  '%s of what is past is refused: it would be of what is now',
  (name) => {
    expect(() => prepare(name, { past: '300' })).toThrow(/^"past" parameter is of profile alone/);
  },
);

describe('V8’s own formats', () => {
  const callFrame = { functionName: '(root)', url: '', lineNumber: -1, columnNumber: -1 };
  const cpu = { nodes: [{ id: 1, callFrame }], samples: [1], timeDeltas: [5], startTime: 0, endTime: 5 };
  const heap = { head: { callFrame, selfSize: 0, children: [] }, samples: [] };

  it.each([
    ['profile', { format: 'cpuprofile' }, cpu, { name: 'cpu', thread: 0, seconds: 30, hz: 100 }],
    ['profile', { format: 'cpuprofile', threads: '3', hz: '50' }, cpu, { thread: 3, hz: 50 }],
    ['heap', { format: 'heapprofile' }, heap, { name: 'heap', thread: 0, gc: false }],
    ['heap', { format: 'heapprofile', threads: '0', gc: '1' }, heap, { thread: 0, gc: true }],
  ])('%s with %j asks one thread, main unless told otherwise', async (name, query, answer, expected) => {
    const { asked, context } = askedOf(answer);
    const body = await prepare(name, query as Record<string, string>).record(context, signal);
    expect(asked).toEqual([expect.objectContaining({ ...expected, signal })]);
    expect(JSON.parse(String(body))).toEqual(answer);
  });

  it('say why a map is not used in the file, and beside it, as no viewer shows that', async () => {
    const { context } = askedOf(cpu);
    const comments = ['no source map of /app/dist/main.js'];
    const sourceMaps = {
      load: () => Promise.resolve({ mapped: () => undefined, describeUnused: () => comments }),
    };
    const withUnused = { ...context, sourceMaps } as unknown as RecordingContext;
    const body = await prepare('profile', { format: 'cpuprofile' }).record(withUnused, signal);
    expect(body).toEqual({ bytes: Buffer.from(JSON.stringify({ ...cpu, comments })), comments });
  });

  it.each([
    ['profile', { format: 'cpuprofile', threads: 'all' }, /"threads" - must be main or one thread id/],
    ['profile', { format: 'cpuprofile', threads: '1,2' }, /"threads"/],
    ['heap', { format: 'heapprofile', threads: 'all' }, /as format=heapprofile is of exactly one thread$/],
    [
      'heap',
      { format: 'heapprofile', seconds: '5' },
      /^"seconds" parameter is not supported with format=heapprofile$/,
    ],
    ['heap', { format: 'cpuprofile' }, /"format"/],
    ['goroutine', { format: 'heapprofile' }, /"format"/],
  ])('%s with %j is refused', (name, query, message) => {
    expect(() => prepare(name, query as Record<string, string>)).toThrow(BadParameterError);
    expect(() => prepare(name, query as Record<string, string>)).toThrow(message);
  });
});

describe('trace', () => {
  const events = { lost: undefined as number | undefined, texts: () => [Buffer.from('{"ph":"X"}')] };
  const trace = { events, startedAt: Date.UTC(2026, 0), durationMillis: 1500.4 };

  async function record(query: Record<string, string>, answer: unknown = trace) {
    const { asked, context } = askedOf(answer);
    const body = await prepare('trace', query).record(context, signal);
    if (typeof body === 'string' || !('stream' in body)) {
      throw new Error('not a stream');
    }
    const chunks: Buffer[] = [];
    for await (const chunk of body.stream) {
      chunks.push(chunk as Buffer);
    }
    const file = Buffer.concat(chunks);
    expect(file.length).toBe(body.size);
    return { asked, file: JSON.parse(file.toString()) as Record<string, unknown> };
  }

  it.each([
    [{}, 1000],
    [{ seconds: '2' }, 2000],
    [{ seconds: '0.25' }, 250],
    [{ seconds: '300' }, 300_000],
  ])('%j asks for %d ms', async (query, millis) => {
    const { asked } = await record(query as Record<string, string>);
    expect(asked).toEqual([expect.objectContaining({ name: 'trace', millis, signal })]);
  });

  it('asks for the categories that explain a stall, or for those that are named, each once', async () => {
    const [byDefault] = (await record({})).asked;
    expect(byDefault).toMatchObject({
      categories: expect.arrayContaining(['v8', 'node.http', 'node.fs.sync']),
    });
    const [named] = (await record({ categories: 'v8,node.fs.async,v8' })).asked;
    expect(named).toMatchObject({ categories: ['v8', 'node.fs.async'] });
  });

  it.each(['0', '-1', '', 'abc', '1e2', '0x10', '.5', '1.', ' 1', '0.0', 'Infinity', '1,5'])(
    'refuses seconds=%j',
    (seconds) => {
      expect(() => prepare('trace', { seconds })).toThrow(
        new BadParameterError('invalid value for "seconds" - must be a positive number'),
      );
    },
  );

  it('refuses more than the maximum', () => {
    expect(() => prepare('trace', { seconds: '300.1' })).toThrow(/the maximum is 300 /);
  });

  it.each([
    '',
    'nonsense',
    'v8,',
    'node',
    'node.async_hooks',
    'v8,disabled-by-default-v8.cpu_profiler',
    '__proto__',
  ])('refuses categories=%j and names those there are', (categories) => {
    expect(() => prepare('trace', { categories })).toThrow(
      /^invalid value for "categories" - must be .*node\.fs\.sync/,
    );
  });

  it('is a JSON object with what it is of', async () => {
    const { file } = await record({ seconds: '1.5', categories: 'v8' });
    expect(file).toEqual({
      traceEvents: [{ ph: 'X' }],
      displayTimeUnit: 'ms',
      otherData: {
        application: '/app/main.js',
        pid: 1,
        node: process.version,
        categories: 'v8',
        startedAt: '2026-01-01T00:00:00.000Z',
        durationMillis: 1500,
        complete: expect.stringMatching(/^as far as/),
      },
    });
  });

  it('says that it was ended early where there was no room', async () => {
    const { file } = await record({}, { ...trace, events: { ...events, lost: 12 } });
    expect(file.otherData).toMatchObject({
      complete: expect.stringMatching(/^no, ended early: .* 12 events/),
    });
  });
});

describe('heapsnapshot', () => {
  it('is off unless switched on, and says how and what it holds, before anything else is checked', () => {
    const off = () => prepare('heapsnapshot', { threads: 'nonsense' }, { heapSnapshot: false });
    expect(off).toThrow(expect.objectContaining({ status: 404 }));
    expect(off).toThrow(/Set "heapSnapshot: true" .* every string of the heap, passwords and keys included/);
  });

  it('asks one thread, main unless told otherwise', async () => {
    const { asked, context } = askedOf(null);
    await prepare('heapsnapshot').record(context, signal);
    await prepare('heapsnapshot', { threads: '4' }).record(context, signal);
    expect(asked).toEqual([
      { name: 'snapshot', thread: 0, signal },
      { name: 'snapshot', thread: 4, signal },
    ]);
    expect(() => prepare('heapsnapshot', { threads: 'all' })).toThrow(BadParameterError);
  });
});

describe('of one route', () => {
  const sampleOf = (route: string | undefined, name: string, value: number, handler = {}) => ({
    stack: [{ name, file: '/app/a.ts', line: 1, column: 1, startLine: 1 }],
    values: [1, value, value],
    labels: { thread: 'main', ...handler, ...(route === undefined ? {} : { route }) },
    notes: [],
  });
  const profile = {
    sampleTypes: ['samples', 'wall', 'cpu'].map((type) => ({ type, unit: 'count' })),
    samples: [
      sampleOf('GET /a', 'inA', 3),
      sampleOf('POST /b', 'inB', 4),
      sampleOf('POST /b', 'inCats', 2, { resolver: 'CatsResolver', handler: 'cats' }),
      sampleOf(undefined, 'other', 5),
    ],
    startedAt: 0,
    comments: [],
  };
  const kind = profileRecording({
    ...cpuProfile,
    capture: () => Promise.resolve(profile as unknown as Profile),
  });
  const context = {
    symbolizer: { symbolize: (captured: Profile) => Promise.resolve(captured) },
    process: { pid: 1, entryScript: '/app/main.js' },
  } as unknown as RecordingContext;
  const textOf = async (query: Record<string, string>) =>
    String(await kind.prepare({ format: 'text', ...query }, OPTIONS).record(context, signal));

  it.each(['GET /a', '/a'])('%s is that of its samples alone', async (route) => {
    const text = await textOf({ route });
    expect(text).toMatch(/# only what was done for requests of the route/);
    expect(text).toMatch(/inA/);
    expect(text).not.toMatch(/inB|other/);
  });

  it('is that of all resolvers where they have one route, or of one of these', async () => {
    const ofAll = await textOf({ route: 'POST /b' });
    expect(ofAll).toMatch(/inB[^]*inCats/);
    expect(ofAll).not.toMatch(/inA|other/);
    const ofOne = await textOf({ route: 'CatsResolver.cats' });
    expect(ofOne).toMatch(/inCats/);
    expect(ofOne).not.toMatch(/inA|inB|other/);
  });

  it('says which routes there are where there is none, and is of all where nobody has filled it in', async () => {
    expect(await textOf({ route: '/c' })).toMatch(
      /nothing was seen of the route \/c; routes that were: GET \/a, POST \/b, CatsResolver\.cats$/m,
    );
    expect(await textOf({ route: '' })).toMatch(/other[^]*inB|inB[^]*other/);
  });
});
