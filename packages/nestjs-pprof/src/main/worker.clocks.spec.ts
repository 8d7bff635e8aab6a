import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { WorkerClocks } from './worker.clocks.js';

let clocks: WorkerClocks;

beforeEach(() => {
  jest.useFakeTimers();
  clocks = new WorkerClocks();
});

afterEach(() => {
  jest.useRealTimers();
});

function noted(threadId: number, cpuUsage: () => Promise<NodeJS.CpuUsage>): Worker {
  const worker = { threadId, cpuUsage } as unknown as Worker;
  clocks.add(worker);
  return worker;
}

it('tells what each has used, in user and kernel mode', async () => {
  noted(2, () => Promise.resolve({ user: 40, system: 2 }));
  noted(3, () => Promise.resolve({ user: 5, system: 0 }));
  expect([...(await clocks.read())]).toEqual([
    [2, 42_000],
    [3, 5000],
  ]);
});

it('does not wait for one that is in a native call, and tells of one that could not be asked', async () => {
  noted(2, () => new Promise(() => undefined));
  noted(3, () => Promise.reject(new Error('Worker instance not running')));
  noted(4, () => Promise.resolve({ user: 1, system: 1 }));
  const read = clocks.read();
  await jest.advanceTimersByTimeAsync(100);
  expect([...(await read)]).toEqual([
    [2, undefined],
    [3, undefined],
    [4, 2000],
  ]);
});

it('asks one that has not answered no further question until it has', async () => {
  let answer: (usage: NodeJS.CpuUsage) => void = () => undefined;
  const cpuUsage = jest.fn(() => new Promise<NodeJS.CpuUsage>((resolve) => (answer = resolve)));
  noted(2, cpuUsage);
  for (let capture = 0; capture < 3; capture++) {
    const read = clocks.read();
    await jest.advanceTimersByTimeAsync(100);
    expect([...(await read)]).toEqual([[2, undefined]]);
  }
  expect(cpuUsage).toHaveBeenCalledTimes(1);
  answer({ user: 1, system: 1 });
  await jest.advanceTimersByTimeAsync(0);
  const read = clocks.read();
  answer({ user: 2, system: 1 });
  expect([...(await read)]).toEqual([[2, 3000]]);
});

it('forgets one that has ended, and holds up nothing where there is none', async () => {
  const worker = noted(2, () => Promise.resolve({ user: 1, system: 1 }));
  clocks.delete(worker);
  expect([...(await clocks.read())]).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
});
