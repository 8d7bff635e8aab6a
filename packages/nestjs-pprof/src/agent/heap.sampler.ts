import { addonIfLoaded, loadAddon } from './addon.loader.js';
import { HeapSamplingOffError, SamplerHeldError } from './agent.errors.js';
import type { AllocationNode, HeapSample } from './agent.protocol.js';

/** @internal */
export interface HeapSampling {
  /** Average number of bytes between two samples. */
  readonly samplingInterval: number;
  /** Frames kept of each stack. */
  readonly stackDepth: number;
}

/** Drives V8's sampling heap profiler on the main thread, through the addon, from start-up on. @internal */
export class HeapSampler {
  #running: (HeapSampling & { readonly startedAt: number }) | undefined;
  #failure: unknown = new HeapSamplingOffError();

  /** Starts sampling allocations. A failure is kept for whoever asks for a sample; it is also thrown. */
  start(sampling: HeapSampling): void {
    if (this.#running) {
      return;
    }
    try {
      const { heap } = loadAddon();
      startOrSayWhoHolds(() => heap.start(sampling.samplingInterval, sampling.stackDepth));
      this.#running = { ...sampling, startedAt: Date.now() };
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  stop(): void {
    if (this.#running) {
      this.#running = undefined;
      this.#failure = new HeapSamplingOffError();
      addonIfLoaded()?.heap.stop();
    }
  }

  sample(): HeapSample {
    if (!this.#running) {
      throw this.#failure;
    }
    const { samplingInterval, stackDepth, startedAt } = this.#running;
    const root = loadAddon().heap.v8Profile() as AllocationNode;
    return {
      root,
      samplingInterval,
      stackDepth,
      startedAt,
      takenAt: Date.now(),
      memory: process.memoryUsage(),
    };
  }
}

function startOrSayWhoHolds(start: () => void): void {
  try {
    start();
  } catch (cause) {
    throw cause instanceof Error && cause.message.includes('already started')
      ? new SamplerHeldError('heap', cause)
      : cause;
  }
}
