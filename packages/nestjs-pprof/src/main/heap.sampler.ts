import { addonIfLoaded, loadAddon, isOtherAddonLoaded, otherProfilers } from './profiler.addon.js';
import { HeapSamplingOffError, SamplerHeldError, SamplerSharedError } from '../shared/agent.errors.js';
import { PprofError } from '../shared/pprof.error.js';
import { threadCpuNanos } from '../shared/thread-cpu.clock.js';
import { memoryUsage } from '../shared/memory.usage.js';
import { epochMillis, ownMillis } from '../shared/own.clocks.js';
import type {
  AgentCommands,
  AllocationNode,
  HeapRestart,
  HeapSample,
  HeapSampling,
  HeapStart,
} from '../shared/agent.protocol.js';
import { AllocationSampler, isHeapSampled } from './allocation.sampler.js';
import type { OomWatch } from './oom.watch.js';

/** In CPU time of the main thread: what takes less may be read as often as anybody likes. */
const LONG_READ_MILLIS = 250;

/** Reading takes no more of the main thread than one part in so many. */
const READ_SHARE = 100;

type Running = HeapSampling & HeapStart;

/** Sampling that was not stopped, as another profiler may have come to rely on it; in case it is wanted again. */
let stillRunning: Running | undefined;

/**
 * Drives V8's sampling heap profiler on the main thread: through the addon, from start-up on, for what is alive; in
 * between, when it is asked for, for all allocations of a window of time.
 *
 * @internal
 */
export class HeapSampler {
  /** What is wanted whenever there is no window. */
  #sampling: HeapSampling | undefined;
  #oomWatch: OomWatch | undefined;
  #running: Running | undefined;
  #window: AllocationSampler | undefined;
  #failure: unknown = new HeapSamplingOffError();
  /** When what is alive was read the last two times: a difference takes two. */
  #readAt: readonly number[] = [];
  #readMillis = 0;

  constructor(private readonly clock: () => number = ownMillis) {}

  /**
   * Starts sampling allocations. A failure is kept for whoever asks for a sample; it is also thrown.
   *
   * @param oomWatch is on whenever the heap is sampled
   */
  start(sampling: HeapSampling, oomWatch?: OomWatch): void {
    if (!this.#sampling || !this.#running) {
      this.#sampling = sampling;
      this.#oomWatch = oomWatch;
      this.#startLive(sampling, null);
    }
  }

  stop(): void {
    // First: what a window has displaced does not start again.
    this.#sampling = undefined;
    this.endAllocations();
    this.#oomWatch?.stop();
    this.#failure = new HeapSamplingOffError();
    if (this.#running) {
      if (isOtherAddonLoaded() || this.#oomWatch?.isTakenOver) {
        // It may be reading our samples, having found V8's sampler started; @pyroscope/nodejs takes the process down with
        // an unhandled rejection where they are gone. Or it has them exported when memory runs out. To go on costs nearly nothing.
        stillRunning = this.#running;
      } else {
        addonIfLoaded()?.heap.stop();
      }
      this.#running = undefined;
    }
  }

