import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { FakeV8Thread } from '../../../test-fixtures/fake-v8.thread.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { MAIN_THREAD } from './thread.selection.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { StackCapturer } = await import('./stack.capturer.js');
const { V8CpuCapturer } = await import('./v8-cpu.capturer.js');
const { V8Sampler } = await import('./v8.sampler.js');

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

it.each([
  ['(program)', ['main', 'wait'], ['wait', 'main']],
  ['(garbage collector)', ['main', 'wait'], ['wait', 'main']],
  ['(garbage collector)', ['(garbage collector)'], ['(garbage collector)']],
])('is in what it was in before V8 showed but %s: %p', async (mark, before, frames) => {
  const begin = monotonicMillis();
  const thread = new FakeV8Thread((millis) => (millis - begin < 15 ? before : [mark]), MAIN_THREAD);
  const agent = { observeLoop: () => Promise.resolve({ stuck: false, lastTurn: 0 }) };
  const threads = {
    inspector: { refuseUnderCoverage: () => undefined },
    useMain: (use: (sampler: unknown) => unknown) => use(new V8Sampler(thread)),
  };
  const capturer = new StackCapturer(
    agent as unknown as AgentClient,
    threads as unknown as InspectedThreads,
    new V8CpuCapturer(),
  );
  const capturing = capturer.capture([0], new AbortController().signal);
  await jest.advanceTimersByTimeAsync(1000);
  const { results } = await capturing;
  expect(results[0]?.frames.map(({ functionName }) => functionName)).toEqual(frames);
});
