import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import type { BlockWatcher, OnBlock } from './block.watcher.js';
import type { FlightRecorder, Recording } from './flight.recorder.js';
import { syntheticFrame } from '../pprof/profile.model.js';

/** Undefined where the kernel does not tell. */
const main = { cpuNanos: undefined as number | undefined, waitedNanos: 0 };
const limit = { count: 2 };
const groups = new Map<string, { periods: number; throttled: number }>();
jest.unstable_mockModule('./kernel.threads.js', () => ({
  kernelThread: () => (main.cpuNanos === undefined ? undefined : main),
  processorLimit: () => limit,
  throttling: () => structuredClone(groups),
}));
const { Incidents } = await import('./incidents.js');

const STARTED_AT = Date.UTC(2026, 0, 1, 3);
const MEGABYTE = 2 ** 20;
const WORK = { name: 'work', file: '/app/a.js', line: 1, column: 1 };

const at = (seconds: number) => STARTED_AT + seconds * 1000;
const stackOf = (name: string, nanos: number) => ({ stack: [syntheticFrame(name)], values: [1, nanos] });

/** What the watch of the event loop tells. */
const watcher = {
  heapUsed: 0,
  blockedSince: undefined as number | undefined,
  onBlock: (listener: OnBlock) => (watcher.block = listener),
  block: (() => undefined) as OnBlock,
};

/** Has what it is given; all in `work`, with half of a processor. */
const recorder = {
  kept: undefined as { from: number; to: number } | undefined,
  refreshed: 0,
  onWindow: (listener: () => void) => (recorder.tell = listener),
  tell: () => undefined as void,
  refresh: () => Promise.resolve(void recorder.refreshed++),
  readKept(from: number, to: number): Recording {
    const { kept } = recorder;
    const [begin, end] = [Math.max(from, kept?.from ?? Infinity), Math.min(to, kept?.to ?? -Infinity)];
    const missing = begin === from && end === to ? [] : ['some'];
    if (begin >= end) {
      return { segments: [], from, to, missing };
    }
    const millis = end - begin;
    const count = Math.ceil(millis / 50);
    const log = Array.from({ length: count }, (_, index) => [(begin + index * 50) * 1000, 0, 0, -1]);
    const segment = {
      profile: encodeAddonProfile([{ stack: [WORK], values: [count, millis * 1e6, 0] }], millis * 1e6),
      sampleLog: new Uint8Array(Float64Array.from(log.flat()).buffer),
      labels: null,
      startedAt: begin,
      durationNanos: millis * 1e6,
      mainCpuNanos: (millis * 1e6) / 2,
    } as unknown as Recording['segments'][number];
    return { segments: [segment], from: begin, to: end, missing };
  },
};

/** Processors that are busy, and what came of it so far. */
let busy = 0;
let cpuMicros = 0;
let rss = 0;
let incidents: InstanceType<typeof Incidents>;

beforeEach(() => {
  jest.useFakeTimers({ now: STARTED_AT });
  [busy, cpuMicros, rss, limit.count] = [0, 0, 0, 2];
  Object.assign(main, { cpuNanos: 0, waitedNanos: 0 });
  groups.clear();
  Object.assign(watcher, { heapUsed: 0, blockedSince: undefined });
  Object.assign(recorder, { kept: undefined, refreshed: 0 });
  jest.spyOn(process.memoryUsage, 'rss').mockImplementation(() => rss);
  jest.spyOn(process, 'cpuUsage').mockImplementation(() => ({ user: cpuMicros, system: 0 }));
  incidents = new Incidents(
    watcher as unknown as BlockWatcher,
    recorder as unknown as FlightRecorder,
    {
      minutes: 15,
      hz: 20,
      labels: false,
      blockThreshold: 1000,
      heapLimit: 100 * MEGABYTE,
      rssLimit: 500 * MEGABYTE,
    } as ConstructorParameters<typeof Incidents>[2],
  );
  incidents.start();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    cpuMicros += busy * 1e6;
    await jest.advanceTimersByTimeAsync(1000);
  }
}

function record(from: number, to: number): void {
  recorder.kept = { from: at(from), to: at(to) };
  recorder.tell();
}

const list = async () =>
  (await incidents.list(false)).map(({ kind, from, to }) => [
    kind,
    (from - STARTED_AT) / 1000,
    to === undefined ? undefined : (to - STARTED_AT) / 1000,
  ]);

it('goes on where a figure cannot be had, as the process has no file descriptor left', async () => {
  rss = 600 * MEGABYTE;
  await pass(1);
  jest.mocked(process.memoryUsage.rss).mockImplementation(() => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory');
  });
  await pass(2);
  expect(await list()).toEqual([['rss', 1, undefined]]);
});

