import { Session } from 'node:inspector';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { samplesOfAllocations } from '../thread/pprof/allocation.tree.js';
import { addonIfLoaded, loadAddon } from './profiler.addon.js';
import { HeapSamplingOffError, SamplerHeldError } from '../shared/agent.errors.js';
import { type AllocationNode, monotonicMillis } from '../shared/agent.protocol.js';
import { HeapSampler } from './heap.sampler.js';
import { OomWatch } from './oom.watch.js';

const SAMPLING = { samplingInterval: 16 * 1024, stackDepth: 64 };

const sampler = new HeapSampler(monotonicMillis);

const session = new Session();
session.connect();
afterAll(() => session.disconnect());

/** As DevTools would; on the same thread the answer is there at once. */
function post(method: string): void {
  let failure: Error | null = null;
  session.post(method, (error) => (failure = error));
  if (failure) {
    throw failure as Error;
  }
}

afterEach(() => {
  sampler.stop();
});

function leak(): string[][] {
  return Array.from({ length: 200 }, (_, index) => Array.from({ length: 1000 }, () => `${index}`));
}

describe('HeapSampler', () => {
  it('does not load the native addon before it is started', () => {
    expect(() => sampler.sample()).toThrow(HeapSamplingOffError);
    sampler.stop();
    expect(addonIfLoaded()).toBeUndefined();
  });

  it('finds what is alive, with the stack that has allocated it', () => {
    sampler.start(SAMPLING);
    const kept = leak();
    const sample = sampler.sample();
    expect(kept).toHaveLength(200);
    expect(sample).toMatchObject({
      ...SAMPLING,
      memory: { rss: expect.any(Number), external: expect.any(Number) },
    });
    expect(sample.startedAt).toBeLessThanOrEqual(sample.takenAt);
    const bytes = samplesOfAllocations(sample.root, 64)
      .filter(({ stack }) => stack.some(({ functionName }) => functionName === 'leak'))
      .reduce((total, { values }) => total + values[1]!, 0);
    // 1.6 MB of pointers, sampled every 16 KiB.
    expect(bytes).toBeGreaterThan(500_000);
  });

  it('can be asked again and again', () => {
    sampler.start(SAMPLING);
    const first = sampler.sample();
    expect(sampler.sample()).toMatchObject({ startedAt: first.startedAt });
  });

  it('runs once, however often it is started', () => {
    sampler.start(SAMPLING);
    sampler.start({ ...SAMPLING, stackDepth: 3 });
    expect(sampler.sample().stackDepth).toBe(64);
  });

  it('says that it is off after it was stopped, and can start again', () => {
    sampler.start(SAMPLING);
    sampler.stop();
    expect(() => sampler.sample()).toThrow(HeapSamplingOffError);
    sampler.start(SAMPLING);
    expect(() => sampler.sample()).not.toThrow();
  });

  it('says who may hold the sampler where another profiler has started it, and says so to whoever asks later', () => {
    const { heap } = loadAddon();
    heap.start(512 * 1024, 64);
    try {
      expect(() => sampler.start(SAMPLING)).toThrow(SamplerHeldError);
      expect(() => sampler.sample()).toThrow(/^the heap sampler is held by another profiler/);
      sampler.stop();
      expect(() => heap.v8Profile()).not.toThrow();
    } finally {
      heap.stop();
    }
    sampler.start(SAMPLING);
    expect(() => sampler.sample()).not.toThrow();
    sampler.stop();
    expect(() => sampler.sample()).toThrow(HeapSamplingOffError);
  });

  it("starts anew where somebody else has stopped V8's sampler, and says so", () => {
    sampler.start(SAMPLING);
    const before = sampler.sample();
    post('HeapProfiler.startSampling');
    post('HeapProfiler.stopSampling');
    const sample = sampler.sample();
    expect([before.restarted, sample.restarted]).toEqual([null, 'stopped-by-other']);
    expect(sample.startedAt).toBeGreaterThanOrEqual(before.startedAt);
  });

  it("tells that another has V8's sampler where the addon does not know of it", () => {
    post('HeapProfiler.startSampling');
    try {
      expect(() => sampler.start(SAMPLING)).toThrow(SamplerHeldError);
    } finally {
      post('HeapProfiler.stopSampling');
    }
    // And tries again for whoever asks.
    expect(sampler.sample()).toMatchObject({ restarted: null });
  });
});

describe('HeapSampler, whose heap was full', () => {
  const EXPORT = ['export'];

  it('has the addon export again, not soon, and with no more room while the heap has that which it was given', () => {
    jest.useFakeTimers();
    const { heap } = loadAddon();
    const v8 = process.getBuiltinModule('node:v8');
    const monitored = jest.spyOn(heap, 'monitorOutOfMemory').mockImplementation(() => undefined);
    const limited = jest.spyOn(v8, 'getHeapStatistics');
    const extensions = () => monitored.mock.calls.map(([, count]) => count);
    try {
      sampler.start(
        SAMPLING,
        new OomWatch(
          () => EXPORT,
          () => undefined,
        ),
      );
      expect(monitored.mock.calls).toEqual([['auto', 1, false, EXPORT]]);
      jest.advanceTimersByTime(29_000);
      expect(extensions()).toEqual([1]);
      const statistics = v8.getHeapStatistics();
      limited.mockReturnValue({ ...statistics, heap_size_limit: statistics.heap_size_limit + 2 ** 24 });
      jest.advanceTimersByTime(1000);
      expect(extensions()).toEqual([1, 0]);
      limited.mockReturnValue(statistics);
      monitored.mockImplementationOnce(() => {
        throw new Error('Heap profiler must already be started');
      });
      jest.advanceTimersByTime(60_000);
      expect(extensions()).toEqual([1, 0, 1, 1]);
      sampler.stop();
      jest.advanceTimersByTime(60_000);
      expect(extensions()).toEqual([1, 0, 1, 1]);
    } finally {
      monitored.mockRestore();
      limited.mockRestore();
      jest.useRealTimers();
    }
  });
});

