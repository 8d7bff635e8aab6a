import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  silenceOf,
  AgentFailureError,
  CaptureStuckError,
  ThreadStuckError,
  ThreadUnreachableError,
} from './threads.errors.js';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import type { AgentFailure, CpuSampling } from '../../shared/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import type { SampledSegment } from './cpu.rotation.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { SharedCpuSampler } = await import('./shared-cpu.sampler.js');

type Channel = 'request' | 'readCpuByInterrupt' | 'requestPatiently';

/** The agent and its sampler; a segment is named after the milliseconds at which it began and ended. */
class FakeAgent {
  readonly rotations: (CpuSampling | null)[] = [];
  readonly channels: Channel[] = [];
  /** What goes wrong, by channel; asked at each request. */
  trouble: Partial<Record<Channel, (next: CpuSampling | null) => unknown>> = {};
  running: CpuSampling | null = null;
  /** Why the next sampling does not start; once. */
  startFailure: AgentFailure | undefined;
  /** What each start takes. */
  startMillis = 100;
  starts = 0;
  #since = 0;
  #isStarted = false;

  readonly client = {
    request: (_command: 'rotateCpu', next: CpuSampling | null) => this.#ask('request', next),
    // By interrupt the sampler is only read.
    readCpuByInterrupt: () => this.#ask('readCpuByInterrupt', this.running),
    requestPatiently: (_command: 'rotateCpu', next: CpuSampling | null) =>
      this.#ask('requestPatiently', next),
  } as unknown as AgentClient;

  async #ask(channel: Channel, next: CpuSampling | null): Promise<SampledSegment | null> {
    this.channels.push(channel);
    const error = await this.trouble[channel]?.(next);
    if (error !== undefined) {
      throw error;
    }
    this.rotations.push(next);
    const { startFailure } = this;
    this.startFailure = undefined;
    const { running } = this;
    const startMillis = this.#isStarted ? this.startMillis : undefined;
    const segment = running && !running.unread && { hz: running.hz, startedAt: this.#since, startMillis };
    this.#isStarted = next !== null && !next.unread && running?.hz !== next.hz;
    this.starts += Number(this.#isStarted);
    // What nobody wants starts nothing.
    this.running = startFailure || (next?.unread && !running) ? null : next;
    this.#since = Date.now();
    return (segment || null) && ({ ...segment, durationNanos: Date.now(), startFailure } as SampledSegment);
  }
}

let agent: FakeAgent;
let sampler: InstanceType<typeof SharedCpuSampler>;

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
  agent = new FakeAgent();
  sampler = new SharedCpuSampler(agent.client, 0);
});

afterEach(() => {
  jest.useRealTimers();
});

interface Outcome {
  /** `from-to@hz` of each segment. */
  segments?: string[];
  readByInterrupt?: boolean;
  startFailure?: string | undefined;
  error?: unknown;
  abort(): void;
}

function capture(seconds: number, hz = 100, labels = false): Outcome {
  const controller = new AbortController();
  const outcome: Outcome = { abort: () => controller.abort() };
  void note(outcome, sampler.capture({ seconds, hz, labels, signal: controller.signal }));
  return outcome;
}

async function note(outcome: Outcome, capturing: Promise<readonly SampledSegment[]>): Promise<void> {
  try {
    const segments = await capturing;
    outcome.segments = segments.map(
      ({ startedAt, durationNanos, hz }) => `${startedAt}-${durationNanos}@${hz}`,
    );
    outcome.startFailure = segments.at(-1)?.startFailure?.message;
    outcome.readByInterrupt = segments.some((segment) => segment.readByInterrupt);
  } catch (error) {
    outcome.error = error;
  }
}

async function pass(millis: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(millis);
}

const stuck = () => new ThreadStuckError('the main thread', silenceOf(200));

