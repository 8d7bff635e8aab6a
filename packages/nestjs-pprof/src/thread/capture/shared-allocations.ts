import { setTimeout as sleep } from 'node:timers/promises';
import type { AllocationNode } from '../../shared/agent.protocol.js';
import { Mutex } from './mutex.js';

/** All allocations of a thread since the counting began. @internal */
export interface AllocationTotals {
  readonly root: AllocationNode;
  /** Whether the number of objects is known. */
  readonly counted: boolean;
}

/** How the allocations of one thread are counted. @internal */
export interface AllocationSource {
  begin(): Promise<void>;
  /** All there was since `begin`, which goes on. */
  read(): Promise<AllocationTotals>;
  /** Called after every `begin` that was successful, whatever happens. */
  end(): Promise<void>;
}

/** The allocations of a window: what there was until its end, without what there was before its begin. @internal */
export interface AllocationWindow {
  readonly total: AllocationTotals;
  /** Undefined where the counting began with this window. */
  readonly before: AllocationTotals | undefined;
}

/**
 * Counts the allocations of one thread for any number of clients. There is one sampler to a thread, so it runs from the
 * begin of the first window to the end of the last one, and each client gets what it saw between two moments.
 *
 * @internal
 */
export class SharedAllocations {
  #clients = 0;
  readonly #mutex = new Mutex();

  constructor(private readonly source: AllocationSource) {}

  /** @throws what the source does, or the signal's reason. */
  async capture(millis: number, signal: AbortSignal): Promise<AllocationWindow> {
    const before = await this.#mutex.run(() => this.#enter(signal));
    try {
      await sleep(millis, undefined, { signal });
      return { total: await this.#mutex.run(() => this.source.read()), before };
    } finally {
      await this.#mutex.run(() => this.#leave());
    }
  }

  async #enter(signal: AbortSignal): Promise<AllocationTotals | undefined> {
    signal.throwIfAborted();
    const before = this.#clients > 0 ? await this.source.read() : await this.source.begin();
    this.#clients += 1;
    return before ?? undefined;
  }

  async #leave(): Promise<void> {
    this.#clients -= 1;
    if (this.#clients === 0) {
      await this.source.end();
    }
  }
}
