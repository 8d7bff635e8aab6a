import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { V8CpuProfile } from '../pprof/v8.profiles.js';
import type { InspectorTarget } from './inspector.target.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { captureV8Cpu } = await import('./v8-cpu.capture.js');

/** Stacks, outermost first. */
type Stacks = readonly (readonly string[])[];

/** A thread whose profiles show these stacks, each at one of five samples in a row. */
class FakeTarget implements InspectorTarget {
  readonly thread = { id: 3, label: 'worker 3' };
  readonly posted: string[] = [];
  readonly #profiles: Stacks[];
  #startedAt = 0;

  constructor(...profiles: Stacks[]) {
    this.#profiles = profiles;
  }

  on(): void {
    throw new Error('a CPU profile has no events');
  }

  post<T>(method: string, params: object = {}): Promise<T> {
    const detail = method === 'Profiler.setSamplingInterval' ? ` ${JSON.stringify(params)}` : '';
    this.posted.push(method + detail);
    if (method === 'Profiler.start') {
      this.#startedAt = monotonicMillis() * 1000;
    }
    const result = method === 'Profiler.stop' ? { profile: this.#profile(this.#profiles.shift()!) } : {};
    return Promise.resolve(result as T);
  }

  #profile(stacks: Stacks): V8CpuProfile {
    const nodes: { id: number; functionName: string; children: number[] }[] = [
      { id: 1, functionName: '(root)', children: [] },
    ];
    const samples = stacks.map((stack) => {
      let at = nodes[0]!;
      for (const functionName of stack) {
        const known = at.children
          .map((id) => nodes[id - 1]!)
          .find((child) => child.functionName === functionName);
        const next = known ?? { id: nodes.length + 1, functionName, children: [] };
        if (!known) {
          nodes.push(next);
          at.children.push(next.id);
        }
        at = next;
      }
      return at.id;
    });
    return {
      nodes: nodes.map(({ id, functionName, children }) => ({
        id,
        children,
        callFrame: {
          functionName,
          url: functionName.startsWith('(') ? '' : '/app/a.js',
          lineNumber: functionName.startsWith('(') ? -1 : 0,
          columnNumber: 0,
        },
      })),
      startTime: this.#startedAt,
      endTime: monotonicMillis() * 1000,
      samples,
      timeDeltas: samples.map(() => 1000),
    };
  }
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

async function capture(target: FakeTarget, over = {}): Promise<string[]> {
  const { signal } = new AbortController();
  const capturing = captureV8Cpu(target, { millis: 1000, hz: 200, signal, stuck: false, ...over });
  await jest.advanceTimersByTimeAsync(5000);
  return (await capturing).map(({ stack }) =>
    stack.frames.map(({ functionName }) => functionName).join(' < '),
  );
}

const MOVING = [['main', 'a'], ['main', 'b'], ['(idle)']];
const STANDING = [['main'], ['main'], ['main']];

describe('captureV8Cpu', () => {
  it('profiles at the rate, for the time, and gives the stacks in the order of time', async () => {
    const target = new FakeTarget(MOVING);
    expect(await capture(target)).toEqual(['a < main', 'b < main', '(idle)']);
    expect(target.posted).toEqual([
      'Profiler.enable',
      'Profiler.setSamplingInterval {"interval":5000}',
      'Profiler.start',
      'Profiler.stop',
    ]);
  });

  it('has V8 forget the optimized code of a stuck thread, whose loop it would not see else', async () => {
    const target = new FakeTarget(MOVING);
    await capture(target, { stuck: true });
    expect(target.posted.slice(2)).toEqual([
      'Profiler.start',
      'Profiler.startPreciseCoverage',
      'Profiler.stopPreciseCoverage',
      'Profiler.stop',
    ]);
  });

  it('looks again at a thread that did not move, and shows the function that it loops in', async () => {
    const target = new FakeTarget(STANDING, [
      ['main', 'loop'],
      ['main', 'loop'],
    ]);
    expect(await capture(target)).toEqual(['loop < main', 'loop < main', 'loop < main']);
    expect(target.posted.filter((method) => method === 'Profiler.stop')).toHaveLength(2);
    expect(target.posted).toContain('Profiler.startPreciseCoverage');
  });

  it('keeps what it saw where the second look shows the same, or something else', async () => {
    expect(await capture(new FakeTarget(STANDING, STANDING))).toEqual(['main', 'main', 'main']);
    expect(await capture(new FakeTarget(STANDING, [['other', 'x']]))).toEqual(['main', 'main', 'main']);
    expect(await capture(new FakeTarget(STANDING, []))).toEqual(['main', 'main', 'main']);
    const inner = [
      ['main', 'a'],
      ['main', 'a'],
    ];
    expect(await capture(new FakeTarget(inner, [['a']]))).toEqual(['a < main', 'a < main']);
  });

  it.each([
    ['has moved', MOVING, {}],
    ['was idle', [['(idle)'], ['(idle)']], {}],
    ['was seen once', [['main']], {}],
    ['is known to be stuck', STANDING, { stuck: true }],
    ['is not to be looked at again', STANDING, { secondLook: false }],
  ])('does not look again at a thread that %s', async (_, stacks, over) => {
    const target = new FakeTarget(stacks);
    await capture(target, over);
    expect(target.posted.filter((method) => method === 'Profiler.stop')).toHaveLength(1);
  });

  it('ends at once when nobody waits for it any more', async () => {
    const controller = new AbortController();
    const target = new FakeTarget(MOVING);
    const capturing = captureV8Cpu(target, {
      millis: 3_600_000,
      hz: 100,
      signal: controller.signal,
      stuck: false,
    });
    const rejected = expect(capturing).rejects.toMatchObject({ name: 'AbortError' });
    await jest.advanceTimersByTimeAsync(10);
    controller.abort();
    await rejected;
    expect(target.posted).not.toContain('Profiler.stop');
  });
});
