import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { silenceOf, HeapNotSampledError, ThreadUnreachableError } from './threads.errors.js';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import type { Inspector, InspectorTarget } from './inspector.connection.js';
import type { WorkerTargets } from './worker.targets.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
jest.unstable_mockModule('./worker.targets.js', () => ({
  WorkerTargets: { attach: (...args: Parameters<typeof attach>) => attach(...args) },
}));
const { WorkerHeap, WorkerHeaps } = await import('./worker.heaps.js');

const SAMPLING = { samplingInterval: 1024, stackDepth: 64 };
const patient = new AbortController().signal;

/** A worker's inspector, with V8's one sampling heap profiler; a read tells what it samples. */
class FakeWorker implements InspectorTarget {
  readonly thread = { id: 3, label: 'worker 3' };
  readonly posted: string[] = [];
  sampled: 'live' | 'all' | undefined;
  unreachable: string | undefined;

  on(): void {
    // No event matters here.
  }

  post<T>(method: string, params: object = {}): Promise<T> {
    const command = method.replace('HeapProfiler.', '');
    this.posted.push(command);
    const result = this.#do(command, params);
    return command === this.unreachable
      ? Promise.reject(new ThreadUnreachableError('worker 3', silenceOf(4000)))
      : (result as Promise<T>);
  }

  #do(command: string, params: object): Promise<unknown> {
    const { sampled } = this;
    if (command === 'startSampling') {
      this.sampled ??= 'includeObjectsCollectedByMajorGC' in params ? 'all' : 'live';
      return Promise.resolve({});
    }
    if (command === 'disable' || command === 'stopSampling') {
      this.sampled = undefined;
    }
    if (command === 'disable' || command === 'collectGarbage') {
      return Promise.resolve({});
    }
    const callFrame = { functionName: sampled, url: '', scriptId: '0', lineNumber: 0, columnNumber: 0 };
    return sampled
      ? Promise.resolve({ profile: { head: { callFrame, selfSize: 0, children: [] } } })
      : Promise.reject(new HeapNotSampledError('worker 3'));
  }
}

let attach: typeof WorkerTargets.attach;
let target: FakeWorker;

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
  target = new FakeWorker();
});

afterEach(() => {
  jest.useRealTimers();
});

async function window(heap: InstanceType<typeof WorkerHeap>, millis = 1000) {
  const capturing = heap.captureAllocations(millis, patient);
  await jest.advanceTimersByTimeAsync(millis);
  return capturing;
}

describe('WorkerHeap', () => {
  it('samples live objects from the beginning', async () => {
    const heap = new WorkerHeap(target, SAMPLING, true);
    await jest.advanceTimersByTimeAsync(500);
    expect(await heap.sample(false)).toMatchObject({
      root: { name: 'live' },
      since: 1_000_000,
      restarted: null,
    });
  });

  it('starts anew, and says so, where somebody else has stopped it', async () => {
    const heap = new WorkerHeap(target, SAMPLING, true);
    await heap.sample(false);
    target.sampled = undefined;
    await jest.advanceTimersByTimeAsync(500);
    expect(await heap.sample(false)).toMatchObject({
      root: { name: 'live' },
      since: 1_000_500,
      restarted: 'stopped-by-other',
    });
  });

  it('collects garbage before, where that is asked for', async () => {
    const heap = new WorkerHeap(target, SAMPLING, true);
    expect(await heap.sample(true)).toMatchObject({ collected: true });
    expect(target.posted.slice(-2)).toEqual(['collectGarbage', 'getSamplingProfile']);
  });

  it('leaves a sampler alone that somebody else has started', async () => {
    target.sampled = 'live';
    const heap = new WorkerHeap(target, SAMPLING, true);
    await expect(heap.sample(false)).rejects.toThrow('its heap sampler is held by another profiler');
    await expect(heap.captureAllocations(1, patient)).rejects.toThrow(
      'its heap sampler is held by another profiler',
    );
    expect(target.posted).toEqual(['getSamplingProfile']);
  });

  it('counts all allocations of a window, and samples live objects anew afterwards', async () => {
    const heap = new WorkerHeap(target, SAMPLING, true);
    const { total, before } = await window(heap);
    expect([total.root.name, before]).toEqual(['all', undefined]);
    expect(await heap.sample(true)).toMatchObject({
      root: { name: 'live' },
      since: 1_001_000,
      restarted: 'allocs',
      collected: true,
    });
  });

  it('tells during the window what was alive before', async () => {
    const heap = new WorkerHeap(target, SAMPLING, true);
    const capturing = heap.captureAllocations(1000, patient);
    await jest.advanceTimersByTimeAsync(500);
    expect(target.sampled).toBe('all');
    expect(await heap.sample(true)).toMatchObject({
      root: { name: 'live' },
      asOf: 1_000_000,
      collected: false,
    });
    await jest.advanceTimersByTimeAsync(500);
    await capturing;
  });

  it.each([false, true])(
    'tells so too where the window is just beginning, garbage collected first: %s',
    async (gc) => {
      const heap = new WorkerHeap(target, SAMPLING, true);
      await heap.sample(false);
      const sampling = gc ? heap.sample(true) : undefined;
      const capturing = heap.captureAllocations(1000, patient);
      // V8 has been told to stop, and not yet to count all allocations.
      while (target.posted.at(-1) !== 'stopSampling') {
        await Promise.resolve();
      }
      expect(await (sampling ?? heap.sample(false))).toMatchObject({
        root: { name: 'live' },
        asOf: 1_000_000,
        collected: false,
      });
      await jest.advanceTimersByTimeAsync(1000);
      expect((await capturing).total.root.name).toBe('all');
    },
  );

  it('leaves nothing running after the window where live objects are not sampled', async () => {
    const heap = new WorkerHeap(target, SAMPLING, false);
    await window(heap);
    expect(target.sampled).toBeUndefined();
  });

  it.each(['stopSampling', 'startSampling', 'getSamplingProfile'])(
    'samples live objects again where the thread was late to answer %s',
    async (command) => {
      const heap = new WorkerHeap(target, SAMPLING, true);
      await heap.sample(false);
      target.unreachable = command;
      const failing = expect(heap.captureAllocations(1000, patient)).rejects.toThrow(ThreadUnreachableError);
      await jest.advanceTimersByTimeAsync(1000);
      await failing;
      target.unreachable = undefined;
      expect(target.sampled).toBe('live');
      expect(await heap.sample(false)).toMatchObject({ root: { name: 'live' }, restarted: 'allocs' });
    },
  );
});

