import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import { FlightRecorder } from './flight.recorder.js';
import type { SampledSegment } from './cpu.rotation.js';
import type { SharedCpuSampler, StandingClient } from './shared-cpu.sampler.js';
import { AgentFailureError, silenceOf, ThreadStuckError } from './threads.errors.js';

const STARTED_AT = Date.UTC(2026, 0, 1, 3);
const SAMPLES_PER_SECOND = 20;
const FUNCTION = { name: 'work', file: '/app/a.js', line: 1, column: 1 };

const held = (by: string) => new AgentFailureError({ status: 409, message: `held by ${by}` });
const stuck = () => new ThreadStuckError('the main thread', silenceOf(2000));

/** The sampler of a main thread that works all the time; a segment runs from one cut to the next. */
class FakeSampler {
  client: StandingClient | undefined;
  readonly cuts: boolean[] = [];
  trouble: { join?: Error | undefined; cut?: Error | undefined } = {};
  /** Of what each segment holds besides its samples, which takes memory. */
  ballast = 0;
  #since = { time: 0, at: 0 };
  #lostSince: number | undefined;

  readonly asSampler = this as unknown as SharedCpuSampler;

  join(client: StandingClient): Promise<void> {
    if (this.trouble.join) {
      return Promise.reject(this.trouble.join);
    }
    this.client = client;
    this.#since = { time: Date.now(), at: performance.now() };
    return Promise.resolve();
  }

  async cut(evenIfStuck: boolean): Promise<void> {
    this.cuts.push(evenIfStuck);
    await Promise.resolve();
    if (this.trouble.cut && !(evenIfStuck && this.trouble.cut instanceof ThreadStuckError)) {
      throw this.trouble.cut;
    }
    this.client?.onSegment(this.#segment());
  }

  end(reason: Error): void {
    this.client?.onEnd(reason);
    this.client = undefined;
  }

  /** A reading by interrupt is cut off: the next segment begins with it. */
  cutOff(): void {
    this.#lostSince = this.#since.time;
    this.#since = { time: Date.now(), at: performance.now() };
  }

  #segment(): SampledSegment {
    const { time: startedAt, at: begunAt } = this.#since;
    const lostSince = this.#lostSince;
    this.#lostSince = undefined;
    const millis = performance.now() - begunAt;
    this.#since = { time: Date.now(), at: performance.now() };
    const count = Math.round((millis / 1000) * SAMPLES_PER_SECOND);
    const log = Array.from({ length: count }, (_, index) => [
      (startedAt + ((index + 0.5) * 1000) / SAMPLES_PER_SECOND) * 1000,
      1e9 / SAMPLES_PER_SECOND,
      0,
      -1,
    ]);
    const name = this.ballast > 0 ? randomBytes(this.ballast).toString('latin1') : FUNCTION.name;
    return {
      profile: encodeAddonProfile(
        [{ stack: [{ ...FUNCTION, name }], values: [count, millis * 1e6, 0] }],
        millis * 1e6,
      ),
      sampleLog: new Uint8Array(Float64Array.from(log.flat()).buffer),
      hz: SAMPLES_PER_SECOND,
      startedAt,
      lostSince,
      durationNanos: millis * 1e6,
      processCpuNanos: millis * 1e6,
      mainCpuNanos: millis * 1e6,
      samplerStuck: 0,
      labels: null,
    } as unknown as SampledSegment;
  }
}

let sampler: FakeSampler;

beforeEach(() => {
  jest.useFakeTimers({ now: STARTED_AT });
  sampler = new FakeSampler();
});

afterEach(() => {
  jest.useRealTimers();
});

function started({ minutes = 15, restarted = false } = {}): FlightRecorder {
  const options = { minutes, hz: SAMPLES_PER_SECOND, labels: false } as ConstructorParameters<
    typeof FlightRecorder
  >[1];
  const recorder = new FlightRecorder(sampler.asSampler, options, restarted);
  recorder.start();
  return recorder;
}

async function pass(seconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(seconds * 1000);
}

const at = (seconds: number) => STARTED_AT + seconds * 1000;
const time = (seconds: number) => new Date(at(seconds)).toISOString();
const stretches = (recorder: FlightRecorder, from: number, to: number) =>
  recorder
    .readKept(at(from), at(to))
    .segments.map(({ startedAt, durationNanos }) => [
      (startedAt - STARTED_AT) / 1000,
      (startedAt - STARTED_AT) / 1000 + durationNanos / 1e9,
    ]);

describe('a reading that is cut off', () => {
  it('leaves a gap with the reason, also where nothing else is asked for', async () => {
    const recorder = started();
    await pass(30);
    sampler.cutOff();
    await pass(15);
    const { segments, missing } = await recorder.read(at(20), at(30));
    expect([segments.length, missing]).toEqual([
      0,
      [expect.stringMatching(new RegExp(`^${time(20)} to ${time(30)}: what had been sampled is lost, as `))],
    ]);
    expect((await recorder.read(at(31), at(40))).missing).toEqual([]);
  });
});