describe('SharedCpuSampler, one capture', () => {
  it('starts the sampler, waits, stops it, and gives what was sampled', async () => {
    const outcome = capture(5);
    await pass(4999);
    expect(agent.running).toMatchObject({ hz: 100 });
    expect(outcome.segments).toBeUndefined();
    await pass(1);
    expect(outcome.segments).toEqual(['0-5000@100']);
    expect(agent.running).toBeNull();
  });

  it('gives the sampler room for the whole window, and for a main thread that is late to end it', async () => {
    capture(5);
    await pass(0);
    expect(agent.running!.durationMillis).toBeGreaterThan(5000);
    await pass(5000);
  });

  it('has samples labelled while one of those who capture wants it', async () => {
    capture(9);
    const labelled = capture(5, 100, true);
    await pass(0);
    expect(agent.running).toMatchObject({ labels: true });
    await pass(5000);
    expect(labelled.segments).toHaveLength(1);
    expect(agent.running).toMatchObject({ labels: false });
    await pass(4000);
  });

  it('rejects at once where the main thread is stuck when it begins, and leaves no sampler behind', async () => {
    agent.trouble.request = stuck;
    const outcome = capture(5);
    await pass(0);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
    expect(outcome.error).not.toBeInstanceOf(CaptureStuckError);
    expect(agent.channels).toEqual(['request']);
    agent.trouble = {};
    const next = capture(1);
    await pass(1000);
    expect(next.segments).toEqual(['0-1000@100']);
  });

  it('rejects with the words of an agent that cannot sample', async () => {
    const held = new AgentFailureError({ status: 409, message: 'held' });
    agent.trouble.request = () => held;
    const outcome = capture(5);
    await pass(0);
    expect(outcome.error).toBe(held);
  });
});

describe('SharedCpuSampler, overlapping captures', () => {
  it('gives each just the segments of its own window', async () => {
    const first = capture(5);
    await pass(2000);
    const second = capture(5);
    await pass(3000);
    expect(first.segments).toEqual(['0-2000@100', '2000-5000@100']);
    await pass(2000);
    expect(second.segments).toEqual(['2000-5000@100', '5000-7000@100']);
    expect(agent.running).toBeNull();
  });

  it('gives a capture within another one its window, and the other one all of its own', async () => {
    const outer = capture(10);
    await pass(3000);
    const inner = capture(2);
    await pass(7000);
    expect(inner.segments).toEqual(['3000-5000@100']);
    expect(outer.segments).toEqual(['0-3000@100', '3000-5000@100', '5000-10000@100']);
  });

  it('gives captures that begin and end together the same segments, with one pause at their end', async () => {
    const both = [capture(5), capture(5)];
    await pass(5000);
    expect(both.map(({ segments }) => segments?.at(-1))).toEqual(['0-5000@100', '0-5000@100']);
    expect(agent.rotations.filter((next) => next === null)).toHaveLength(1);
    expect(agent.rotations).toHaveLength(2);
  });

  it('has one that begins a moment after another begin with it, unless it asks for more', async () => {
    const first = capture(5);
    await pass(15);
    const second = capture(5);
    await pass(1);
    const faster = capture(1, 500);
    await pass(6000);
    expect(first.segments?.[0]).toBe('0-16@100');
    expect(second.segments?.[0]).toBe('0-16@100');
    expect(faster.segments).toEqual(['16-1016@500']);
    const last = capture(1);
    await pass(21);
    const after = capture(1);
    await pass(2000);
    expect(last.segments).toHaveLength(2);
    expect(after.segments).toHaveLength(2);
  });

  it('samples at the highest rate that is asked for, as long as it is', async () => {
    const slow = capture(10, 100);
    await pass(2000);
    const fast = capture(3, 500);
    await pass(8000);
    expect(fast.segments).toEqual(['2000-5000@500']);
    expect(slow.segments).toEqual(['0-2000@100', '2000-5000@500', '5000-10000@100']);
  });

  it('keeps a higher rate when one with a lower joins', async () => {
    const fast = capture(5, 500);
    await pass(1000);
    const slow = capture(5, 100);
    await pass(5000);
    expect(fast.segments).toEqual(['0-1000@500', '1000-5000@500']);
    expect(slow.segments).toEqual(['1000-5000@500', '5000-6000@100']);
  });

  it('has room for the longest of them', async () => {
    capture(10);
    await pass(4000);
    capture(2);
    await pass(0);
    expect(agent.running!.durationMillis).toBeGreaterThan(6000);
    expect(agent.running!.durationMillis).toBeLessThan(10_000);
    await pass(6000);
  });
});