describe('HeapSampler, counting all allocations', () => {
  const bytesOf = (root: AllocationNode, name: string) =>
    samplesOfAllocations(root, 64)
      .filter(({ stack }) => stack.some(({ functionName }) => functionName === name))
      .reduce((total, { values }) => total + values[1]!, 0);

  function litter(): number {
    return leak().length;
  }

  it('has what is garbage by now, with the number of objects', () => {
    sampler.start(SAMPLING);
    sampler.beginAllocations(SAMPLING);
    // 1.6 MB of pointers each.
    const made = [litter(), litter(), litter(), litter()];
    const { root } = sampler.readAllocations();
    expect(made).toHaveLength(4);
    expect(bytesOf(root, 'litter')).toBeGreaterThan(3_000_000);
    expect(samplesOfAllocations(root, 64).some(({ values }) => values[0]! > 0)).toBe(true);
  });

  it('hands over what was alive before, and samples that anew afterwards', () => {
    sampler.start(SAMPLING);
    const kept = leak();
    const { live } = sampler.beginAllocations(SAMPLING);
    expect(bytesOf(live!.root, 'leak')).toBeGreaterThan(500_000);
    expect(() => sampler.sample()).toThrow(/^a capture of all allocations /);
    expect(sampler.endAllocations()).toMatchObject({ restarted: 'allocs' });
    const after = sampler.sample();
    expect(kept).toHaveLength(200);
    expect(after.restarted).toBe('allocs');
    expect(bytesOf(after.root, 'leak')).toBe(0);
  });

  it('needs no sampling of live objects, and starts none', () => {
    expect(sampler.beginAllocations(SAMPLING)).toEqual({ live: null });
    expect(() => sampler.sample()).toThrow(HeapSamplingOffError);
    expect(sampler.readAllocations().root).toBeDefined();
    expect(sampler.endAllocations()).toBeNull();
    expect(() => post('HeapProfiler.getSamplingProfile')).toThrow('not started');
  });

  it('ends with the sampler, and leaves nothing running', () => {
    sampler.start(SAMPLING);
    sampler.beginAllocations(SAMPLING);
    const start = jest.spyOn(loadAddon().heap, 'start');
    sampler.stop();
    expect(start).not.toHaveBeenCalled();
    start.mockRestore();
    expect(() => post('HeapProfiler.getSamplingProfile')).toThrow('not started');
    expect(() => sampler.readAllocations()).toThrow('was ended within the window');
  });

  it("says so where somebody else has stopped V8's sampler within the window, and samples live objects afterwards", () => {
    sampler.start(SAMPLING);
    sampler.beginAllocations(SAMPLING);
    post('HeapProfiler.startSampling');
    post('HeapProfiler.stopSampling');
    expect(() => sampler.readAllocations()).toThrow(
      expect.objectContaining({
        status: 409,
        message: expect.stringMatching(/^the count .* is lost: something else/),
      }),
    );
    expect(sampler.endAllocations()).toMatchObject({ restarted: 'allocs' });
    expect(() => sampler.sample()).not.toThrow();
  });

  it('does not take the sampler from another profiler', () => {
    post('HeapProfiler.startSampling');
    try {
      expect(() => sampler.beginAllocations(SAMPLING)).toThrow(SamplerHeldError);
      expect(() => post('HeapProfiler.getSamplingProfile')).not.toThrow();
    } finally {
      post('HeapProfiler.stopSampling');
    }
  });
});

describe('HeapSampler, of a heap with very many stacks', () => {
  let seconds: number;

  /** Each read takes the thread so much CPU time. */
  function readsTake(millis: number): void {
    const { heap } = loadAddon();
    const read = heap.v8Profile;
    jest.spyOn(heap, 'v8Profile').mockImplementation(() => {
      const end = process.cpuUsage().user + millis * 1000;
      while (process.cpuUsage().user < end) {
        // Many at a time: the clock of the kernel would take more of the time than the loop.
        for (let i = 0, x = 1; i < 20_000; i += 1) {
          x = Math.imul(x, 1103515245) + 12345;
        }
      }
      return read();
    });
    seconds = 1000;
    jest.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(seconds) * 1_000_000_000n);
  }

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is read twice, for a difference, and then not before that has been one part in a hundred', () => {
    sampler.start(SAMPLING);
    readsTake(300);
    sampler.sample();
    sampler.sample();
    expect(() => sampler.sample()).toThrow(
      /took \d+ ms of the main thread the last time, .* Ask again in \d+ s\. A heap\.samplingInterval larger than 16384 /,
    );
    expect(() => sampler.beginAllocations(SAMPLING)).toThrow(/^to read the heap profile took /);
    seconds += 50;
    expect(() => sampler.sample()).toThrow(/^to read the heap profile took /);
    seconds += 300;
    sampler.sample();
    seconds += 1;
    sampler.sample();
    expect(() => sampler.sample()).toThrow(/^to read the heap profile took /);
    sampler.stop();
    sampler.start(SAMPLING);
    sampler.sample();
  });

  it('is read as often as anybody likes where that takes little', () => {
    sampler.start(SAMPLING);
    readsTake(1);
    for (let time = 0; time < 5; time++) {
      sampler.sample();
    }
  });
});
