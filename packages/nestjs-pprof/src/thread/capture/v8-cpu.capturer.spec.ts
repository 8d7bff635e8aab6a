import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { FakeV8Thread, type StackAt } from '../../../test-fixtures/fake-v8.thread.js';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';
import { timelineOf } from '../pprof/v8.profiles.js';
import { MAIN_THREAD } from './thread.selection.js';
import type { V8CpuRequest } from './v8-cpu.capturer.js';

/** For which part of the time the thread has, or waits for, a processor; by the kernel. */
let busyPart: number | undefined;
/** What it tells first, before that. */
let busyPartsFirst: number[] = [];
jest.unstable_mockModule('./kernel.threads.js', () => ({
  ...silentKernel,
  startBusyClock: () => ({ part: () => busyPartsFirst.shift() ?? busyPart, stop: () => undefined }),
}));
jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { V8CpuCapturer } = await import('./v8-cpu.capturer.js');
const { V8Sampler } = await import('./v8.sampler.js');

const { signal } = new AbortController();
const WORKER = { id: 3, label: 'worker 3' };
const REQUEST: V8CpuRequest = { millis: 1000, hz: 200, signal, workers: () => [WORKER] };

/** In a function that V8 shows only to who has seen it being compiled: after it was made to forget the code before. */
const HIDDEN_LOOP: StackAt = (_, { forgotten }) => (forgotten > 0 ? ['main', 'loop'] : ['main']);

const MOVING: StackAt = (millis) => (Math.floor(millis / 50) % 2 === 0 ? ['main', 'a'] : ['main', 'b']);

beforeEach(() => {
  jest.useFakeTimers({ now: 1e12 });
  busyPart = 1;
});

afterEach(() => {
  jest.useRealTimers();
});

async function capture(
  thread: FakeV8Thread,
  over: Partial<V8CpuRequest> = {},
  sampler = new V8Sampler(thread),
  capturer = new V8CpuCapturer(),
) {
  const capturing = capturer.capture(sampler, { ...REQUEST, ...over });
  await jest.advanceTimersByTimeAsync(10_000);
  const { profile, note } = await capturing;
  const stacks = timelineOf(profile).map(({ stack }) =>
    stack.frames.map(({ functionName }) => functionName).join(' < '),
  );
  return { stacks: [...new Set(stacks)], note, samples: stacks.length };
}

