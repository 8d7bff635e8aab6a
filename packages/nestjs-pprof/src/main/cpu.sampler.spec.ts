import { runInNewContext } from 'node:vm';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { rowsOf } from '../../test-fixtures/exhaustive.js';
import { type ReadableFrame, readPprof } from '../../test-fixtures/pprof-rules.js';
import { addonIfLoaded, loadAddon } from './profiler.addon.js';
import { SamplerHeldError } from '../shared/agent.errors.js';
import { SAMPLE_LOG_COLUMNS } from '../shared/agent.protocol.js';
import { CpuSampler } from './cpu.sampler.js';

const SLOW = { hz: 100, durationMillis: 10_000, labels: false };
const SLOWEST = { hz: 1, durationMillis: 10_000, labels: false };
const FAST = { hz: 500, durationMillis: 10_000, labels: false };

const sampler = new CpuSampler();

afterEach(() => {
  sampler.rotate(null);
});

/** Keeps the thread busy until the clocks have moved on, its own as well: without a processor there are no samples. */
function spin(millis: number): void {
  const end = performance.now() + millis;
  const cpuEnd = threadCpuNanos() + millis * 1e6;
  do {
    for (let round = 0; round < 1000; round += 1) {
      Math.sqrt(round + end);
    }
  } while (performance.now() < end || threadCpuNanos() < cpuEnd);
}

