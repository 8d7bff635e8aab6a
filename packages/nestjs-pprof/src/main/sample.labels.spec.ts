import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { LabelContext, runWithLabels } from './label.sets.js';
import type { Addon } from './profiler.addon.js';
import type { RequestLabels } from './request.labels.js';
import { SampleLabels } from './sample.labels.js';

const requests = {
  start: jest.fn<RequestLabels['start']>(),
  stop: jest.fn(),
  settle: jest.fn(),
} satisfies Partial<RequestLabels>;

/** Of an addon that has contexts. */
const time = {
  context: undefined as unknown,
  getState: () => ({}),
  constants: { kSampleCount: 0 },
  setContext: (context: unknown) => (time.context = context),
  getContext: () => time.context,
  runWithContext: (_context: unknown, task: () => unknown): unknown => task(),
};

const reasons: string[] = [];
const labels = new SampleLabels(requests as unknown as RequestLabels, (reason) => reasons.push(reason));

function begin(): void {
  labels.begin(time as unknown as Addon['time'], undefined);
}

afterEach(() => {
  labels.end();
  jest.restoreAllMocks();
});

describe('a task with labels', () => {
  it('runs in a context that has them', () => {
    begin();
    const run = jest.spyOn(time, 'runWithContext');
    expect(runWithLabels({ a: 1 }, () => 'done')).toBe('done');
    expect(run).toHaveBeenCalledWith(expect.any(LabelContext), expect.any(Function));
  });

  it('runs without where somebody else has started the sampler anew, without contexts', () => {
    begin();
    jest.spyOn(time, 'runWithContext').mockImplementation(() => {
      throw new Error('Can only use runWithContext with AsyncContextFrame');
    });
    expect(runWithLabels({ a: 1 }, () => 'done')).toBe('done');
  });

  it('that starts itself anew, over and over, holds on to none of those before', () => {
    begin();
    jest.spyOn(time, 'runWithContext').mockImplementation((context, task) => {
      time.context = context;
      return task();
    });
    const poll = (times: number): void => {
      runWithLabels({ job: 'poll' }, () => (times > 0 ? poll(times - 1) : undefined));
    };
    poll(50);
    expect((time.context as LabelContext).outer).toBeUndefined();
    expect((time.context as LabelContext).labels).toEqual({ job: 'poll' });
    time.context = undefined;
  });

  it('throws what the task throws, which runs once', () => {
    begin();
    const task = jest.fn(() => {
      throw new Error('of the application');
    });
    expect(() => runWithLabels({ a: 1 }, task)).toThrow('of the application');
    expect(task).toHaveBeenCalledTimes(1);
  });
});

it('says what has failed where requests cannot be labelled, and no more', () => {
  requests.start.mockImplementationOnce(() => {
    throw new Error('a module without a name');
  });
  const stopped = requests.stop.mock.calls.length;
  begin();
  // Of some channels it may have heard already.
  expect(requests.stop.mock.calls.length).toBe(stopped + 1);
  expect(labels.missing).toMatch(/^requests cannot be labelled here: a module without a name\. Node 24/);
  expect(reasons).toEqual([labels.missing]);
});

it('fills in nothing where that fails: the segment is handed over all the same', () => {
  requests.settle.mockImplementationOnce(() => {
    throw new Error('by a socket of the application');
  });
  expect(() => labels.settle()).not.toThrow();
});
