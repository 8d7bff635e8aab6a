import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { LoopWatchMemory } from '../../shared/shared.memory.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { OwnStalls } from './own.stalls.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';

let cpuMillis = 0;
jest.unstable_mockModule('./kernel.threads.js', () => ({ cpuNanosOfMain: () => cpuMillis * 1e6 }));
const { BlockWatcher } = await import('./block.watcher.js');

/** What main does while its loop does not turn, and what V8's start costs it. */
let startMillis = 0;
let samples = 0;
/** Those at which its optimized code may be dropped. */
let stuckSamples = 0;
let fails = false;
let running = '';
let watcher: InstanceType<typeof BlockWatcher>;
let memory: LoopWatchMemory;

beforeEach(() => {
  jest.useFakeTimers();
  jest
    .spyOn(process.hrtime, 'bigint')
    .mockImplementation(() => BigInt(Math.round(performance.now() * 1e6)) + 1_000_000_000n);
  [cpuMillis, startMillis, samples, stuckSamples, fails] = [0, 0, 0, 0, false];
  const agent = {
    requestPatiently: (_name: string, request: { memory: SharedArrayBuffer }) => {
      memory = new LoopWatchMemory(request.memory);
      return Promise.resolve();
    },
  };
  const threads = {
    inspector: { ownStalls: new OwnStalls(), refuseUnderCoverage: () => undefined },
    useMain: (use: (sampler: unknown) => Promise<unknown>) => use({}),
  };
  const cpu = {
    capture: (_: unknown, { lastTurn }: { lastTurn?: number }) => {
      stuckSamples += lastTurn === undefined ? 0 : 1;
      samples += 1;
      cpuMillis += startMillis + 20;
      const startTime = nowMicros();
      const [root, callFrame] = ['(root)', running].map((functionName) => ({
        functionName,
        scriptId: '1',
        url: 'file:///main.js',
        lineNumber: 0,
        columnNumber: 0,
      }));
      const nodes = [
        { id: 1, callFrame: root, children: [2] },
        { id: 2, callFrame },
      ];
      const profile = { nodes, samples: [2], timeDeltas: [0], startTime, endTime: startTime + 20_000 };
      return fails ? Promise.reject(new Error('late')) : Promise.resolve({ profile, clockOffset: 0 });
    },
  };
  watcher = new BlockWatcher(
    agent as unknown as AgentClient,
    20,
    true,
    threads as unknown as InspectedThreads,
    cpu as unknown as V8CpuCapturer,
    undefined,
  );
  watcher.start();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const nowMicros = () => Number(process.hrtime.bigint()) / 1000;

/** A turn of this length every so often. */
async function turns(count: number, millis: number, pauseMillis: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    memory.tick(nowMicros(), 0, 20_000);
    await jest.advanceTimersByTimeAsync(millis);
    for (let paused = 0; paused < pauseMillis; paused += 10) {
      memory.tick(nowMicros(), 0, 20_000);
      await jest.advanceTimersByTimeAsync(10);
    }
  }
}

it('samples each block where that is cheap', async () => {
  startMillis = 30;
  await turns(10, 160, 500);
  expect(samples).toBeGreaterThanOrEqual(10);
});

it.each([
  ['has been seen', false],
  ['was not seen in time', true],
])(
  'takes no more than a hundredth of the time where a sample is dear, also where nothing %s',
  async (_, isFailure) => {
    startMillis = 800;
    fails = isFailure;
    // 100 s, in which each sample would triple the turn.
    await turns(33, 250, 2750);
    expect(samples).toBe(2);
  },
);

it('samples a block that is long beside what the sample takes', async () => {
  startMillis = 800;
  await turns(3, 250, 2750);
  expect(samples).toBe(1);
  await turns(1, 8100, 0);
  expect(samples).toBe(2);
});

it('keeps so many samples of a block, evenly spread over it, however long it is', async () => {
  memory.tick(nowMicros(), 0, 20_000);
  running = 'first';
  await jest.advanceTimersByTimeAsync(300_000);
  running = 'second';
  await jest.advanceTimersByTimeAsync(300_000);
  expect(samples).toBeLessThan(2000);
  await turns(1, 0, 100);
  const ofFunction = new Map(
    (await watcher.collected()).map(({ stack, values }) => [stack[0]?.functionName, values[1]! / 1e9]),
  );
  expect(ofFunction.get('first')).toBeGreaterThan(290);
  expect(ofFunction.get('second')).toBeGreaterThan(290);
});

it.each([
  ['runs all the time', 1, 1],
  ['hardly has a processor', 0.02, 0],
  ['hardly has a processor, but has had it for long', 0.2, 1],
])('takes a thread for stuck by its CPU time: one that %s', async (_, part, least) => {
  memory.tick(nowMicros(), 0, 20_000);
  startMillis = -20;
  for (let millis = 0; millis < 4000; millis += 10) {
    cpuMillis += 10 * part;
    await jest.advanceTimersByTimeAsync(10);
  }
  expect(samples).toBeGreaterThan(10);
  expect(Math.sign(stuckSamples)).toBe(least);
});