describe('Incidents, a loop that is blocked', () => {
  it('are those longer than the threshold, with the stacks seen longest', async () => {
    watcher.block(at(1), at(2), []);
    recorder.kept = { from: at(0), to: at(20) };
    const stacks = ['a', 'b', 'c', 'd'].map((name, index) => stackOf(name, (4 - index) * 1e9));
    watcher.block(at(5), at(7.5), stacks);
    expect(await list()).toEqual([['blocked', 5, 7.5]]);
    const [incident] = await incidents.list(false);
    expect(incident!.stacks!.map(({ stack: [frame], share }) => [frame!.functionName, share])).toEqual([
      ['a', 0.4],
      ['b', 0.3],
      ['c', 0.2],
    ]);
    expect(incident!.mainCpuNanos).toBe(1.25e9);
  });

  it('have no CPU time where not all of it is recorded', async () => {
    recorder.kept = { from: at(6), to: at(20) };
    watcher.block(at(5), at(7.5), []);
    expect((await incidents.list(false))[0]).toMatchObject({ mainCpuNanos: undefined, stacks: [] });
  });

  it('has the one that goes on, with what is recorded of it', async () => {
    await pass(10);
    watcher.blockedSince = at(9.5);
    expect(await list()).toEqual([]);
    watcher.blockedSince = at(7);
    recorder.kept = { from: at(0), to: at(9) };
    expect(await list()).toEqual([['blocked', 7, undefined]]);
    const [incident] = await incidents.list(true);
    expect(recorder.refreshed).toBe(1);
    expect(incident!.stacks).toMatchObject([{ stack: [{ functionName: 'work' }], share: 1 }]);
  });

  it('keeps the last hundred, the newest first', async () => {
    for (let second = 0; second < 300; second += 2) {
      watcher.block(at(second), at(second + 1.5), []);
    }
    const listed = await list();
    expect(listed).toHaveLength(100);
    expect(listed[0]).toEqual(['blocked', 298, 299.5]);
    expect(listed.at(-1)).toEqual(['blocked', 100, 101.5]);
  });
});

describe('Incidents, memory above a line', () => {
  it('is one until it is well below the line again', async () => {
    watcher.heapUsed = 90 * MEGABYTE;
    rss = 499 * MEGABYTE;
    await pass(3);
    expect(await list()).toEqual([]);
    watcher.heapUsed = 110 * MEGABYTE;
    await pass(3);
    watcher.heapUsed = 130 * MEGABYTE;
    await pass(2);
    watcher.heapUsed = 95 * MEGABYTE;
    await pass(2);
    expect(await list()).toEqual([['heap', 4, undefined]]);
    watcher.heapUsed = 80 * MEGABYTE;
    await pass(1);
    expect(await list()).toEqual([['heap', 4, 11]]);
    expect(await incidents.list(false)).toMatchObject([{ peak: 130 * MEGABYTE, limit: 100 * MEGABYTE }]);
    rss = 600 * MEGABYTE;
    await pass(1);
    expect((await list())[0]).toEqual(['rss', 12, undefined]);
  });

  it('gets its stacks, from before it was there, when the recorder has a window of it, and its CPU time at its end', async () => {
    await pass(20);
    watcher.heapUsed = 110 * MEGABYTE;
    await pass(2);
    record(0, 20);
    expect((await incidents.list(false))[0]!.stacks).toBeUndefined();
    const read = jest.spyOn(recorder, 'readKept');
    record(0, 22);
    expect(read).toHaveBeenCalledWith(at(11), at(22));
    expect((await incidents.list(false))[0]).toMatchObject({
      stacks: [{ stack: [{ functionName: 'work' }] }],
      mainCpuNanos: undefined,
    });
    watcher.heapUsed = 0;
    await pass(3);
    record(0, 22.5);
    expect((await incidents.list(false))[0]!.mainCpuNanos).toBeUndefined();
    record(0, 40);
    // From the 21st second to the 23rd.
    expect((await incidents.list(false))[0]!.mainCpuNanos).toBe(1e9);
  });
});