describe('WorkerHeaps', () => {
  const connection = { onClose: () => undefined, close: jest.fn() };
  const heapsOf = () => new WorkerHeaps({ open: () => connection } as unknown as Inspector, SAMPLING, true);

  /** The session to an application with these workers. */
  class FakeTargets {
    end: (target: InspectorTarget) => void = () => undefined;
    threads: Array<InspectorTarget['thread']> = [];
    readonly matured = () => Promise.resolve();

    constructor(workers: readonly FakeWorker[], whileAttaching: () => void = () => undefined) {
      this.threads = workers.map(({ thread }) => thread);
      attach = async (_, onWorker, onEnded) => {
        this.end = (ended) => {
          this.threads = this.threads.filter((thread) => thread !== ended.thread);
          onEnded?.(ended);
        };
        workers.forEach(onWorker);
        whileAttaching();
        return Promise.resolve(this as unknown as WorkerTargets);
      };
    }
  }

  beforeEach(() => {
    connection.close.mockClear();
  });

  it('keeps nothing of workers that have ended, though the session goes on for others', async () => {
    const [first, second] = [new FakeWorker(), new FakeWorker()];
    const targets = new FakeTargets([first, second]);
    const heaps = heapsOf();
    expect((await heaps.sample('all', false, patient)).results).toHaveLength(2);
    targets.end(first);
    const asked = first.posted.length;
    expect((await heaps.sample('all', false, patient)).results).toHaveLength(1);
    expect(first.posted).toHaveLength(asked);
    expect(connection.close).not.toHaveBeenCalled();
    targets.end(second);
    expect(connection.close).toHaveBeenCalledTimes(1);
  });

  it('has nothing where the last one ends while it is attaching, and says of nothing that it is missing', async () => {
    const worker = new FakeWorker();
    const targets = new FakeTargets([worker], () => {
      targets.end(worker);
      expect(connection.close).not.toHaveBeenCalled();
    });
    expect(await heapsOf().sample('all', false, patient)).toEqual({ results: [], skipped: [] });
    expect(connection.close).toHaveBeenCalledTimes(1);
  });

  it('samples on from the beginning where nobody has waited for the session to open', async () => {
    const worker = new FakeWorker();
    const targets = new FakeTargets([worker]);
    const attachNow = attach;
    attach = (...args) => new Promise((resolve) => setTimeout(() => resolve(attachNow(...args)), 100));
    const heaps = heapsOf();
    const client = new AbortController();
    const asked = expect(heaps.sample('all', false, client.signal)).rejects.toThrow('disconnected');
    client.abort(new Error('disconnected'));
    await asked;
    await jest.advanceTimersByTimeAsync(500);
    expect(connection.close).not.toHaveBeenCalled();
    expect((await heaps.sample('all', false, patient)).results).toMatchObject([{ since: 1_000_100 }]);
    targets.end(worker);
    expect(connection.close).toHaveBeenCalledTimes(1);
  });
});