describe('a clock of the machine that is set', () => {
  const HOUR = 3_600_000;

  it('forward leaves what was recorded, for as long as before, and is said where it left a gap', async () => {
    const recorder = started();
    await pass(20);
    jest.setSystemTime(at(20) + HOUR);
    await pass(30);
    expect(recorder.kept!.from).toBe(at(0));
    const { missing, segments } = await recorder.read(at(3600), at(3650));
    expect(segments.length).toBeGreaterThan(0);
    expect(missing).toEqual([
      expect.stringMatching(
        new RegExp(`^${time(3600)} to .*: the clock of the machine was set forward by 3600.0 s, or it slept`),
      ),
    ]);
    // Fifteen minutes later, as they would have gone without.
    await pass(900);
    expect(recorder.kept!.from).toBeGreaterThan(at(3600));
  });

  it('back leaves what was recorded with its times, and says so where that is missing', async () => {
    const recorder = started();
    await pass(100);
    jest.setSystemTime(at(100) - HOUR);
    await pass(20);
    const { segments, missing, from, to } = await recorder.read(at(-3600), at(-3480));
    expect(segments.length).toBeGreaterThan(0);
    expect(from).toBeGreaterThanOrEqual(at(-3500));
    // Not only from when the window would have ended.
    expect(from).toBeLessThanOrEqual(at(-3498));
    expect(to).toBe(at(-3480));
    expect(missing).toEqual([
      expect.stringMatching(
        /: the clock of the machine was set back by 3600.0 s at .*Z: what was recorded before/,
      ),
    ]);
    expect(recorder.kept!.from).toBeLessThan(recorder.kept!.to);
    expect(recorder.readKept(at(10), at(20)).segments.length).toBeGreaterThan(0);
    // What was recorded before goes when it is fifteen minutes old, though its times are ahead.
    await pass(950);
    expect(recorder.readKept(at(10), at(20)).segments).toEqual([]);
  });
});

it('goes on at once where the clock of the machine is set back', async () => {
  const recorder = started();
  await pass(20);
  const { cuts } = sampler;
  jest.setSystemTime(STARTED_AT - 3_600_000);
  await pass(33);
  // One of them as soon as the clock is set.
  expect(cuts).toHaveLength(8);
  await recorder.refresh();
  expect(cuts).toHaveLength(9);
  sampler.trouble = { join: held('x') };
  sampler.end(held('x'));
  await pass(1);
  sampler.trouble = {};
  jest.setSystemTime(STARTED_AT - 7_200_000);
  await pass(30);
  expect(recorder.isRunning).toBe(true);
});

