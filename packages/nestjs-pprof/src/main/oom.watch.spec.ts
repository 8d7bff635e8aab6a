import { afterAll, expect, it, jest } from '@jest/globals';
import { HeapSampler } from './heap.sampler.js';
import { OomWatch } from './oom.watch.js';
import { loadAddon } from './profiler.addon.js';

const SAMPLING = { samplingInterval: 16 * 1024, stackDepth: 64 };
const OURS = ['auto', 1, false, ['ours']];
const THEIRS = [2 ** 20, 2, true, ['theirs']] as const;

afterAll(() => {
  jest.useRealTimers();
});

it('leaves what another has put over ours in the addon, and takes nothing of ours for theirs', () => {
  const { heap } = loadAddon();
  const monitored = jest.spyOn(heap, 'monitorOutOfMemory').mockImplementation(() => undefined);
  const warnings: string[] = [];
  const watch = new OomWatch(
    () => ['ours'],
    (text) => warnings.push(text),
  );
  try {
    watch.start({ since: 0, withGarbage: false });
    const inner = heap.monitorOutOfMemory;
    const theirs: typeof inner = (...args) => inner(...args);
    heap.monitorOutOfMemory = theirs;
    watch.start({ since: 1, withGarbage: true });
    watch.stop();
    expect(heap.monitorOutOfMemory).toBe(theirs);
    expect(monitored.mock.calls).toEqual([OURS, OURS]);
    expect(warnings).toEqual([]);
    expect(watch.isTakenOver).toBe(false);
  } finally {
    watch.stop();
    monitored.mockRestore();
  }
});

it('leaves the export to another user of the addon who sets one, through every restart of the sampler, and says so once', () => {
  jest.useFakeTimers();
  const { heap } = loadAddon();
  const monitored = jest.spyOn(heap, 'monitorOutOfMemory').mockImplementation(() => undefined);
  const warnings: string[] = [];
  const calls = () => monitored.mock.calls.splice(0);
  const start = () => {
    const sampler = new HeapSampler();
    sampler.start(
      SAMPLING,
      new OomWatch(
        () => ['ours'],
        (text) => warnings.push(text),
      ),
    );
    return sampler;
  };
  const addon = heap.monitorOutOfMemory;
  const sampler = start();
  expect(calls()).toEqual([OURS]);
  heap.monitorOutOfMemory(THEIRS[0], THEIRS[1], THEIRS[2], [...THEIRS[3]]);
  heap.monitorOutOfMemory(THEIRS[0], THEIRS[1], THEIRS[2], [...THEIRS[3]]);
  expect(calls()).toEqual([THEIRS, THEIRS]);
  expect(warnings).toEqual([
    expect.stringMatching(/^Nothing is written when memory runs out: another user /),
  ]);
  jest.advanceTimersByTime(120_000);
  expect(calls()).toEqual([]);
  // The addon forgets it when the sampler stops.
  sampler.beginAllocations(SAMPLING);
  sampler.endAllocations();
  expect(calls()).toEqual([THEIRS, THEIRS]);
  sampler.stop();
  expect(heap.monitorOutOfMemory).toBe(addon);
  const stopped = jest.spyOn(heap, 'stop');
  start().stop();
  expect(calls()).toEqual([THEIRS]);
  // What they have set is gone with the sampler.
  expect(stopped).not.toHaveBeenCalled();
  stopped.mockRestore();
  heap.stop();
});