  /** What is alive of what was allocated since the sampling began. */
  sample(): HeapSample {
    if (this.#window && this.#sampling) {
      throw new PprofError(
        409,
        'a capture of all allocations (allocs?seconds=) has the heap sampler. Ask again when it has ended',
      );
    }
    if (this.#sampling && !this.#running && this.#failure instanceof SamplerHeldError) {
      // Whoever held it may have let go.
      this.#startLive(this.#sampling, null);
    }
    if (!this.#running) {
      throw this.#failure;
    }
    this.#checkReads(this.#running);
    const begunAt = millisOfThread();
    const root = this.#readLive();
    this.#readMillis = millisOfThread() - begunAt;
    this.#readAt = [...this.#readAt, this.clock()].slice(-2);
    return { root, ...this.#running, takenAt: epochMillis(), memory: memoryUsage() };
  }

  /** Begins a window in which all allocations count; the sampling of what is alive ends. */
  beginAllocations(sampling: HeapSampling): AgentCommands['beginAllocations']['result'] {
    if (isOtherAddonLoaded()) {
      const isTheirs = !this.#running && isHeapSampled();
      throw isTheirs
        ? new SamplerHeldError('heap', otherProfilers('heap'))
        : new SamplerSharedError(otherProfilers('heap'));
    }
    this.endAllocations();
    const live = this.#running ? this.sample() : null;
    if (this.#running) {
      this.#running = undefined;
      loadAddon().heap.stop();
    }
    try {
      this.#window = AllocationSampler.start(sampling);
      this.#oomWatch?.start({ since: epochMillis(), withGarbage: true });
    } catch (error) {
      this.#resumeLive();
      throw error;
    }
    return { live };
  }

  /** All allocations since the window began. */
  readAllocations(): AgentCommands['readAllocations']['result'] {
    if (!this.#window) {
      throw new PprofError(
        409,
        'the count of all allocations was ended within the window: the profiler was stopped. Ask again',
      );
    }
    return { root: this.#window.read(), takenAt: epochMillis() };
  }

  /** Ends the window, if there is one; the sampling of what is alive starts anew. Never throws. */
  endAllocations(): HeapStart | null {
    if (this.#window) {
      this.#window.stop();
      this.#window = undefined;
      this.#resumeLive();
    }
    return this.#running ?? null;
  }

  /** V8 and the addon make an object of each frame of each stack, in one go, some millions of which take seconds. */
  #checkReads({ samplingInterval }: HeapSampling): void {
    const [earlier, later] = this.#readAt;
    if (this.#readMillis < LONG_READ_MILLIS || earlier === undefined || later === undefined) {
      return;
    }
    const pauseMillis = 2 * READ_SHARE * this.#readMillis;
    const remainingMillis = earlier + pauseMillis - this.clock();
    if (remainingMillis > 0) {
      const [pause, remaining] = [pauseMillis, remainingMillis].map((millis) => Math.ceil(millis / 1000));
      throw new PprofError(
        503,
        `to read the heap profile took ${Math.round(this.#readMillis)} ms of the main thread the last time, so it is read twice in ${pause} s at the most. ` +
          `Ask again in ${remaining} s. A heap.samplingInterval larger than ${samplingInterval} makes it shorter`,
      );
    }
  }

  #resumeLive(): void {
    if (this.#sampling) {
      try {
        this.#startLive(this.#sampling, 'allocs');
      } catch {
        // Told to whoever asks for a sample next.
      }
    }
  }

  #startLive(sampling: HeapSampling, restarted: HeapRestart | null): void {
    try {
      this.#running = stillRunning ?? startAddon(sampling, restarted);
      stillRunning = undefined;
      this.#readAt = [];
      this.#oomWatch?.start({ since: this.#running.startedAt, withGarbage: false });
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #readLive(): AllocationNode {
    const { heap } = loadAddon();
    try {
      return heap.v8Profile() as AllocationNode;
    } catch {
      // Another user of V8's sampler has stopped it, DevTools or an APM agent.
      const sampling = this.#running!;
      this.#running = undefined;
      heap.stop();
      this.#startLive(sampling, 'stopped-by-other');
      return heap.v8Profile() as AllocationNode;
    }
  }
}

function millisOfThread(): number {
  const nanos = threadCpuNanos();
  return nanos === undefined ? ownMillis() : nanos / 1e6;
}

function startAddon({ samplingInterval, stackDepth }: HeapSampling, restarted: HeapRestart | null): Running {
  const { heap } = loadAddon();
  if (isHeapSampled()) {
    throw new SamplerHeldError('heap', otherProfilers('heap'));
  }
  heap.start(samplingInterval, stackDepth);
  return { samplingInterval, stackDepth, startedAt: epochMillis(), restarted };
}
