import type { Incident } from './incident.model.js';
import { NO_USE, type ProcessorUse, sumOfUse } from './processor.use.js';

/** A processor that is busy for so much of the time has none to spare. @internal */
export const AT_LIMIT = 0.95;

/** What was at its limit is so until it is so far below. */
const BACK_BELOW = 0.9;

/**
 * With busy neighbours a process does not use up all of its quota: it has no processor at the moment when it may have one. Where
 * the quota held it up in so many of its periods, that is what limits it. One that is held up now and then is not at its limit.
 *
 * @internal
 */
export const NEARLY_EACH_PERIOD = 0.8;

/** The quota may be of several processes: one that used less of it than that was not what used it up. */
const OWN_PART = 0.5;

/** How long the processors may be busy. */
const BUSY_MILLIS = 30_000;

/** A wait for a processor counts when it is over: what is short of the limit may be made up for so much later. */
const LATE_MILLIS = 3000;

interface Measured {
  readonly use: ProcessorUse;
  /** All that it could have used. */
  readonly capacity: number;
}

/** A use of the processors that is an incident where it has been at its limit for long. @internal */
export class SaturationWatch {
  /** Since it is at its limit. */
  #busy = NO_USE;
  #peak = 0;
  /** What came after that, and was below it so far. */
  #doubtful: Measured[] = [];
  #incident: Incident | undefined;

  constructor(
    private readonly kind: 'cpu' | 'main-cpu',
    private readonly onIncident: (incident: Incident) => void,
  ) {}

  /** @param processors how many the process may use */
  observe(use: ProcessorUse, processors: number): void {
    const limit = this.kind === 'cpu' ? processors : 1;
    this.#doubtful.push({ use, capacity: limit * use.millis });
    if (!this.#isAtLimit(this.#doubtful)) {
      const { millis } = sumOfUse(this.#doubtful.map(useOf));
      if (millis <= LATE_MILLIS) {
        return;
      }
      this.#end();
      while (this.#doubtful.length > 0 && !this.#isAtLimit(this.#doubtful)) {
        this.#doubtful.shift();
      }
    }
    // It begins with what was at the limit, not before.
    while (this.#busy.millis === 0 && this.#doubtful[0] && !this.#isAtLimit([this.#doubtful[0]])) {
      this.#doubtful.shift();
    }
    const uses = this.#doubtful.map(useOf);
    this.#peak = Math.max(this.#peak, ...uses.map((each) => this.#used(each) / each.millis));
    this.#busy = sumOfUse([this.#busy, ...uses]);
    this.#doubtful = [];
    if (!this.#incident && this.#busy.millis >= BUSY_MILLIS) {
      this.#begin(limit);
    } else if (this.#incident) {
      Object.assign(this.#incident, { use: this.#busy, peak: this.#peak });
    }
  }

  #begin(limit: number): void {
    this.#incident = {
      kind: this.kind,
      from: Date.now() - this.#busy.millis,
      to: undefined,
      peak: this.#peak,
      limit,
      use: this.#busy,
      mainCpuNanos: undefined,
      stacks: undefined,
    };
    this.onIncident(this.#incident);
  }

  #end(): void {
    if (this.#incident) {
      // Not by the clock of the machine, which may have been set meanwhile.
      this.#incident.to = this.#incident.from + this.#busy.millis;
    }
    this.#incident = undefined;
    this.#busy = NO_USE;
    this.#peak = 0;
  }

  #used({ cpu, main = 0 }: ProcessorUse): number {
    return this.kind === 'cpu' ? cpu : main;
  }

  #isAtLimit(measured: readonly Measured[]): boolean {
    const use = sumOfUse(measured.map(useOf));
    const capacity = measured.reduce((sum, each) => sum + each.capacity, 0);
    const part = this.#incident ? BACK_BELOW : AT_LIMIT;
    if (this.kind === 'main-cpu') {
      return use.main !== undefined && use.main + (use.mainWaited ?? 0) >= part * capacity;
    }
    const isHeldUp = use.periods > 0 && use.throttled >= NEARLY_EACH_PERIOD * use.periods;
    return use.cpu >= part * capacity || (isHeldUp && use.cpu >= OWN_PART * capacity);
  }
}

function useOf({ use }: Measured): ProcessorUse {
  return use;
}
