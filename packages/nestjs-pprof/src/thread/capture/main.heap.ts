import type { AllocationNode, HeapSample, HeapSampling, HeapStart } from '../../shared/agent.protocol.js';
import { allocationNodeOf } from '../pprof/allocation.tree.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import { MAIN_THREAD } from './thread.selection.js';
import { DEADLINE_MILLIS, type Inspector } from './inspector.connection.js';
import {
  type AllocationTotals,
  SharedAllocations,
  type AllocationsRequest,
  DEFAULT_SAMPLING,
  type ThreadAllocations,
  collectGarbage,
  type ThreadHeap,
} from './thread.heap.js';
import { RecordingHeldError, ThreadStuckError } from './threads.errors.js';

/** Unlike pprof, V8's format has no field to say that it is of a moment before. @internal */
export const ALLOCATIONS = 'count of all allocations (allocs?seconds=)';

/** What V8's sampler is used for. */
type Mode =
  | { readonly is: 'live' }
  | { readonly is: 'beginning'; readonly begun: Promise<unknown> }
  /** Ending: the agent has been told to sample live objects again, which it does as soon as the loop turns. */
  | { readonly is: 'allocations' | 'ending'; readonly before: HeapSample | null };

/** The heap of the application's main thread, sampled from start-up on. @internal */
export class MainHeap {
  /** Of all allocations, which takes V8's one sampler from the live objects for as long as it lasts. */
  readonly #allocations = new SharedAllocations({
    begin: () => this.#beginAllocations(),
    read: () => this.#readAllocations(),
    end: () => this.#endAllocations(),
  });
  #mode: Mode = { is: 'live' };
  /** As the agent has told last. */
  #start: HeapStart | undefined;
  /** Whether that was how its allocations were read last. */
  #readByInterrupt = false;

  constructor(
    private readonly agent: AgentClient,
    private readonly inspector: Pick<Inspector, 'using'>,
    private readonly sampling: HeapSampling | false,
  ) {}

  /** @throws {RecordingHeldError} where the sampler has been taken for all allocations meanwhile, and what `use` does. */
  async whileLive<T>(use: () => Promise<T>): Promise<T> {
    const mode = this.#mode;
    const check = () => {
      if (mode.is !== 'live' || mode !== this.#mode) {
        throw new RecordingHeldError(ALLOCATIONS);
      }
    };
    check();
    try {
      return await use();
    } finally {
      check();
    }
  }

  /** @throws {AgentFailureError | ThreadStuckError | ThreadUnreachableError} or the signal's reason. */
  async sample(gc: boolean, signal: AbortSignal): Promise<ThreadHeap> {
    try {
      return await this.#sample(gc, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  /** @throws {AgentFailureError | ThreadStuckError | ThreadUnreachableError} or the signal's reason. */
  async captureAllocations({ seconds, signal }: AllocationsRequest): Promise<ThreadAllocations> {
    const window = await this.#allocations.capture(seconds * 1000, signal);
    return { thread: MAIN_THREAD, ...window };
  }

  async #sample(gc: boolean, signal: AbortSignal): Promise<ThreadHeap> {
    if (this.#mode.is === 'beginning') {
      await this.#mode.begun.catch(() => undefined);
    }
    const mode = this.#mode as Exclude<Mode, { is: 'beginning' }>;
    if (mode.is === 'allocations' && mode.before) {
      return { ...this.#fromAgent(mode.before), asOf: mode.before.takenAt, collected: false };
    }
    const collected = gc && (await this.inspector.using(collectGarbage, signal));
    if (this.#mode !== mode) {
      // Meanwhile somebody has begun to count allocations, or ended.
      return this.#sample(false, signal);
    }
    try {
      // Only the agent knows how many objects there are: a loop that may be merely late is waited for, or their number would
      // fall to 0 and back from one scrape to the next.
      return { ...this.#fromAgent(await this.agent.request('sampleHeap', null, DEADLINE_MILLIS)), collected };
    } catch (error) {
      // Where the options say no, the agent would have said so.
      if (!(error instanceof ThreadStuckError) || this.sampling === false) {
        throw error;
      }
    }
    if (mode.is === 'ending' && mode.before) {
      return { ...this.#fromAgent(mode.before), asOf: mode.before.takenAt, collected };
    }
    // V8 has one sampling heap profiler to a thread: the one that the agent has started answers here as well.
    const root = await this.#readByInspector('HeapProfiler.getSamplingProfile', signal);
    const { startedAt: since, restarted = null } = this.#start ?? {};
    return { thread: MAIN_THREAD, by: 'inspector', root, since, restarted, memory: undefined, collected };
  }

  #fromAgent(sample: HeapSample): Omit<ThreadHeap, 'collected'> {
    const { root, startedAt, restarted, memory } = sample;
    this.#start = { startedAt, restarted };
    return { thread: MAIN_THREAD, by: 'agent', root, since: startedAt, restarted, memory };
  }

  async #beginAllocations(): Promise<void> {
    const earlier = this.#mode;
    const sampling = this.sampling || DEFAULT_SAMPLING;
    const begun = this.agent.request('beginAllocations', sampling, DEADLINE_MILLIS);
    this.#mode = { is: 'beginning', begun };
    try {
      const { live } = await begun;
      this.#mode = { is: 'allocations', before: live };
    } catch (error) {
      this.#mode = earlier;
      throw error;
    }
  }

  async #readAllocations(): Promise<AllocationTotals> {
    try {
      const { root } = await this.agent.request('readAllocations', null, DEADLINE_MILLIS);
      this.#readByInterrupt = false;
      return { root, counted: true };
    } catch (error) {
      if (!(error instanceof ThreadStuckError)) {
        throw error;
      }
      this.#readByInterrupt = true;
      const root = await this.#readByInspector('HeapProfiler.getSamplingProfile');
      return { root, counted: false, stuck: error.isStuck };
    }
  }

  /** Not waited for: a stuck thread does it when it goes on, and before whatever it is asked for after this. */
  #endAllocations(): Promise<void> {
    const before = this.#mode.is === 'allocations' ? this.#mode.before : null;
    const ending: Mode = { is: 'ending', before };
    this.#mode = ending;
    if (this.#readByInterrupt) {
      this.#readByInterrupt = false;
      // V8 keeps each sample of garbage, too, for as long as it samples: in a loop that allocates, without end.
      void this.#readByInspector('HeapProfiler.stopSampling').catch(() => undefined);
    }
    void this.#awaitEnd(ending);
    return Promise.resolve();
  }

  async #awaitEnd(ending: Mode): Promise<void> {
    try {
      const start = await this.agent.requestPatiently('endAllocations', null);
      this.#start = start ?? this.#start;
    } catch {
      // The agent has told why to whoever asks for a sample next.
    }
    if (this.#mode === ending) {
      this.#mode = { is: 'live' };
    }
  }

  async #readByInspector(
    method: 'HeapProfiler.getSamplingProfile' | 'HeapProfiler.stopSampling',
    signal?: AbortSignal,
  ): Promise<AllocationNode> {
    const { profile } = await this.inspector.using(
      (connection) => connection.post<{ profile: V8HeapProfile }>(method),
      signal,
    );
    return allocationNodeOf(profile.head);
  }
}