/** Of the kernel: the tests run on Linux. */
function threadCpuNanos(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe('CpuSampler', () => {
  it('does not load the native addon before it is asked to sample', () => {
    expect(sampler.rotate(null)).toBeNull();
    sampler.abandon();
    expect(addonIfLoaded()).toBeUndefined();
  });

  it('takes its times from its own clocks, whatever the application has set', () => {
    const loadedAt = Date.now();
    const clocks = [
      jest.spyOn(Date, 'now').mockReturnValue(42),
      jest.spyOn(process.hrtime, 'bigint').mockReturnValue(0n),
      jest.spyOn(performance, 'now').mockReturnValue(NaN),
      jest.spyOn(process, 'cpuUsage').mockImplementation(() => {
        throw new Error('by the application');
      }),
    ];
    try {
      sampler.rotate(SLOW);
      spin(50);
      const segment = sampler.rotate(null);
      expect(segment!.durationNanos).toBeGreaterThanOrEqual(50e6);
      expect(Math.abs(segment!.startedAt - loadedAt)).toBeLessThan(600_000);
      expect(segment!.startMillis).toBeGreaterThan(0);
      expect(segment!.processCpuNanos).toBeGreaterThan(0);
    } finally {
      clocks.forEach((clock) => clock.mockRestore());
    }
  });

  it('has no segment to hand over when it starts, and one when it ends', () => {
    expect(sampler.rotate(SLOW)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(true);
    spin(50);
    const segment = sampler.rotate(null);
    expect(segment).toMatchObject({ hz: 100, disturbedBy: null });
    expect(segment!.durationNanos).toBeGreaterThanOrEqual(50e6);
    expect(segment!.processCpuNanos).toBeGreaterThan(0);
    expect(Math.abs(segment!.startedAt - Date.now())).toBeLessThan(60_000);
    expect(loadAddon().time.isStarted()).toBe(false);
  });

  it('hands over a profile with stacks, columns and CPU time', () => {
    sampler.rotate(FAST);
    spin(200);
    const { sampleTypes, samples } = readPprof(sampler.rotate(null)!.profile);
    expect(sampleTypes.slice(0, 2)).toEqual(['sample/count', 'wall/nanoseconds']);
    // Of this file, rather than of `spin`: V8 may have inlined that one.
    const isOurs = ({ file }: ReadableFrame) => file.includes('cpu.sampler.spec');
    const spinning = samples.filter(({ stack }) => stack.some(isOurs));
    expect(spinning.length).toBeGreaterThan(0);
    expect(spinning[0]!.stack.find(isOurs)!.column).toBeGreaterThan(0);
    if (process.platform !== 'win32') {
      expect(spinning.reduce((total, { values }) => total + values[2]!, 0)).toBeGreaterThan(0);
    }
  });

  it('tells the CPU time of the thread, not of the process', () => {
    const usedBefore = threadCpuNanos();
    sampler.rotate(SLOW);
    const usedAtStart = threadCpuNanos();
    spin(100);
    const usedAtEnd = threadCpuNanos();
    const { mainCpuNanos } = sampler.rotate(null)!;
    expect(mainCpuNanos).toBeGreaterThanOrEqual(usedAtEnd - usedAtStart);
    expect(mainCpuNanos).toBeLessThanOrEqual(threadCpuNanos() - usedBefore);
  });

  it('logs each sample, with its time and the stack of the profile that it belongs to', () => {
    sampler.rotate(FAST);
    spin(200);
    const { profile, sampleLog } = sampler.rotate(null)!;
    const { samples } = readPprof(profile);
    const log = new Float64Array(sampleLog.slice().buffer);
    const stacks = Array.from(log).filter((_, index) => index % SAMPLE_LOG_COLUMNS === 2);
    const counts = samples.map(({ values }) => values[0]!);
    const logged = samples.map((_, index) => stacks.filter((stack) => stack === index).length);
    // The addon knows no CPU time, and we no log, of a few samples that it cannot match.
    expect(logged.every((count, index) => count <= counts[index]!)).toBe(true);
    expect(sum(logged)).toBeGreaterThan(0.5 * sum(counts));
    const times = Array.from(log).filter((_, index) => index % SAMPLE_LOG_COLUMNS === 0);
    expect(Math.abs(Math.max(...times) / 1000 - Date.now())).toBeLessThan(60_000);
  });

  it('hands over the segment that has ended also where the next cannot start', () => {
    const { time } = loadAddon();
    sampler.rotate(SLOW);
    const start = jest.spyOn(time, 'start').mockImplementation(() => {
      throw new Error('no memory');
    });
    try {
      expect(sampler.rotate(FAST)).toMatchObject({ hz: 100, startFailure: { status: 500 } });
    } finally {
      start.mockRestore();
    }
    expect(sampler.rotate(null)).toBeNull();
    expect(time.isStarted()).toBe(false);
    expect(sampler.rotate(SLOW)).toBeNull();
  });

  it('ends also where what it has sampled cannot be written', () => {
    const { time } = loadAddon();
    sampler.rotate(SLOW);
    spin(50);
    const stuck = jest.spyOn(time, 'v8ProfilerStuckEventLoopDetected').mockImplementation(() => {
      throw new Error('out of memory');
    });
    try {
      expect(() => sampler.rotate(null)).toThrow('out of memory');
    } finally {
      stuck.mockRestore();
    }
    expect(time.isStarted()).toBe(false);
    expect(sampler.rotate(SLOW)).toBeNull();
  });

  it.each([
    ['goes on', SLOW],
    ['ends', null],
  ])("asks whether V8's sampler was stuck where it %s", (_, next) => {
    const { time } = loadAddon();
    sampler.rotate(SLOW);
    spin(50);
    const stuck = jest.spyOn(time, 'v8ProfilerStuckEventLoopDetected').mockReturnValue(2);
    try {
      expect(sampler.rotate(next)).toMatchObject({ samplerStuck: 2 });
    } finally {
      stuck.mockRestore();
    }
    expect(time.isStarted()).toBe(next !== null);
  });

  it('does not ask where it ends before there can be samples: the addon would start it anew for nothing', () => {
    const { time } = loadAddon();
    // On a busy machine a moment is long.
    sampler.rotate(SLOWEST);
    const stop = jest.spyOn(time, 'stop');
    try {
      expect(sampler.rotate(null)).toMatchObject({ samplerStuck: 0 });
      expect(stop).toHaveBeenCalledTimes(1);
    } finally {
      stop.mockRestore();
    }
  });

  it("does not have the thread sleep for V8's sampler", () => {
    const start = jest.spyOn(loadAddon().time, 'start');
    try {
      sampler.rotate(SLOW);
      expect(start).toHaveBeenCalledWith(expect.objectContaining({ workaroundV8Bug: false }));
    } finally {
      start.mockRestore();
    }
  });

  it('goes on without a gap where the next segment is of the same rate', () => {
    sampler.rotate(SLOW);
    const first = sampler.rotate(SLOW)!;
    const second = sampler.rotate(null)!;
    expect(second.startedAt).toBeGreaterThanOrEqual(first.startedAt);
    expect(second.hz).toBe(100);
    expect(sampler.rotate(null)).toBeNull();
  });

  it('starts anew where the next segment is of another rate, or longer than its buffer', () => {
    sampler.rotate(SLOW);
    expect(sampler.rotate(FAST)).toMatchObject({ hz: 100 });
    expect(sampler.rotate({ ...FAST, durationMillis: 20_000 })).toMatchObject({ hz: 500 });
    expect(sampler.rotate(SLOW)).toMatchObject({ hz: 500 });
    expect(sampler.rotate(null)).toMatchObject({ hz: 100 });
  });

  it('starts anew where somebody else has stopped it', () => {
    sampler.rotate(SLOW);
    loadAddon().time.stop();
    expect(() => sampler.rotate(SLOW)).toThrow('somebody else in this process has stopped the CPU sampler');
    expect(sampler.rotate(SLOW)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(true);
    expect(sampler.rotate(null)).not.toBeNull();
  });

  describe('whose reading is cut off by a time limit of the application', () => {
    /** The time limit strikes in `time.stop`: before the addon has handed over what it has, or after. */
    function cutOff(isBefore: boolean): number {
      const { time } = loadAddon();
      const { stop } = time;
      const forEver = (...args: Parameters<typeof stop>) => {
        if (!isBefore) {
          Reflect.apply(stop, time, args);
        }
        for (;;);
      };
      const stopped = jest.spyOn(time, 'stop').mockImplementation(forEver);
      const at = Date.now();
      try {
        expect(() => runInNewContext('read()', { read: () => sampler.readOn() }, { timeout: 300 })).toThrow(
          'timed out',
        );
      } finally {
        stopped.mockRestore();
      }
      return at;
    }

    it('hands over all of it the next time where nothing is lost', () => {
      sampler.rotate(SLOW);
      const startedAt = Date.now();
      spin(300);
      cutOff(true);
      spin(100);
      const segment = sampler.rotate(SLOW)!;
      expect(segment.lostSince).toBeUndefined();
      expect(Math.abs(segment.startedAt - startedAt)).toBeLessThan(250);
      expect(segment.durationNanos).toBeGreaterThan(600e6);
      spin(50);
      expect(sampler.rotate(null)).not.toHaveProperty('lostSince', expect.any(Number));
    });

    it('says the next time since when it is lost, and has what was sampled since', () => {
      sampler.rotate(SLOW);
      const startedAt = Date.now();
      spin(300);
      const at = cutOff(false);
      spin(100);
      const segment = sampler.rotate(null)!;
      expect(Math.abs(segment.lostSince! - startedAt)).toBeLessThan(250);
      expect(segment.startedAt).toBeGreaterThanOrEqual(at);
      expect(segment.durationNanos).toBeLessThan((Date.now() - at) * 1e6 + 1e6);
    });

    const TWICE: Array<[string, boolean, boolean]> = [
      ['is lost, and then nothing', false, true],
      ['is not, and then all of it', true, false],
      ['is lost both times', false, false],
    ];

    it.each(
      rowsOf('twice in a row, where what was sampled', TWICE, ([, first, second]) => !first && !second),
    )('twice in a row, where what was sampled %s, tells just what is lost', (_, first, second) => {
      sampler.rotate(SLOW);
      const startedAt = Date.now();
      spin(100);
      const cuts = [first, second].map((isBefore) => {
        const at = cutOff(isBefore);
        spin(400);
        return at;
      });
      const segment = sampler.rotate(null)!;
      const from = second ? cuts[0]! : cuts[1]!;
      expect(Math.abs(segment.lostSince! - startedAt)).toBeLessThan(250);
      expect(segment.startedAt).toBeGreaterThanOrEqual(from);
      expect(segment.startedAt).toBeLessThan(second ? cuts[1]! : Date.now());
      expect(segment.durationNanos).toBeGreaterThan(second ? 700e6 : 400e6);
    });
  });

  it('lets somebody else stop it when it has been abandoned: what a timer throws ends the process', () => {
    jest.useFakeTimers();
    try {
      sampler.rotate(SLOW);
      sampler.abandon();
      loadAddon().time.stop();
      expect(() => jest.runAllTimers()).not.toThrow();
    } finally {
      jest.useRealTimers();
    }
  });

  it('says who may hold the sampler where another profiler has started it, and leaves that one alone', () => {
    const { time } = loadAddon();
    time.start({ intervalMicros: 10_000, durationMillis: 10_000 });
    try {
      expect(() => sampler.rotate(SLOW)).toThrow(SamplerHeldError);
      expect(() => sampler.rotate(SLOW)).toThrow(
        /^the CPU sampler is held by another profiler .*it is not known which/,
      );
      expect(() => sampler.rotate(SLOW)).toThrow(SamplerHeldError);
      expect(sampler.rotate(null)).toBeNull();
      sampler.abandon();
      expect(time.isStarted()).toBe(true);
    } finally {
      time.stop();
    }
    expect(sampler.rotate(SLOW)).toBeNull();
  });

  it('refuses a second sampler of its own kind alike', () => {
    const other = new CpuSampler();
    sampler.rotate(SLOW);
    expect(() => other.rotate(SLOW)).toThrow(SamplerHeldError);
    other.abandon();
    expect(loadAddon().time.isStarted()).toBe(true);
  });

  it('forgets what it has sampled when it is abandoned, and stops a moment later', async () => {
    jest.useFakeTimers();
    try {
      sampler.rotate(SLOW);
      sampler.abandon();
      expect(sampler.rotate(null)).toBeNull();
      expect(loadAddon().time.isStarted()).toBe(true);
      await jest.runAllTimersAsync();
      expect(loadAddon().time.isStarted()).toBe(false);
    } finally {
      jest.useRealTimers();
    }
  });

  it('is free for others as soon as it has been abandoned, and leaves theirs alone', () => {
    jest.useFakeTimers();
    const { time } = loadAddon();
    try {
      sampler.rotate(SLOW);
      sampler.abandon();
      time.start({ intervalMicros: 10_000, durationMillis: 10_000 });
      jest.runAllTimers();
      expect(time.isStarted()).toBe(true);
    } finally {
      time.stop();
      jest.useRealTimers();
    }
  });

  it('leaves what others have put over ours in the addon, and is out of its way', () => {
    const { time } = loadAddon();
    const { start, profile } = time;
    sampler.rotate(SLOW);
    sampler.abandon();
    const inner = time.start;
    const theirs: typeof start = (...args) => inner(...args);
    time.start = theirs;
    try {
      // Ends ours.
      time.start({ intervalMicros: 10_000, durationMillis: 10_000 });
      expect(time.start).toBe(theirs);
      expect(time.profile).toBe(profile);
      expect(time.isStarted()).toBe(true);
      time.stop();
      sampler.rotate(SLOW);
      expect(() => time.start({ intervalMicros: 10_000, durationMillis: 10_000 })).toThrow('already started');
      expect(sampler.rotate(null)).not.toBeNull();
    } finally {
      time.start = start;
    }
  });

  it('ends at once when it is abandoned where the application has broken the timers', () => {
    const broken = jest.spyOn(globalThis, 'setTimeout').mockReturnValue(undefined as never);
    try {
      sampler.rotate(SLOW);
      sampler.abandon();
      expect(loadAddon().time.isStarted()).toBe(false);
    } finally {
      broken.mockRestore();
    }
  });

  it('can start again when it has been abandoned, as can another', () => {
    sampler.rotate(SLOW);
    sampler.abandon();
    const other = new CpuSampler();
    expect(other.rotate(SLOW)).toBeNull();
    expect(other.rotate(null)).not.toBeNull();
    expect(sampler.rotate(FAST)).toBeNull();
    expect(sampler.rotate(null)).toMatchObject({ hz: 500 });
  });
});

describe('CpuSampler, while nobody wants the samples', () => {
  const UNREAD = { hz: 100, durationMillis: 0, labels: false, unread: true };

  /** It has been read, and runs on. */
  function runUnread(): void {
    sampler.rotate(SLOW);
    spin(50);
    sampler.rotate(UNREAD);
  }

  it('runs on, is rotated without a profile, and hands over what was sampled from then on', () => {
    runUnread();
    spin(50);
    const encode = jest.spyOn(loadAddon().time, 'stop');
    expect(sampler.rotate(UNREAD)).toBeNull();
    spin(50);
    const since = Date.now();
    expect(sampler.rotate(SLOW)).toBeNull();
    expect(encode.mock.results.map(({ type }) => type)).toEqual(['throw', 'throw']);
    encode.mockRestore();
    spin(50);
    const segment = sampler.rotate(null)!;
    expect(segment.durationNanos).toBeLessThanOrEqual((Date.now() - since + 2) * 1e6);
    expect(segment.startedAt).toBeGreaterThanOrEqual(since - 2);
    expect(loadAddon().time.isStarted()).toBe(false);
  });

  it('is not rotated before there can be a sample, which the addon would take for a stuck sampler', () => {
    sampler.rotate(SLOWEST);
    sampler.rotate({ ...UNREAD, hz: SLOWEST.hz });
    const stop = jest.spyOn(loadAddon().time, 'stop');
    expect(sampler.rotate(SLOWEST)).toBeNull();
    expect(stop).not.toHaveBeenCalled();
    stop.mockRestore();
    expect(sampler.rotate(null)).toMatchObject({ hz: SLOWEST.hz });
  });

  it('ends without a word, and starts nothing by itself', () => {
    runUnread();
    expect(sampler.rotate(null)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(false);
    expect(sampler.rotate(UNREAD)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(false);
  });

  it('is started at another rate', () => {
    runUnread();
    expect(sampler.rotate(FAST)).toBeNull();
    spin(50);
    expect(sampler.rotate(null)).toMatchObject({ hz: 500, startMillis: expect.any(Number) });
  });

  it('tells of a start in the segment that begins with it alone', () => {
    sampler.rotate(SLOW);
    spin(50);
    expect(sampler.rotate(SLOW)!.startMillis).toBeGreaterThan(0);
    spin(50);
    expect(sampler.rotate(UNREAD)!.startMillis).toBeUndefined();
    spin(50);
    // A thread that has had no processor looks stuck to the addon.
    const stuck = jest.spyOn(loadAddon().time, 'v8ProfilerStuckEventLoopDetected').mockReturnValue(0);
    sampler.rotate(SLOW);
    stuck.mockRestore();
    spin(50);
    expect(sampler.rotate(null)!.startMillis).toBeUndefined();
  });

  it('tells of a start also where the addon had to start it anew', () => {
    runUnread();
    spin(50);
    const stuck = jest.spyOn(loadAddon().time, 'v8ProfilerStuckEventLoopDetected').mockReturnValueOnce(2);
    sampler.rotate(SLOW);
    stuck.mockRestore();
    spin(50);
    expect(sampler.rotate(null)!.startMillis).toBeGreaterThan(0);
  });

  it('passes on an error of the addon', () => {
    runUnread();
    spin(50);
    const error = new Error('no memory');
    const stop = jest.spyOn(loadAddon().time, 'stop').mockImplementation(() => {
      throw error;
    });
    try {
      expect(() => sampler.rotate(SLOW)).toThrow(error);
    } finally {
      stop.mockRestore();
    }
  });

  it('gives way to whoever else starts the same copy of the addon, and does not come back', async () => {
    const { time } = loadAddon();
    const { start, profile } = time;
    runUnread();
    time.start({ intervalMicros: 10_000, durationMillis: 1000 });
    expect(sampler.rotate(UNREAD)).toBeNull();
    expect(time.isStarted()).toBe(true);
    expect(() => sampler.rotate(SLOW)).toThrow(SamplerHeldError);
    time.stop();
    runUnread();
    await time.profile({ intervalMicros: 10_000, durationMillis: 10 });
    expect(time.isStarted()).toBe(false);
    expect(time).toMatchObject({ start, profile });
    runUnread();
    sampler.abandon();
    // Until it has ended, a moment later or as another starts.
    sampler.rotate(FAST);
    sampler.rotate(null);
    expect(time).toMatchObject({ start, profile });
  });

  it('ends where the application listens for SIGPROF', () => {
    runUnread();
    const listener = () => undefined;
    process.on('SIGPROF', listener);
    expect(sampler.rotate(UNREAD)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(false);
    process.off('SIGPROF', listener);
  });

  it('keeps the addon to itself again when somebody captures', () => {
    const { time } = loadAddon();
    runUnread();
    sampler.rotate(SLOW);
    expect(() => time.start({ intervalMicros: 10_000 })).toThrow(/already started/);
  });
});