describe('Incidents, processors at their limit', () => {
  it('is one after 30 s of it, from where it began', async () => {
    busy = 1.95;
    await pass(29);
    expect(await list()).toEqual([]);
    await pass(1);
    expect(await list()).toEqual([['cpu', 0, undefined]]);
    expect((await incidents.list(false))[0]).toMatchObject({ limit: 2 });
  });

  it('counts a moment below the limit as the end of it', async () => {
    limit.count = 0.5;
    busy = 0.5;
    await pass(20);
    limit.count = 2;
    await pass(1);
    limit.count = 0.5;
    await pass(20);
    expect(await list()).toEqual([]);
    await pass(10);
    expect((await list()).map(([kind]) => kind)).toEqual(['cpu']);
  });

  /** One second after the other, in which main has so much of a processor, waits for one, and a quota holds the process up. */
  async function passAs(
    seconds: number,
    {
      cpu,
      waited = 0,
      throttled,
      group = '/app',
    }: { cpu: number; waited?: number; throttled?: number; group?: string },
  ): Promise<void> {
    busy = cpu;
    for (let second = 0; second < seconds; second += 1) {
      main.cpuNanos! += cpu * 1e9;
      main.waitedNanos += waited * 1e9;
      const before = groups.get(group) ?? { periods: 0, throttled: 0 };
      if (throttled !== undefined) {
        groups.set(group, { periods: before.periods + 10, throttled: before.throttled + throttled });
      }
      await pass(1);
    }
  }

  it('has the main thread alone, too, where the process has more processors', async () => {
    await passAs(31, { cpu: 1 });
    expect(await list()).toEqual([['main-cpu', 0, undefined]]);
  });

  it('is one where neighbours leave less than the quota, which holds the process up in nearly each of its periods', async () => {
    limit.count = 0.5;
    await passAs(1, { cpu: 0, throttled: 0 });
    await passAs(31, { cpu: 0.44, throttled: 9 });
    expect(await list()).toEqual([['cpu', 1, undefined]]);
    const [{ use, peak } = {}] = await incidents.list(false);
    expect(use!.throttled / use!.periods).toBeCloseTo(0.9);
    expect(use!.cpu / use!.millis).toBeCloseTo(0.44);
    expect(peak).toBeCloseTo(0.44);
  });

  it('knows the quota of a group around its own', async () => {
    limit.count = 0.5;
    groups.set('/pod/app', { periods: 5, throttled: 5 });
    await passAs(1, { cpu: 0, throttled: 0, group: '/pod' });
    await passAs(30, { cpu: 0.3, throttled: 10, group: '/pod' });
    expect((await list()).map(([kind]) => kind)).toEqual(['cpu']);
  });

  it.each([
    ['is held up now and then', { cpu: 0.4, throttled: 5 }],
    ['does little beside another process of the group, which uses up the quota', { cpu: 0.1, throttled: 10 }],
    ['has been held up long ago', { cpu: 0.45, throttled: 0 }],
    ['has no quota', { cpu: 0.45 }],
  ])('is none where the process %s', async (_, use) => {
    limit.count = 0.5;
    groups.set('/app', { periods: 1000, throttled: 1000 });
    await passAs(60, use);
    expect(await list()).toEqual([]);
  });

  it('is one of the main thread where that is ready to run all the time, and others have the processors', async () => {
    await passAs(10, { cpu: 0.6, waited: 0.1 });
    await passAs(31, { cpu: 0.6, waited: 0.4 });
    expect(await list()).toEqual([['main-cpu', 10, undefined]]);
    await passAs(5, { cpu: 0.1, waited: 0.1 });
    expect(await list()).toEqual([['main-cpu', 10, 41]]);
    const [{ use } = {}] = await incidents.list(false);
    expect(use!.mainWaited! / use!.millis).toBeCloseTo(0.4);
  });

  it('takes a wait that counts late, as it was not over, for what it was', async () => {
    for (let second = 0; second < 36; second += 3) {
      await passAs(2, { cpu: 0.2, waited: 0.4 });
      await passAs(1, { cpu: 0.2, waited: 1.6 });
    }
    expect(await list()).toEqual([['main-cpu', 2, undefined]]);
  });

  it('does not tell of the main thread where the kernel does not', async () => {
    main.cpuNanos = undefined;
    busy = 1;
    await pass(60);
    expect(await list()).toEqual([]);
  });

  it('is in the list while it goes on, however much happens meanwhile', async () => {
    busy = 2;
    await pass(30);
    for (let second = 30; second < 300; second += 2) {
      watcher.block(at(second), at(second + 1.5), []);
    }
    const listed = await list();
    expect(listed).toHaveLength(100);
    expect(listed.at(-1)).toEqual(['cpu', 0, undefined]);
  });
});

it('has the length that an incident had, whatever the clock was set to meanwhile', async () => {
  busy = 2;
  rss = 600 * MEGABYTE;
  await pass(30);
  jest.setSystemTime(at(30 - 3600));
  await pass(10);
  [busy, rss] = [0, 0];
  await pass(5);
  expect((await list()).toSorted()).toEqual([
    ['cpu', 0, 40],
    ['rss', 1, 41],
  ]);
});
