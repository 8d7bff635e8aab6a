import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setMaxListeners } from 'node:events';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { FakeV8Thread } from '../../../test-fixtures/fake-v8.thread.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { timelineOf } from '../pprof/v8.profiles.js';
import type { V8SampleRequest } from './v8.sampler.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { V8Sampler } = await import('./v8.sampler.js');

const { signal } = new AbortController();
setMaxListeners(0, signal);
const SECOND: V8SampleRequest = { millis: 1000, hz: 100, signal };

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** Another function in each tenth of a second: `f0`, `f1`, … since the beginning of the test. */
function clockedThread(clockOffset = 0): FakeV8Thread {
  const begin = monotonicMillis();
  return new FakeV8Thread(
    (millis) => ['main', `f${Math.floor((millis - begin) / 100)}`],
    undefined,
    clockOffset,
  );
}

async function later<T>(millis: number, what: () => Promise<T>): Promise<T> {
  await fakeSleep(millis);
  return what();
}

/** The functions in the order of time, each once in a row, and for how long it was seen in all: milliseconds. */
function seen({ profile }: Awaited<ReturnType<InstanceType<typeof V8Sampler>['sample']>>) {
  const timeline = timelineOf(profile);
  const names = timeline.map(({ stack }) => stack.frames[0]!.functionName);
  return {
    functions: names.filter((name, index) => name !== names[index - 1]),
    millis: Math.round(timeline.reduce((total, { from, to }) => total + to - from, 0) / 1000),
    samples: profile.samples.length,
  };
}

function times<T>(count: number, what: () => T): T[] {
  return Array.from({ length: count }, what);
}

