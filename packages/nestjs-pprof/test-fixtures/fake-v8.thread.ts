import type { InspectorTarget } from '../src/thread/capture/inspector.connection.js';
import { monotonicMillis } from '../src/shared/agent.protocol.js';
import type { V8CpuProfile } from '../src/thread/pprof/v8.profiles.js';

/** Functions, outermost first, that a thread is in at a time (milliseconds of our clock). */
export type StackAt = (millis: number, thread: FakeV8Thread) => readonly string[];

/** V8's CPU profiler of a thread, as its inspector shows it: one profile by `start`, sampled on a clock of its own. */
export class FakeV8Thread implements InspectorTarget {
  readonly posted: string[] = [];
  /** How long V8 takes to start. */
  startMillis = 0;
  /** How long after that it takes its first sample. */
  firstSampleMillis = 0;
  /** What the thread answers to a command, instead of doing it. */
  refuses: ((method: string) => Promise<never> | undefined) | undefined;
  /** Profiles that are open now, and the most there were. */
  open = 0;
  mostOpen = 0;
  /** How often optimized code was dropped. */
  forgotten = 0;
  #interval = 1000;
  #startedAt: number | undefined;
  #isKept = false;

  constructor(
    private readonly stackAt: StackAt,
    readonly thread = { id: 3, label: 'worker 3' },
    /** V8's clock against ours, microseconds. */
    private readonly clockOffset = 0,
  ) {}

  on(): void {
    throw new Error('a CPU profile has no events');
  }

  async post<T>(method: string, params: { interval?: number } = {}): Promise<T> {
    this.posted.push(method);
    await this.refuses?.(method);
    const result = await this.#answer(method, params);
    return result as T;
  }

  async #answer(method: string, { interval }: { interval?: number }): Promise<object> {
    switch (method) {
      case 'Profiler.setSamplingInterval':
        if (this.#startedAt !== undefined || this.#isKept) {
          throw new Error('Cannot change sampling interval when profiling.');
        }
        this.#interval = interval!;
        return {};
      case 'Profiler.start':
        this.#opened();
        // From now on: V8 answers when it has listed all code.
        this.#startedAt = monotonicMillis() + this.startMillis;
        await new Promise((resolve) => setTimeout(resolve, this.startMillis));
        return {};
      case 'Profiler.stop':
        return { profile: this.#stop() };
      case 'Profiler.disable':
        this.#startedAt = undefined;
        this.#isKept = false;
        this.open = 0;
        return {};
      case 'Runtime.evaluate':
        this.#isKept = true;
        return { result: { type: 'undefined' } };
      case 'Profiler.startPreciseCoverage':
        this.forgotten += 1;
        return {};
      default:
        return {};
    }
  }

  #opened(): void {
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
  }

  #stop(): V8CpuProfile {
    if (this.#startedAt === undefined) {
      throw new Error('No recording profiles found');
    }
    const from = this.#startedAt;
    const until = monotonicMillis();
    this.open -= 1;
    this.#startedAt = undefined;
    const nodes: Array<{ id: number; functionName: string; children: number[] }> = [
      { id: 1, functionName: '(root)', children: [] },
    ];
    const samples: number[] = [];
    for (let time = from + this.firstSampleMillis; time < until; time += this.#interval / 1000) {
      let at = nodes[0]!;
      for (const functionName of this.stackAt(time, this)) {
        let next = at.children
          .map((id) => nodes[id - 1]!)
          .find((child) => child.functionName === functionName);
        if (!next) {
          next = { id: nodes.length + 1, functionName, children: [] };
          nodes.push(next);
          at.children.push(next.id);
        }
        at = next;
      }
      samples.push(at.id);
    }
    return {
      nodes: nodes.map(({ id, functionName, children }) => ({
        id,
        children,
        callFrame: {
          functionName,
          url: functionName.startsWith('(') ? '' : '/app/a.js',
          lineNumber: functionName.startsWith('(') ? -1 : 0,
          columnNumber: functionName.startsWith('(') ? -1 : 0,
        },
      })),
      startTime: from * 1000 + this.clockOffset - this.startMillis * 1000,
      endTime: until * 1000 + this.clockOffset,
      samples,
      timeDeltas: samples.map((_, index) =>
        index === 0 ? (this.startMillis + this.firstSampleMillis) * 1000 : this.#interval,
      ),
    };
  }
}