describe('SharedCpuSampler, clients that go away', () => {
  it('ends the capture at once, and the sampler with the last one', async () => {
    const outcome = capture(3600);
    await pass(1000);
    outcome.abort();
    await pass(0);
    expect(outcome.error).toMatchObject({ name: 'AbortError' });
    expect(agent.running).toBeNull();
  });

  it('does not disturb the others', async () => {
    const [gone, staying] = [capture(10), capture(5)];
    await pass(1000);
    const before = agent.rotations.length;
    gone.abort();
    await pass(0);
    expect(agent.rotations).toHaveLength(before);
    expect(agent.running).not.toBeNull();
    await pass(4000);
    expect(staying.segments).toEqual(['0-5000@100']);
    expect(agent.running).toBeNull();
  });

  it('stops the sampler of a stuck thread when that goes on, without holding up the next capture', async () => {
    const outcome = capture(3600);
    await pass(1000);
    let goOn: (value?: undefined) => void = () => undefined;
    agent.trouble.requestPatiently = () => new Promise((resolve) => (goOn = resolve));
    outcome.abort();
    await pass(0);
    expect(agent.channels.at(-1)).toBe('requestPatiently');
    const next = capture(1);
    await pass(0);
    expect(agent.channels.at(-1)).toBe('request');
    goOn();
    await pass(1000);
    expect(next).not.toHaveProperty('error');
  });

  it('does not start anything for one that has gone before its turn', async () => {
    const outcome = capture(5);
    outcome.abort();
    await pass(0);
    expect(outcome.error).toMatchObject({ name: 'AbortError' });
    expect(agent.channels).toEqual([]);
  });

  it('ends at once also while the sampler is being started for it', async () => {
    let start: (value?: undefined) => void = () => undefined;
    agent.trouble.request = () => new Promise((resolve) => (start = resolve));
    const outcome = capture(5);
    await pass(0);
    outcome.abort();
    await pass(0);
    expect(outcome.error).toMatchObject({ name: 'AbortError' });
    start();
    await pass(0);
    expect(agent.rotations).toEqual([expect.anything(), null]);
    expect(agent.running).toBeNull();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends at once also while a native call holds up its end', async () => {
    const outcome = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () => new ThreadUnreachableError('main', silenceOf(4000));
    agent.trouble.requestPatiently = () => fakeSleep(60_000);
    await pass(4000);
    outcome.abort();
    await pass(0);
    expect(outcome.error).toMatchObject({ name: 'AbortError' });
    await pass(60_000);
    expect(agent.running).toBeNull();
  });

  it('ends at once also while it waits for the mutex, and keeps no timer', async () => {
    capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () => new ThreadUnreachableError('main', silenceOf(4000));
    let goOn: (value?: undefined) => void = () => undefined;
    agent.trouble.requestPatiently = () => new Promise((resolve) => (goOn = resolve));
    await pass(4000);
    const next = capture(1);
    await pass(0);
    expect(jest.getTimerCount()).toBe(1);
    next.abort();
    await pass(0);
    expect(next.error).toMatchObject({ name: 'AbortError' });
    expect(jest.getTimerCount()).toBe(0);
    agent.trouble = {};
    goOn();
    await pass(0);
    expect(agent.running).toBeNull();
  });

  it('leaves no listener on the signal, whether it ended by itself or by it', async () => {
    const controller = new AbortController();
    const done = sampler.capture({ seconds: 1, hz: 100, labels: false, signal: controller.signal });
    await pass(500);
    expect(getEventListeners(controller.signal, 'abort').length).toBeGreaterThan(0);
    await pass(500);
    await done;
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    const outcome = capture(5);
    await pass(1000);
    outcome.abort();
    await pass(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('SharedCpuSampler, a thread that gets stuck during a capture', () => {
  it('reads the segment by interrupt, and says so', async () => {
    const outcome = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    await pass(4000);
    expect(outcome).toMatchObject({ segments: ['0-5000@100'], readByInterrupt: true });
    expect(agent.running).toBeNull();
  });

  it('does not say so of what was read in the regular way', async () => {
    const outcome = capture(5);
    await pass(5000);
    expect(outcome.readByInterrupt).toBe(false);
  });

  it('waits for a native call to end: what has been sampled shows who called it', async () => {
    const outcome = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () => new ThreadUnreachableError('main', silenceOf(4000));
    agent.trouble.requestPatiently = () => fakeSleep(10_000);
    await pass(4000);
    expect(outcome.segments).toBeUndefined();
    await pass(10_000);
    expect(outcome).toMatchObject({ segments: ['0-15000@100'], readByInterrupt: false });
  });

  it('has a capture that comes while such a wait goes on fail soon, rather than wait as well', async () => {
    capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () => new ThreadUnreachableError('main', silenceOf(4000));
    agent.trouble.requestPatiently = () => fakeSleep(60_000);
    await pass(4000);
    const next = capture(1);
    await pass(5000);
    expect(next.error).toBeInstanceOf(ThreadStuckError);
    agent.trouble = {};
    await pass(60_000);
    expect(agent.running).toBeNull();
    const later = capture(1);
    await pass(1000);
    expect(later.segments).toHaveLength(1);
  });

  it('asks once more, as the thread may have gone on while it was interrupted', async () => {
    const outcome = capture(5);
    await pass(1000);
    let asked = 0;
    agent.trouble.request = () => (asked++ === 0 ? stuck() : undefined);
    agent.trouble.readCpuByInterrupt = () =>
      new AgentFailureError({ status: 504, message: 'not done before' });
    await pass(4000);
    expect(outcome).toMatchObject({ segments: ['0-5000@100'], readByInterrupt: false });
  });

  it('says that what was sampled cannot be read, and has the sampler stopped when the thread goes on', async () => {
    const outcome = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () =>
      new AgentFailureError({ status: 504, message: 'not done before' });
    await pass(4000);
    expect(outcome.error).toBeInstanceOf(CaptureStuckError);
    expect(agent.channels.at(-1)).toBe('requestPatiently');
    expect(agent.running).toBeNull();
  });
});

describe('SharedCpuSampler, a segment that is lost', () => {
  it('is not lost for those who go on where it could not be read for one that ends: it runs on', async () => {
    const onSegment = jest.fn();
    const onEnd = jest.fn();
    const [short, long] = [capture(5), capture(10)];
    await sampler.join({ hz: 20, labels: false, onSegment, onEnd });
    await pass(1000);
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () =>
      new AgentFailureError({ status: 504, message: 'not done before' });
    await pass(4000);
    expect(short.error).toBeInstanceOf(CaptureStuckError);
    expect(agent.channels).not.toContain('requestPatiently');
    agent.trouble = {};
    await pass(5000);
    expect(long.segments?.at(-1)).toBe('0-10000@100');
    expect(onSegment).toHaveBeenLastCalledWith(
      expect.objectContaining({ startedAt: 0, durationNanos: 10_000 }),
    );
    expect(onEnd).not.toHaveBeenCalled();
    expect(agent.running).toMatchObject({ hz: 20 });
  });

  it('is told to all who run where the agent itself cannot go on', async () => {
    const [short, long] = [capture(5), capture(10)];
    await pass(1000);
    const failure = new AgentFailureError({ status: 500, message: 'the addon says no' });
    agent.trouble.request = stuck;
    agent.trouble.readCpuByInterrupt = () => {
      agent.trouble.request = () => failure;
      return new AgentFailureError({ status: 504, message: 'not done before' });
    };
    await pass(4000);
    expect(short.error).toBe(failure);
    agent.trouble = {};
    await pass(5000);
    expect(long.error).toBe(failure);
  });

  it('is told to a capture that ends together with the one that has asked for it', async () => {
    const both = [capture(5), capture(5)];
    await pass(1000);
    const failure = new AgentFailureError({ status: 500, message: 'the addon says no' });
    agent.trouble.request = () => failure;
    await pass(4000);
    expect(both.map(({ error }) => error)).toEqual([failure, failure]);
  });

  it('is told to those who run, where another one could not begin in the middle of it', async () => {
    const first = capture(5);
    await pass(1000);
    const held = new AgentFailureError({ status: 409, message: 'held' });
    agent.trouble.request = () => held;
    const second = capture(5, 500);
    await pass(0);
    expect(second.error).toBe(held);
    agent.trouble = {};
    await pass(4000);
    expect(first.error).toBe(held);
  });

  it('is not lost where the next could not start for another one that begins', async () => {
    const first = capture(5);
    await pass(1000);
    agent.startFailure = { status: 409, message: 'held' };
    const second = capture(5, 500);
    await pass(0);
    expect(second.error).toMatchObject({ status: 409, message: 'held' });
    await pass(4000);
    expect(first).toMatchObject({ segments: ['0-1000@100'], startFailure: 'held' });
    expect(agent.running).toBeNull();
  });

  it('is not lost where the next could not start for one that goes on', async () => {
    const [short, long] = [capture(2, 500), capture(5)];
    await pass(1000);
    agent.startFailure = { status: 409, message: 'held' };
    await pass(1000);
    expect(short.segments?.at(-1)).toBe('0-2000@500');
    expect(short.startFailure).toBeUndefined();
    await pass(3000);
    expect(long.segments?.at(-1)).toBe('0-2000@500');
    expect(long.startFailure).toBe('held');
    const next = capture(1);
    await pass(1000);
    expect(next.segments).toEqual(['5000-6000@100']);
  });

  it('is not lost where another one could not begin because the thread was stuck for a moment', async () => {
    const first = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    const second = capture(5);
    await pass(0);
    expect(second.error).toBeInstanceOf(ThreadStuckError);
    agent.trouble = {};
    await pass(4000);
    expect(first.segments).toEqual(['0-5000@100']);
  });

  it('does not keep the next captures from running', async () => {
    capture(5);
    await pass(1000);
    agent.trouble.request = () => new AgentFailureError({ status: 500, message: 'no' });
    await pass(4000);
    agent.trouble = {};
    const next = capture(1);
    await pass(1000);
    expect(next.segments).toEqual(['5000-6000@100']);
  });
});

describe('SharedCpuSampler, captures that come again and again', () => {
  const MINUTE = 60_000;

  beforeEach(() => {
    sampler = new SharedCpuSampler(agent.client, MINUTE);
  });

  /** One after the other, each with a pause before it. */
  async function scrape(times: number, pause = 10_000, hz = 100, labels = false): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (let time = 0; time < times; time++) {
      await pass(pause);
      outcomes.push(capture(5, hz, labels));
      await pass(5000);
    }
    return outcomes;
  }

  it('starts the sampler for the first and the second, and for no other, each of which has its own window', async () => {
    const outcomes = await scrape(5);
    expect(agent.starts).toBe(2);
    expect(outcomes.map(({ segments }) => segments)).toEqual([
      ['10000-15000@100'],
      ['25000-30000@100'],
      ['40000-45000@100'],
      ['55000-60000@100'],
      ['70000-75000@100'],
    ]);
    expect(sampler.isWarm).toBe(true);
  });

  it('runs on for a minute after the last, without labels and without anybody to read it, and not longer', async () => {
    await scrape(2, 10_000, 100, true);
    expect(agent.running).toMatchObject({ hz: 100, labels: false, unread: true });
    await pass(MINUTE - 1);
    expect(agent.running).toMatchObject({ unread: true });
    expect(sampler.isWarm).toBe(true);
    await pass(1);
    expect(agent.running).toBeNull();
    expect(sampler.isWarm).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is rotated meanwhile, so that what it holds stays small', async () => {
    await scrape(2);
    const before = agent.rotations.length;
    await pass(MINUTE - 1);
    expect(agent.rotations.length - before).toBe(3);
  });

  it('does not run on after one capture, nor after captures at the same time', async () => {
    await scrape(1);
    expect(agent.running).toBeNull();
    sampler = new SharedCpuSampler(agent.client, MINUTE);
    capture(5);
    await pass(1000);
    capture(5);
    await pass(5000);
    expect(agent.running).toBeNull();
  });

  it('does not run on after captures that are further apart than it would', async () => {
    await scrape(3, MINUTE + 1);
    expect(agent.running).toBeNull();
    expect(agent.starts).toBe(3);
  });

  it('does not run on for longer than the start is worth', async () => {
    agent.startMillis = 10;
    await scrape(3, 7000);
    expect(agent.running).toBeNull();
    await scrape(2, 5000);
    await pass(5999);
    expect(agent.running).not.toBeNull();
    await pass(1);
    expect(agent.running).toBeNull();
  });

  it.each([19, 101])('does not run on at %d Hz', async (hz) => {
    await scrape(3, 10_000, hz);
    expect(agent.running).toBeNull();
  });

  it('never runs on where the option says so', async () => {
    sampler = new SharedCpuSampler(agent.client, 0);
    await scrape(3, 0);
    expect(agent.running).toBeNull();
  });

  it('has room for what comes later', async () => {
    await scrape(1);
    capture(5);
    await pass(0);
    expect(agent.running!.durationMillis).toBeGreaterThanOrEqual(MINUTE);
    await pass(5000);
  });

  it('gives a capture at another rate just that', async () => {
    await scrape(2);
    await pass(1000);
    const other = capture(5, 50);
    await pass(5000);
    expect(other.segments).toEqual(['31000-36000@50']);
    expect(agent.running).toMatchObject({ hz: 50, unread: true });
  });

  it('ends with a capture whose client has gone away', async () => {
    await scrape(2);
    const outcome = capture(5);
    await pass(1000);
    outcome.abort();
    await pass(0);
    expect(agent.running).toBeNull();
    expect(sampler.isWarm).toBe(false);
  });

  it('is the flight recorder’s when that comes', async () => {
    await scrape(2);
    await sampler.join({ hz: 20, labels: false, onSegment: () => undefined, onEnd: () => undefined });
    expect(agent.running).toMatchObject({ hz: 20 });
    await scrape(3);
    await pass(2 * MINUTE);
    expect(agent.running).toMatchObject({ hz: 20 });
    expect(agent.running).not.toHaveProperty('unread');
    expect(sampler.isWarm).toBe(false);
  });

  it.each([
    ['a stuck main thread', stuck],
    ['whatever else', () => new AgentFailureError({ status: 409, message: 'held' })],
  ])('ends with %s, without a word', async (_, trouble) => {
    await scrape(2);
    agent.trouble.request = trouble;
    await pass(15_000);
    expect(agent.channels.at(-1)).toBe('requestPatiently');
    expect(agent.running).toBeNull();
    expect(sampler.isWarm).toBe(false);
    agent.trouble = {};
    const [next] = await scrape(1);
    expect(next!.segments).toHaveLength(1);
  });

  it('leaves no sampler to a main thread that is stuck when the next capture begins', async () => {
    await scrape(2);
    agent.trouble.request = stuck;
    const next = capture(5);
    await pass(0);
    expect(next.error).toBeInstanceOf(ThreadStuckError);
    expect(agent.running).toBeNull();
  });

  it('reads a capture that a stuck main thread cannot end as ever, and does not run on', async () => {
    await scrape(2);
    const outcome = capture(5);
    await pass(1000);
    agent.trouble.request = stuck;
    await pass(4000);
    expect(outcome).toMatchObject({ segments: ['30000-35000@100'], readByInterrupt: true });
    expect(agent.running).toBeNull();
    expect(sampler.isWarm).toBe(false);
  });
});