describe('FlightRecorder', () => {
  it('reads a first window soon, then longer ones, up to a quarter of a minute, side by side', async () => {
    const recorder = started();
    await pass(47);
    expect(stretches(recorder, 0, 47)).toEqual([
      [0, 1],
      [1, 2],
      [2, 4],
      [4, 8],
      [8, 16],
      [16, 31],
      [31, 46],
    ]);
    expect(recorder.kept).toEqual({ from: at(0), to: at(46) });
    expect(sampler.cuts).not.toContain(true);
  });

  it('cuts a stretch out of the windows', async () => {
    const recorder = started();
    await pass(40);
    expect(stretches(recorder, 9, 20)).toEqual([
      [9, 16],
      [16, 20],
    ]);
    expect(recorder.readKept(at(9), at(20))).toMatchObject({ from: at(9), to: at(20), missing: [] });
  });

  it('takes over what the sampler holds for who asks for what has just been, once for all who do', async () => {
    const recorder = started();
    await pass(20);
    const read = await Promise.all([recorder.read(at(10), at(20)), recorder.read(at(0), at(20))]);
    expect(read.map(({ to }) => to)).toEqual([at(20), at(20)]);
    expect(sampler.cuts.filter((evenIfStuck) => evenIfStuck)).toHaveLength(1);
    await pass(0.5);
    await recorder.read(at(10), at(20.5));
    expect(sampler.cuts.filter((evenIfStuck) => evenIfStuck)).toHaveLength(1);
  });

  it('says what cannot be read now', async () => {
    const recorder = started();
    await pass(20);
    sampler.trouble.cut = held('a native call');
    const { to, missing } = await recorder.read(at(10), at(20));
    expect(to).toBe(at(16));
    expect(missing).toEqual([`since ${time(16)}: it can be read later, held by a native call`]);
  });

  it.each([
    { restarted: false, why: 'the recorder was started' },
    {
      restarted: true,
      why: 'the profiling thread was started again, and what the one before had recorded is lost',
    },
  ])('says why there is nothing before it has started: $why', async ({ restarted, why }) => {
    const recorder = started({ restarted });
    await pass(10);
    expect(recorder.readKept(at(-60), at(10)).missing).toEqual([
      `${time(-60)} to ${time(0)}: ${why} at ${time(0)}`,
    ]);
  });

  it('keeps as many minutes as it is told, and says that', async () => {
    const recorder = started({ minutes: 1 });
    await pass(200);
    expect(recorder.kept!.from).toBeGreaterThanOrEqual(at(200 - 60 - 2 * 15));
    const { missing } = recorder.readKept(at(0), at(200));
    expect(missing).toEqual([expect.stringMatching(/: the recorder keeps 1 minutes$/)]);
  });

  it('keeps no more than 4 MB, however many minutes there is room for, and says that', async () => {
    const recorder = started({ minutes: 60 });
    sampler.ballast = 100_000;
    await pass(1200);
    const { segments, missing } = recorder.readKept(at(0), at(1200));
    const kept = segments.reduce((bytes, { profile }) => bytes + profile.length, 0);
    // Of what cannot be packed there is as much as that.
    expect(kept).toBeLessThan(6 * 2 ** 20);
    expect(kept).toBeGreaterThan(4 * 2 ** 20);
    expect(segments.at(-1)!.startedAt).toBeGreaterThan(at(1170));
    expect(missing).toEqual([expect.stringMatching(/: the recorder keeps 4 MB at most$/)]);
  });

  it('leaves a stuck thread alone, until the buffer of the addon would be full', async () => {
    started();
    await pass(20);
    sampler.trouble.cut = stuck();
    await pass(40);
    expect(sampler.cuts).not.toContain(true);
    await pass(2);
    expect(sampler.cuts.at(-1)).toBe(true);
  });

  it('joins a stuck thread as soon as that goes on', async () => {
    sampler.trouble.join = stuck();
    const recorder = started();
    await pass(5);
    expect(recorder.outage).toContain('the event loop');
    sampler.trouble.join = undefined;
    await pass(1);
    expect(recorder).toMatchObject({ isRunning: true, outage: undefined });
  });

  it('tries again and again where another profiler holds the sampler, at growing intervals, and says who did', async () => {
    const recorder = started();
    await pass(10);
    sampler.trouble.join = held('an agent');
    sampler.end(held('an agent'));
    const tried = jest.spyOn(sampler, 'join');
    await pass(120);
    expect(recorder.outage).toMatch(/^held by an agent \(as of .*Z\)$/);
    expect(tried.mock.calls.length).toBeGreaterThan(1);
    expect(tried.mock.calls.length).toBeLessThan(6);
    sampler.trouble.join = undefined;
    await pass(300);
    expect(recorder).toMatchObject({ isRunning: true, outage: undefined });
    const { missing } = await recorder.read(at(0), at(430));
    expect(missing).toEqual([expect.stringMatching(new RegExp(`^${time(8)} to .*: held by an agent$`))]);
  });

  it('says of each part of a gap what was in the way then', async () => {
    const recorder = started();
    await pass(10);
    sampler.trouble.join = held('an agent');
    sampler.end(held('an agent'));
    await pass(20);
    sampler.trouble.join = held('another');
    await pass(60);
    sampler.trouble.join = undefined;
    await pass(300);
    const { missing } = await recorder.read(at(0), at(390));
    expect(missing).toEqual([
      expect.stringMatching(new RegExp(`^${time(8)} to (.*Z): held by an agent$`)),
      expect.stringMatching(/^.*Z to .*Z: held by another$/),
    ]);
    const [first = '', second = ''] = missing;
    expect(first.split(/ to |Z: /)[1]).toBe(second.split('Z to ')[0]);
  });

  it('does not say of who had the sampler that he has it still, where the loop does not turn', async () => {
    const recorder = started();
    await pass(10);
    sampler.trouble.join = held('an agent');
    sampler.end(held('an agent'));
    await pass(5);
    sampler.trouble.join = stuck();
    await pass(60);
    expect(recorder.outage).toMatch(/^the event loop .* \(as of /);
    expect(recorder.readKept(at(20), at(75)).missing).toEqual([
      expect.stringMatching(/Z: held by an agent$/),
      expect.stringMatching(/Z: the event loop .* \(as of /),
    ]);
  });

  it('tries again soon where somebody asks, who is told as of when the reason is', async () => {
    const recorder = started();
    await pass(10);
    sampler.trouble.join = held('an agent');
    sampler.end(held('an agent'));
    await pass(20);
    sampler.trouble.join = undefined;
    const before = await recorder.read(at(0), at(30));
    const [, to, seen] = / to (\S+): held by an agent \(as of (\S+)\)$/.exec(before.missing[0] ?? '') ?? [];
    expect(Date.parse(seen!)).toBeLessThan(Date.parse(to!));
    await pass(1);
    expect(recorder).toMatchObject({ isRunning: true, outage: undefined });
  });

  it('tells who listens of each window', async () => {
    const recorder = started();
    const listener = jest.fn();
    recorder.onWindow(listener);
    await pass(20);
    expect(listener).toHaveBeenCalledTimes(5);
  });
});
