import type { LoopBlock } from '../../shared/shared.memory.js';

/** More than a window can have: a capture has a few. */
const MAX_STALLS = 4096;

/**
 * When the main thread was held up by what this thread has asked its inspector for: to start V8's profiler takes some tens of
 * milliseconds, most of a second with a large heap, in which the event loop does not turn. The application has no part in it.
 *
 * @internal
 */
export class OwnStalls {
  readonly #stalls: LoopBlock[] = [];
  #goingOn = 0;

  /** Whether an answer is outstanding, so that it is not known yet what of a block was a stall. */
  get areGoingOn(): boolean {
    return this.#goingOn > 0;
  }

  /** @returns what has to be called once when it is over, with its time where that is known. */
  begin(): (stall?: LoopBlock) => void {
    this.#goingOn += 1;
    return (stall) => {
      this.#goingOn -= 1;
      if (stall && stall.to > stall.from) {
        this.#stalls.push(stall);
        this.#stalls.sort((a, b) => a.from - b.from);
        this.#stalls.splice(0, this.#stalls.length - MAX_STALLS);
      }
    };
  }

  /** The blocks without what was a stall in them, as far as they are longer than the threshold even so. */
  without(blocks: readonly LoopBlock[], thresholdMicros: number): LoopBlock[] {
    return blocks
      .map(({ from, to }) => ({ from: Math.min(to, from + this.#within({ from, to })), to }))
      .filter(({ from, to }) => to - from > thresholdMicros);
  }

  #within(block: LoopBlock): number {
    let total = 0;
    let counted = block.from;
    for (const { from, to } of this.#stalls) {
      const end = Math.min(to, block.to);
      total += Math.max(0, end - Math.max(from, counted));
      counted = Math.max(counted, end);
    }
    return total;
  }
}
