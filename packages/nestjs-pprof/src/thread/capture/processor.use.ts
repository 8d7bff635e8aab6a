import { monotonicMillis } from '../../shared/agent.protocol.js';
import { kernelThread, type Throttling, throttling } from './kernel.threads.js';

/** What the process had of the processors in a stretch of time, in milliseconds. @internal */
export interface ProcessorUse extends Throttling {
  readonly millis: number;
  /** CPU time of the process. */
  readonly cpu: number;
  /** CPU time of the main thread; undefined where the kernel does not tell (not Linux), as is the next. */
  readonly main: number | undefined;
  /** How long the main thread was ready to run and had no processor. A wait counts when it is over. */
  readonly mainWaited: number | undefined;
}

/** @internal */
export const NO_USE: ProcessorUse = { millis: 0, cpu: 0, main: 0, mainWaited: 0, periods: 0, throttled: 0 };

/** Of stretches that follow each other. @internal */
export function sumOfUse(uses: readonly ProcessorUse[]): ProcessorUse {
  return uses.reduce(
    (sum, use) => ({
      millis: sum.millis + use.millis,
      cpu: sum.cpu + use.cpu,
      main: both(sum.main, use.main, 1),
      mainWaited: both(sum.mainWaited, use.mainWaited, 1),
      periods: sum.periods + use.periods,
      throttled: sum.throttled + use.throttled,
    }),
    NO_USE,
  );
}

/** Tells what the process has had of the processors since it was asked last. @internal */
export class ProcessorClock {
  #last = counts();

  read(): ProcessorUse {
    const last = this.#last;
    const now = counts();
    this.#last = now;
    // Each group has periods of its own, and one of them is enough to hold the process up.
    const [held = NO_USE] = [...now.groups]
      .map(([group, { periods, throttled }]) => {
        const before = last.groups.get(group);
        return {
          periods: periods - (before?.periods ?? periods),
          throttled: throttled - (before?.throttled ?? throttled),
        };
      })
      .toSorted((a, b) => b.throttled - a.throttled || b.periods - a.periods);
    return {
      millis: now.at - last.at,
      cpu: now.cpu - last.cpu,
      main: both(now.main, last.main, -1),
      mainWaited: both(now.mainWaited, last.mainWaited, -1),
      periods: held.periods,
      throttled: held.throttled,
    };
  }
}

function counts() {
  const { user, system } = process.cpuUsage();
  // Its kernel id is that of the process.
  const main = kernelThread(process.pid);
  return {
    at: monotonicMillis(),
    cpu: (user + system) / 1000,
    main: main && main.cpuNanos / 1e6,
    mainWaited: main && main.waitedNanos / 1e6,
    groups: throttling(),
  };
}

function both(a: number | undefined, b: number | undefined, sign: 1 | -1): number | undefined {
  return a === undefined || b === undefined ? undefined : a + sign * b;
}
