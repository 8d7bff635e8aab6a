/**
 * The pauses between tries at something that may be hopeless: each twice as long as the one before, up to a limit.
 *
 * @internal
 */
export class GrowingPauses {
  #next: number;

  /** In milliseconds. */
  constructor(
    private readonly first: number,
    private readonly longest: number,
  ) {
    this.#next = first;
  }

  next(): number {
    const pause = this.#next;
    this.#next = Math.min(pause * 2, this.longest);
    return pause;
  }

  startOver(): void {
    this.#next = this.first;
  }
}
