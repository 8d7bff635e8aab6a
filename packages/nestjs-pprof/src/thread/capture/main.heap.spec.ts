import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AgentFailureError, RecordingHeldError, silenceOf, ThreadStuckError } from './threads.errors.js';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import type { AgentClient } from './agent.client.js';
import type { InspectorConnection } from './inspector.connection.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const posted: string[] = [];
let releaseCollection = () => undefined as void;
const { MainHeap } = await import('./main.heap.js');

/** Answers at once, but for a collection of garbage. */
const inspector = {
  using: <T>(use: (connection: InspectorConnection) => Promise<T>) =>
    use({
      thread: { id: 0, label: 'main' },
      post: (method: string) => {
        posted.push(method);
        return method === 'HeapProfiler.collectGarbage'
          ? new Promise<void>((resolve) => (releaseCollection = resolve))
          : Promise.resolve({ profile: { head: nodeOf('by inspector') } });
      },
    } as unknown as InspectorConnection),
};

const SAMPLING = { samplingInterval: 1024, stackDepth: 64 };
const patient = new AbortController().signal;
const REQUEST = { seconds: 1, threads: [0], signal: patient };

/** How long the agent takes to begin with a window. */
const BEGIN_MILLIS = 100;

function nodeOf(functionName: string) {
  const callFrame = { functionName, url: '', scriptId: '0', lineNumber: 0, columnNumber: 0 };
  return { callFrame, selfSize: 0, children: [] };
}

/** The agent on the main thread: what it is asked it does in order, and not while that thread is stuck. */
class FakeAgent {
  stuck = false;
  counts = false;
  live = true;
  failure: Error | undefined;
  readonly done: string[] = [];
  #start = { startedAt: 0, restarted: null as string | null };
  #patient: Array<() => void> = [];

  readonly asClient = this as unknown as AgentClient;

