import { afterEach, describe, expect, it } from '@jest/globals';
import { samplesOfAllocations } from '../pprof/allocation-tree.js';
import { addonIfLoaded, loadAddon } from './addon.loader.js';
import { HeapSamplingOffError, SamplerHeldError } from './agent.errors.js';
import { HeapSampler } from './heap.sampler.js';

const SAMPLING = { samplingInterval: 16 * 1024, stackDepth: 64 };

const sampler = new HeapSampler();

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
    const bytes = samplesOfAllocations(sample.root)
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
});
