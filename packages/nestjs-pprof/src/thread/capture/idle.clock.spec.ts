import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from '@jest/globals';
import { startIdleClock, wasIdle } from './kernel.threads.js';

let worker: Worker;

afterEach(() => worker.terminate());

/** A worker that has told that it is there. */
async function run(program: string): Promise<void> {
  worker = new Worker(`require('node:worker_threads').parentPort.postMessage(0); ${program}`, { eval: true });
  await new Promise((resolve) => worker.once('message', resolve));
}

/** Until it is certain, or it has had every chance to be. */
async function isIdle(tries: number): Promise<boolean> {
  for (let left = tries; left > 0; left -= 1) {
    const clock = startIdleClock({ id: worker.threadId, label: 'worker' });
    await sleep(200);
    if (clock()) {
      return true;
    }
  }
  return false;
}

it('is certain that a worker does nothing which waits in a call', async () => {
  await run('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)');
  expect(await isIdle(100)).toBe(true);
});

it('is not of one that computes', async () => {
  await run('for (;;);');
  expect(await isIdle(3)).toBe(false);
});

it.each([
  ['sleeps', {}, true],
  ['has run for a moment, as for an interrupt', { cpuNanos: 50e6 }, true],
  ['has run', { cpuNanos: 170e6 }, false],
  ['was throttled', { waitedNanos: 170e6 }, false],
  ['is throttled', { state: 'R' }, false],
  ['waits for a disk', { state: 'D' }, false],
  ['has waited for memory that was swapped out', { majorFaults: 8 }, false],
])('of 8 s: one that %s', (_, change, expected) => {
  const then = { cpuNanos: 0, waitedNanos: 0, state: 'S', majorFaults: 7 };
  expect(wasIdle(then, { ...then, ...change }, 8000)).toBe(expected);
});