describe('V8CpuCapturer', () => {
  describe('of a worker', () => {
    it('samples a second time one that burns CPU without moving, and shows the function that it loops in', async () => {
      const thread = new FakeV8Thread(HIDDEN_LOOP);
      const { stacks, note, samples } = await capture(thread);
      expect(stacks).toEqual(['loop < main']);
      expect(samples).toBe(200);
      expect(note).toContain('compile anew');
      expect(thread.forgotten).toBe(1);
    });

    it('does so where a few samples are of something else, such as the inspector', async () => {
      let count = 0;
      const thread = new FakeV8Thread((millis, of) =>
        (count += 1) % 25 === 0 ? ['(program)'] : HIDDEN_LOOP(millis, of),
      );
      const { stacks } = await capture(thread);
      expect(stacks.toSorted()).toEqual(['(program)', 'loop < main']);
    });

    it.each<[string, StackAt, number | undefined]>([
      ['moves', MOVING, 1],
      ['waits, as in Atomics.wait', HIDDEN_LOOP, 0.02],
      ['waits now and then', HIDDEN_LOOP, 0.8],
      ['may be waiting: the kernel does not tell', HIDDEN_LOOP, undefined],
      ['is idle', () => ['(idle)'], 1],
    ])('leaves one alone that %s', async (_, stackAt, part) => {
      busyPart = part;
      const thread = new FakeV8Thread(stackAt);
      const { note } = await capture(thread);
      expect(thread.forgotten).toBe(0);
      expect(note).toBeUndefined();
    });

    it('leaves one alone that moves on soon after, such as one that is in a long function', async () => {
      const begin = performance.now();
      const thread = new FakeV8Thread((millis) =>
        millis - begin < 1200 ? ['main', 'long'] : ['main', 'next'],
      );
      expect((await capture(thread)).stacks).toEqual(['long < main']);
      expect(thread.forgotten).toBe(0);
    });

    it('keeps what it saw where the second sample shows the same, or something else', async () => {
      expect((await capture(new FakeV8Thread(() => ['main']))).stacks).toEqual(['main']);
      const other: StackAt = (_, { forgotten }) => (forgotten > 0 ? ['other', 'x'] : ['main']);
      expect((await capture(new FakeV8Thread(other))).stacks).toEqual(['main']);
    });

    it('does it once: later captures show what was seen then, as long as the thread never slept', async () => {
      const hidden: StackAt = (_, { forgotten }) =>
        forgotten > 0 ? ['main', 'f1', 'f2', 'loop'] : ['main', 'f1', 'f2'];
      const capturer = new V8CpuCapturer();
      const first = new FakeV8Thread(hidden);
      expect((await capture(first, {}, undefined, capturer)).stacks).toEqual(['loop < f2 < f1 < main']);

      // What V8 was made to forget is still running, and is not shown to another session.
      const later = () => new FakeV8Thread(() => ['main', 'f2']);
      const second = later();
      const again = await capture(second, {}, undefined, capturer);
      expect(again.stacks).toEqual(['loop < f2 < f1 < main']);
      expect(again.note).toBeDefined();
      expect(second.forgotten).toBe(0);

      // On a busy machine the clock may be late: it is sampled again, and is where it was.
      const late = new FakeV8Thread((_, { forgotten }) =>
        forgotten > 0 ? ['main', 'loop'] : ['main', 'f2'],
      );
      busyPartsFirst = [0.5];
      expect((await capture(late, {}, undefined, capturer)).stacks).toEqual(['loop < f2 < f1 < main']);
      expect(late.forgotten).toBe(1);

      busyPart = 0.5;
      const third = later();
      expect((await capture(third, {}, undefined, capturer)).stacks).toEqual(['f2 < main']);
      expect(third.forgotten).toBe(0);
    });
  });

  it('remembers a stack that was whole before its code was forgotten, for those who ask later', async () => {
    const capturer = new V8CpuCapturer();
    const whole = new FakeV8Thread(() => ['main', 'f1', 'loop']);
    expect((await capture(whole, {}, undefined, capturer)).stacks).toEqual(['loop < f1 < main']);
    const later = new FakeV8Thread(() => ['main', 'loop']);
    expect((await capture(later, {}, undefined, capturer)).stacks).toEqual(['loop < f1 < main']);
    expect(later.forgotten).toBe(0);
  });

  it.each([undefined, 3500])(
    'gives up a thread that takes nothing, with what was seen of it (hurry: %s ms)',
    async (hurry) => {
      const thread = new FakeV8Thread(MOVING);
      thread.refuses = async (method) => {
        await fakeSleep(method === 'Profiler.stop' ? 60_000 : 4000);
        throw new Error('it waits in a native call');
      };
      const outcome = jest.fn();
      const request = { ...REQUEST, millis: 20, untilNow: true, lastTurn: hurry && Date.now() - 2000 };
      const hurrying = new AbortController();
      setTimeout(() => hurrying.abort(), hurry);
      void new V8CpuCapturer()
        .capture(new V8Sampler(thread), { ...request, ...(hurry && { hurry: hurrying.signal }) })
        .catch((error: unknown) => outcome((error as Error).message));
      await jest.advanceTimersByTimeAsync(3900);
      expect(outcome).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(200);
      expect(outcome).toHaveBeenCalledWith('it waits in a native call');
      await jest.advanceTimersByTimeAsync(60_000);
    },
  );

  it('tries again where V8 has not taken a single sample, as on a busy machine', async () => {
    const thread = new FakeV8Thread(MOVING);
    thread.startMillis = 0;
    thread.firstSampleMillis = 30;
    const { samples } = await capture(thread, { millis: 20, hz: 1000, untilNow: true });
    expect(samples).toBeGreaterThan(0);
  });

  describe('of a main thread', () => {
    const main = (stackAt: StackAt) => new FakeV8Thread(stackAt, MAIN_THREAD);
    const stuckFor = (millis: number): Partial<V8CpuRequest> => ({
      workers: undefined as never,
      lastTurn: Date.now() - millis,
    });

    it('shows the loop that it is stuck in, each time, for the price of one', async () => {
      const thread = main(HIDDEN_LOOP);
      const sampler = new V8Sampler(thread);
      for (const _ of Array.from({ length: 4 })) {
        const { stacks, note } = await capture(thread, stuckFor(2000), sampler);
        expect(stacks).toEqual(['loop < main']);
        expect(note).toBeDefined();
      }
      expect(thread.forgotten).toBe(1);
    });

    it('is watched for longer where it was hardly sampled, as on a busy machine', async () => {
      const thread = main(HIDDEN_LOOP);
      thread.firstSampleMillis = 99;
      expect((await capture(thread, stuckFor(2000))).stacks).toEqual(['loop < main']);
    });

    it.each<[string, StackAt, number | undefined, number]>([
      ['whose event loop is only late', HIDDEN_LOOP, 1, 300],
      ['that waits in a native call', HIDDEN_LOOP, 0, 60_000],
      ['of which the kernel tells nothing', HIDDEN_LOOP, undefined, 60_000],
      ['that moves through a long computation', MOVING, 1, 2000],
    ])('leaves one alone %s', async (_, stackAt, part, millis) => {
      busyPart = part;
      const thread = main(stackAt);
      await capture(thread, stuckFor(millis));
      expect(thread.forgotten).toBe(0);
      expect(thread.posted).not.toContain('Runtime.evaluate');
    });

    it('takes one that has been stuck for long as it is, also where it moves', async () => {
      const thread = main(MOVING);
      await capture(thread, stuckFor(6000));
      expect(thread.forgotten).toBe(1);
    });

    it('never does it where the event loop turns', async () => {
      const thread = main(HIDDEN_LOOP);
      expect((await capture(thread, { workers: undefined as never })).stacks).toEqual(['main']);
      expect(thread.forgotten).toBe(0);
    });
  });
});