describe('V8Sampler', () => {
  it('samples at the rate that is asked for, and ends with the window', async () => {
    const thread = clockedThread();
    const sampling = new V8Sampler(thread).sample(SECOND);
    await jest.advanceTimersByTimeAsync(2000);
    expect(seen(await sampling)).toMatchObject({ millis: 1000, samples: 100 });
    expect(thread.posted).toEqual([
      'Profiler.enable',
      'Profiler.setSamplingInterval',
      'Profiler.start',
      'Profiler.stop',
    ]);
  });

  it('has one profile open, whoever asks', async () => {
    const thread = clockedThread();
    const sampler = new V8Sampler(thread);
    const all = times(50, () => sampler.sample(SECOND));
    await jest.advanceTimersByTimeAsync(3000);
    for (const sampled of await Promise.all(all)) {
      expect(seen(sampled)).toMatchObject({ millis: 1000 });
    }
    expect(thread.mostOpen).toBe(1);
    // One for the first, one for all who came while it was begun.
    expect(thread.posted.filter((method) => method === 'Profiler.start').length).toBeLessThanOrEqual(3);
    expect(thread.open).toBe(0);
  });

  it.each([0, -86_400e6, 3e9])(
    'cuts each to its own window, by the clock of V8 alone (%d µs from ours)',
    async (clockOffset) => {
      const thread = clockedThread(clockOffset);
      const sampler = new V8Sampler(thread);
      const all = [
        sampler.sample({ ...SECOND, millis: 500 }),
        later(200, () => sampler.sample({ ...SECOND, millis: 500 })),
        later(300, () => sampler.sample({ ...SECOND, millis: 100 })),
      ];
      await jest.advanceTimersByTimeAsync(3000);
      const [first, second, third] = (await Promise.all(all)).map(seen);
      expect(first!.functions).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
      expect(second!.functions).toEqual(['f2', 'f3', 'f4', 'f5', 'f6']);
      expect(third!.functions).toEqual(['f3']);
      expect([first!.millis, second!.millis, third!.millis]).toEqual([500, 500, 100]);
    },
  );

  it('samples at the highest rate that is asked for, and gives each as many samples as it asked for', async () => {
    const thread = clockedThread();
    const sampler = new V8Sampler(thread);
    const slow = sampler.sample(SECOND);
    const fast = later(300, () => sampler.sample({ ...SECOND, millis: 200, hz: 1000 }));
    await jest.advanceTimersByTimeAsync(3000);
    expect(seen(await fast)).toMatchObject({ functions: ['f3', 'f4'], samples: 200 });
    const { functions, samples, millis } = seen(await slow);
    expect(functions).toHaveLength(10);
    expect(millis).toBe(1000);
    // Two rotations, each a sample more.
    expect(samples).toBeGreaterThanOrEqual(100);
    expect(samples).toBeLessThanOrEqual(104);
  });

  it('leaves out what comes after the window, where the thread is late to hand it over', async () => {
    const thread = clockedThread();
    thread.refuses = (method) =>
      method === 'Profiler.stop' ? (fakeSleep(5000) as Promise<never>) : undefined;
    const sampling = new V8Sampler(thread).sample({ ...SECOND, millis: 300 });
    await jest.advanceTimersByTimeAsync(6000);
    expect(seen(await sampling)).toMatchObject({ functions: ['f0', 'f1', 'f2'], millis: 300 });
  });

  it('ends with what the thread does now where that is asked for', async () => {
    const thread = clockedThread();
    thread.refuses = (method) =>
      method === 'Profiler.stop' ? (fakeSleep(480) as Promise<never>) : undefined;
    const sampling = new V8Sampler(thread).sample({ ...SECOND, millis: 20, untilNow: true });
    await jest.advanceTimersByTimeAsync(6000);
    expect(seen(await sampling).functions.at(-1)).toBe('f4');
  });

  it('tells its clock from ours where they differ', async () => {
    const same = new V8Sampler(clockedThread(0)).sample(SECOND);
    const other = new V8Sampler(clockedThread(-5e9)).sample(SECOND);
    await jest.advanceTimersByTimeAsync(3000);
    expect((await same).clockOffset).toBe(0);
    expect((await other).clockOffset).toBeCloseTo(-5e9, -4);
  });

  it('ends at once when nobody waits for it any more; others go on', async () => {
    const controller = new AbortController();
    const thread = clockedThread();
    const sampler = new V8Sampler(thread);
    const gone = sampler.sample({ ...SECOND, millis: 3_600_000, signal: controller.signal });
    const rejected = expect(gone).rejects.toMatchObject({ name: 'AbortError' });
    const staying = sampler.sample(SECOND);
    await jest.advanceTimersByTimeAsync(500);
    controller.abort();
    await rejected;
    await jest.advanceTimersByTimeAsync(3000);
    expect(seen(await staying)).toMatchObject({ millis: 1000 });
    expect(thread.open).toBe(0);
  });

  it('reads nothing out for nobody', async () => {
    const controller = new AbortController();
    const thread = clockedThread();
    const gone = new V8Sampler(thread).sample({ ...SECOND, signal: controller.signal });
    const rejected = expect(gone).rejects.toMatchObject({ name: 'AbortError' });
    await jest.advanceTimersByTimeAsync(500);
    controller.abort();
    await rejected;
    await jest.advanceTimersByTimeAsync(500);
    expect(thread.posted).not.toContain('Profiler.stop');
    expect(thread.open).toBe(0);
  });

  it.each(['Profiler.enable', 'Profiler.start', 'Profiler.stop'])(
    'fails where the thread ends at %s, and works again for the next',
    async (command) => {
      const thread = clockedThread();
      const sampler = new V8Sampler(thread);
      let hasEnded = false;
      thread.refuses = (method) => {
        hasEnded ||= method === command;
        return hasEnded ? Promise.reject(new Error(`${method}: it has ended`)) : undefined;
      };
      const failing = [sampler.sample(SECOND), sampler.sample(SECOND)];
      const rejected = failing.map((one) => expect(one).rejects.toThrow('it has ended'));
      await jest.advanceTimersByTimeAsync(3000);
      await Promise.all(rejected);
      thread.refuses = undefined;
      const next = sampler.sample(SECOND);
      await jest.advanceTimersByTimeAsync(3000);
      expect(seen(await next)).toMatchObject({ millis: 1000 });
    },
  );

  it('tells a thread to stop that is slow to start where what it does now is asked for, and not one of a window', async () => {
    const slowThread = () => {
      const thread = clockedThread();
      thread.refuses = (method) =>
        method === 'Profiler.start' ? (fakeSleep(3000) as Promise<never>) : undefined;
      return thread;
    };
    const [asked, observed] = [slowThread(), slowThread()];
    const moment = new V8Sampler(asked).sample({ ...SECOND, millis: 20, untilNow: true });
    const window = new V8Sampler(observed).sample(SECOND);
    await jest.advanceTimersByTimeAsync(1100);
    expect([asked, observed].map(({ posted }) => posted.at(-1))).toEqual(['Profiler.stop', 'Profiler.start']);
    // The one here does not put the two in line, as V8 does.
    await expect(moment).rejects.toThrow('No recording');
    await jest.advanceTimersByTimeAsync(5000);
    expect(seen(await window)).toMatchObject({ millis: 1000 });
  });

  it('waits for no answer before it has V8 begin, where nobody else has the thread', async () => {
    const thread = clockedThread();
    thread.refuses = (method) => fakeSleep(method === 'Profiler.enable' ? 500 : 0) as Promise<never>;
    const sampling = new V8Sampler(thread).sample(SECOND);
    await jest.advanceTimersByTimeAsync(100);
    expect(thread.posted).toEqual(['Profiler.enable', 'Profiler.setSamplingInterval', 'Profiler.start']);
    await jest.advanceTimersByTimeAsync(3000);
    await sampling;
  });

  it('ends what was begun for nobody, as the thread has answered too late', async () => {
    const thread = clockedThread();
    const sampler = new V8Sampler(thread);
    const post = thread.post.bind(thread);
    const posting = jest.spyOn(thread, 'post').mockImplementation(async (method, params) => {
      const answer = post(method, params);
      if (method === 'Profiler.start') {
        await fakeSleep(4000);
        throw new Error('no answer in time');
      }
      return answer as never;
    });
    const late = expect(sampler.sample(SECOND)).rejects.toThrow('no answer in time');
    await jest.advanceTimersByTimeAsync(5000);
    await late;
    posting.mockRestore();
    const next = sampler.sample(SECOND);
    await jest.advanceTimersByTimeAsync(3000);
    expect(seen(await next)).toMatchObject({ millis: 1000, samples: 100 });
  });

  it('keeps what V8 has learnt of a thread that it was made to forget, and drops it when told to', async () => {
    const thread = clockedThread();
    const sampler = new V8Sampler(thread);
    const stuck = sampler.sample({ ...SECOND, forget: 'and-keep' });
    await jest.advanceTimersByTimeAsync(2000);
    expect(seen(await stuck)).toMatchObject({ millis: 1000, samples: 100 });
    expect(sampler.keepsCode).toBe(true);
    const next = sampler.sample({ ...SECOND, hz: 1000 });
    await jest.advanceTimersByTimeAsync(2000);
    // The rate is that of what is kept.
    expect(seen(await next)).toMatchObject({ millis: 1000, samples: 250 });
    expect(thread.forgotten).toBe(1);
    expect(thread.posted.filter((method) => method === 'Runtime.evaluate')).toHaveLength(1);

    const across = sampler.sample(SECOND);
    await jest.advanceTimersByTimeAsync(500);
    sampler.dropCode();
    await jest.advanceTimersByTimeAsync(2000);
    expect(seen(await across)).toMatchObject({ millis: 1000 });
    expect(sampler.keepsCode).toBe(false);
    expect(thread.posted).toContain('Profiler.disable');
    const free = sampler.sample({ ...SECOND, hz: 1000 });
    await jest.advanceTimersByTimeAsync(2000);
    expect(seen(await free)).toMatchObject({ samples: 1000 });
  });

  it('leaves out the time in which the thread was being made visible', async () => {
    const begin = monotonicMillis();
    const thread = new FakeV8Thread((_, { forgotten }) => (forgotten > 0 ? ['main', 'loop'] : ['main']));
    thread.refuses = (method) =>
      method === 'Profiler.stopPreciseCoverage' ? (fakeSleep(50) as Promise<never>) : undefined;
    const sampling = new V8Sampler(thread).sample({ ...SECOND, millis: 100, forget: 'once' });
    await jest.advanceTimersByTimeAsync(2000);
    const { profile } = await sampling;
    expect(profile.startTime).toBe((begin + 50) * 1000);
    expect(thread.posted).not.toContain('Runtime.evaluate');
  });
});