  request(command: string): Promise<unknown> {
    if (this.stuck) {
      return Promise.reject(new ThreadStuckError('the main thread', silenceOf(200)));
    }
    if (this.failure) {
      return Promise.reject(this.failure);
    }
    const result = new Promise((resolve) => resolve(this.#do(command)));
    return command === 'beginAllocations'
      ? new Promise((resolve) => setTimeout(resolve, BEGIN_MILLIS, result))
      : result;
  }

  requestPatiently(command: string): Promise<unknown> {
    return new Promise((resolve) => {
      this.#patient.push(() => resolve(this.#do(command)));
      this.goOn();
    });
  }

  goOn(): void {
    if (!this.stuck) {
      this.#patient.splice(0).forEach((task) => task());
    }
  }

  #do(command: string): unknown {
    this.done.push(command);
    const sample = () => ({ root: { name: 'live' }, ...this.#start, takenAt: Date.now(), memory: {} });
    switch (command) {
      case 'beginAllocations': {
        const live = this.live ? sample() : null;
        this.counts = true;
        return { live };
      }
      case 'readAllocations':
        return { root: { name: 'all' } };
      case 'endAllocations':
        this.counts = false;
        this.#start = { startedAt: Date.now(), restarted: 'allocs' };
        return this.#start;
      default:
        if (this.counts) {
          throw new Error('must not be asked in a window');
        }
        return sample();
    }
  }
}

let agent: FakeAgent;
let heap: InstanceType<typeof MainHeap>;

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
  agent = new FakeAgent();
  heap = new MainHeap(agent.asClient, inspector, SAMPLING);
});

afterEach(async () => {
  // The rest after a collection.
  await jest.advanceTimersByTimeAsync(60_000);
  jest.useRealTimers();
});

const sampled = () => heap.sample(false, patient);

describe('MainHeap', () => {
  it('asks the agent; of a stuck thread the inspector, and says so', async () => {
    expect(await sampled()).toMatchObject({ by: 'agent', root: { name: 'live' }, since: 0 });
    agent.stuck = true;
    expect(await sampled()).toMatchObject({ by: 'inspector', root: { name: 'by inspector' }, since: 0 });
  });

  it('tells during a window what was alive before, and from its end on what is alive since then', async () => {
    const capturing = heap.captureAllocations(REQUEST);
    await jest.advanceTimersByTimeAsync(BEGIN_MILLIS / 2);
    const beginning = sampled();
    await jest.advanceTimersByTimeAsync(BEGIN_MILLIS / 2 + 500);
    expect(await beginning).toMatchObject({ root: { name: 'live' }, asOf: 1_000_000 });
    expect(await sampled()).toMatchObject({ asOf: 1_000_000, since: 0 });
    await jest.advanceTimersByTimeAsync(500);
    expect(await capturing).toMatchObject({ total: { root: { name: 'all' }, counted: true } });
    expect(await sampled()).toMatchObject({ since: 1_001_100, restarted: 'allocs' });
    expect((await sampled()).asOf).toBeUndefined();
  });

  it('tells so too where the window begins while garbage is collected', async () => {
    const collecting = heap.sample(true, patient);
    await jest.advanceTimersByTimeAsync(0);
    const capturing = heap.captureAllocations(REQUEST);
    releaseCollection();
    await jest.advanceTimersByTimeAsync(BEGIN_MILLIS);
    expect(await collecting).toMatchObject({ asOf: 1_000_000, collected: false });
    await jest.advanceTimersByTimeAsync(1000);
    await capturing;
  });

  it('tells what was alive before until a thread that got stuck in the window goes on', async () => {
    const capturing = heap.captureAllocations(REQUEST);
    await jest.advanceTimersByTimeAsync(BEGIN_MILLIS);
    agent.stuck = true;
    await jest.advanceTimersByTimeAsync(1000);
    expect(await capturing).toMatchObject({
      total: { root: { name: 'by inspector' }, counted: false, stuck: true },
    });
    // What V8 keeps of garbage would grow for as long as the thread is stuck.
    expect(posted.at(-1)).toBe('HeapProfiler.stopSampling');
    expect(await sampled()).toMatchObject({ root: { name: 'live' }, asOf: 1_000_000 });
    agent.stuck = false;
    agent.goOn();
    await jest.advanceTimersByTimeAsync(0);
    agent.stuck = true;
    expect(await sampled()).toMatchObject({ by: 'inspector', since: 1_001_100, restarted: 'allocs' });
  });

  it('asks the agent during a window where nothing was alive before: it knows why', async () => {
    agent.live = false;
    const capturing = heap.captureAllocations(REQUEST);
    await jest.advanceTimersByTimeAsync(BEGIN_MILLIS);
    const asked = heap.sample(true, patient);
    await jest.advanceTimersByTimeAsync(0);
    releaseCollection();
    await expect(asked).rejects.toThrow('must not be asked in a window');
    await jest.advanceTimersByTimeAsync(1000);
    await capturing;
  });

  it('has nothing of a thread that is stuck from the start', async () => {
    agent.stuck = true;
    await expect(heap.captureAllocations(REQUEST)).rejects.toBeInstanceOf(ThreadStuckError);
    agent.stuck = false;
    expect(await sampled()).toMatchObject({ by: 'agent', since: 0 });
  });

  it('passes on what the agent cannot do, and is as before', async () => {
    agent.failure = new AgentFailureError({ status: 409, message: 'held' });
    await expect(heap.captureAllocations(REQUEST)).rejects.toThrow('held');
    agent.failure = undefined;
    expect(await sampled()).toMatchObject({ by: 'agent', since: 0 });
  });

  it('refuses a use of the sampler that all allocations have taken over meanwhile, whatever came of it', async () => {
    expect(await heap.whileLive(() => Promise.resolve('read'))).toBe('read');
    const uses = [
      heap.whileLive(() => new Promise((resolve) => setTimeout(resolve, 5000, 'of another sampler'))),
      heap.whileLive(() => new Promise((_, reject) => setTimeout(reject, 5000, new Error('not sampled')))),
    ].map((use) => expect(use).rejects.toBeInstanceOf(RecordingHeldError));
    const capturing = heap.captureAllocations(REQUEST);
    uses.push(expect(heap.whileLive(() => Promise.resolve())).rejects.toBeInstanceOf(RecordingHeldError));
    await jest.advanceTimersByTimeAsync(5000);
    await Promise.all(uses);
    await capturing;
    expect(await heap.whileLive(() => Promise.resolve('read'))).toBe('read');
  });
});
