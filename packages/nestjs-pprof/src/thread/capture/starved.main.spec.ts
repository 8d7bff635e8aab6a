import { expect, it, jest } from '@jest/globals';
import type { AgentClient } from './agent.client.js';
import { BlockCapturer } from './block.capturer.js';
import { CpuCapturer } from './cpu.capturer.js';
import type { InspectedThreads } from './inspected.threads.js';
import { StackCapturer } from './stack.capturer.js';
import { MAIN_THREAD } from './thread.selection.js';
import { type Cause, silenceOf, ThreadStuckError } from './threads.errors.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';

const LAST_TURN = 1000;
const { signal } = new AbortController();

/** An application whose main thread does not answer; what its profiles are asked with. */
function silentMain(cause: Cause) {
  const silence = { ...silenceOf(5000), cause, withoutProcessorMillis: 4000 };
  const error = new ThreadStuckError('the main thread', silence);
  const agent = {
    request: () => Promise.reject(error),
    requestPatiently: () => Promise.resolve(null),
    observeLoop: () => Promise.resolve({ stuck: error.isStuck, lastTurn: LAST_TURN, silence: error.silence }),
  };
  const threads = {
    inspector: { refuseUnderCoverage: () => undefined },
    lastTurn: LAST_TURN,
    useMain: (use: (sampler: unknown) => unknown) => use({ target: { thread: MAIN_THREAD } }),
  };
  const profile = { nodes: [], samples: [], timeDeltas: [], startTime: 0, endTime: 0 };
  const capture = jest.fn<(sampler: unknown, request: { lastTurn?: number }) => Promise<unknown>>(() =>
    Promise.resolve({ profile, clockOffset: 0 }),
  );
  const parts = [agent, threads, { capture }] as unknown as [AgentClient, InspectedThreads, V8CpuCapturer];
  return { parts, lastTurns: () => capture.mock.calls.map(([, { lastTurn }]) => lastTurn) };
}

const common = { seconds: 0.01, threads: [0], signal };

it.each<[Cause, boolean]>([
  ['starved', false],
  ['busy', true],
  ['unknown', true],
])(
  'takes a main thread that is %s for stuck: %p; else its code is left as it is, and that is said',
  async (cause, stuck) => {
    const note = stuck
      ? undefined
      : expect.stringMatching(/^it had no processor for 80 % of .* may be shown as its caller$/);
    const { parts, lastTurns } = silentMain(cause);
    const stacks = await new StackCapturer(...parts).capture([0], signal);
    expect(stacks.results).toMatchObject([
      { state: stuck ? 'stuck' : 'waiting', silentSince: LAST_TURN, note },
    ]);
    const blocks = await new BlockCapturer(...parts).capture({ ...common, thresholdMillis: 20 });
    expect(blocks.results).toMatchObject([{ stuck, note }]);
    const cpu = await new CpuCapturer(...parts, 0).capture({ ...common, hz: 100, labels: false });
    expect(cpu.threads).toMatchObject([{ by: 'inspector', stuck, note }]);
    expect(lastTurns()).toEqual(Array.from({ length: 3 }, () => (stuck ? LAST_TURN : undefined)));
  },
);
