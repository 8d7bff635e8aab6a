import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type ReadableFrame, readPprof } from '../../test-fixtures/pprof-rules.js';
import { addonIfLoaded, loadAddon } from './addon.loader.js';
import { SamplerHeldError } from '../shared/agent.errors.js';
import { CpuSampler } from './cpu.sampler.js';

const SLOW = { hz: 100, durationMillis: 10_000 };
const FAST = { hz: 500, durationMillis: 10_000 };

const sampler = new CpuSampler();

afterEach(() => {
  sampler.turnOver(null);
});

/** Keeps the thread busy until the clocks have moved on. */
function spin(millis: number): void {
  const end = performance.now() + millis;
  while (performance.now() < end) {
    Math.sqrt(end);
  }
}

describe('CpuSampler', () => {
  it('does not load the native addon before it is asked to sample', () => {
    expect(sampler.turnOver(null)).toBeNull();
    sampler.abandon();
    expect(addonIfLoaded()).toBeUndefined();
  });

  it('has no segment to hand over when it starts, and one when it ends', () => {
    expect(sampler.turnOver(SLOW)).toBeNull();
    expect(loadAddon().time.isStarted()).toBe(true);
    spin(50);
    const segment = sampler.turnOver(null);
    expect(segment).toMatchObject({ hz: 100, hasCpuTime: process.platform !== 'win32' });
    expect(segment!.durationNanos).toBeGreaterThanOrEqual(50e6);
    expect(segment!.processCpuNanos).toBeGreaterThan(0);
    expect(Math.abs(segment!.startedAt - Date.now())).toBeLessThan(60_000);
    expect(loadAddon().time.isStarted()).toBe(false);
  });

  it('hands over a profile with stacks, columns and CPU time', () => {
    sampler.turnOver(FAST);
    spin(200);
    const { sampleTypes, samples } = readPprof(sampler.turnOver(null)!.profile);
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

  it('goes on without a gap where the next segment is of the same rate', () => {
    sampler.turnOver(SLOW);
    const first = sampler.turnOver(SLOW)!;
    const second = sampler.turnOver(null)!;
    expect(second.startedAt).toBeGreaterThanOrEqual(first.startedAt);
    expect(second.hz).toBe(100);
    expect(sampler.turnOver(null)).toBeNull();
  });

  it('starts anew where the next segment is of another rate, or longer than its buffer', () => {
    sampler.turnOver(SLOW);
    expect(sampler.turnOver(FAST)).toMatchObject({ hz: 100 });
    expect(sampler.turnOver({ ...FAST, durationMillis: 20_000 })).toMatchObject({ hz: 500 });
    expect(sampler.turnOver(SLOW)).toMatchObject({ hz: 500 });
    expect(sampler.turnOver(null)).toMatchObject({ hz: 100 });
  });

  it('says who may hold the sampler where another profiler has started it, and leaves that one alone', () => {
    const { time } = loadAddon();
    time.start({ intervalMicros: 10_000, durationMillis: 10_000 });
    try {
      expect(() => sampler.turnOver(SLOW)).toThrow(SamplerHeldError);
      expect(() => sampler.turnOver(SLOW)).toThrow(
        /^the CPU sampler is held by another profiler .*it is not known which/,
      );
      expect(() => sampler.turnOver(SLOW)).toThrow(SamplerHeldError);
      expect(sampler.turnOver(null)).toBeNull();
      sampler.abandon();
      expect(time.isStarted()).toBe(true);
    } finally {
      time.stop();
    }
    expect(sampler.turnOver(SLOW)).toBeNull();
  });

  it('refuses a second sampler of its own kind alike', () => {
    const other = new CpuSampler();
    sampler.turnOver(SLOW);
    expect(() => other.turnOver(SLOW)).toThrow(SamplerHeldError);
    other.abandon();
    expect(loadAddon().time.isStarted()).toBe(true);
  });

  it('forgets what it has sampled when it is abandoned, and stops a moment later', async () => {
    jest.useFakeTimers();
    try {
      sampler.turnOver(SLOW);
      sampler.abandon();
      expect(sampler.turnOver(null)).toBeNull();
      expect(loadAddon().time.isStarted()).toBe(true);
      await jest.runAllTimersAsync();
      expect(loadAddon().time.isStarted()).toBe(false);
    } finally {
      jest.useRealTimers();
    }
  });

  it('can start again when it has been abandoned, as can another', () => {
    sampler.turnOver(SLOW);
    sampler.abandon();
    const other = new CpuSampler();
    expect(other.turnOver(SLOW)).toBeNull();
    expect(other.turnOver(null)).not.toBeNull();
    expect(sampler.turnOver(FAST)).toBeNull();
    expect(sampler.turnOver(null)).toMatchObject({ hz: 500 });
  });
});
