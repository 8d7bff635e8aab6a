import type { SourceMapper } from '@datadog/pprof';
import { addonIfLoaded, loadAddon } from './addon.loader.js';
import { SamplerHeldError } from '../shared/agent.errors.js';
import { PprofError } from '../shared/pprof.error.js';
import type { CpuSampling, CpuSegment } from '../shared/agent.protocol.js';
import { isCpuSampledByOther, otherProfilers } from './other.profilers.js';

const MICROS_PER_SECOND = 1e6;

/** The addon has no CPU clock, and hence no contexts, on Windows. */
const HAS_CPU_TIME = process.platform !== 'win32';

/**
 * Makes the addon keep the columns, which source maps need. With `columnNumbers: 'emit'` it writes them only for
 * locations whose map is said to be missing, so that is said of all; no map is read on this thread.
 * https://github.com/DataDog/pprof-nodejs/blob/main/ts/src/profile-serializer.ts (`carryColumn`)
 */
const keepColumns = {
  mappingInfo: (location: object) => Object.assign(location, { missingMapFile: true }),
} as unknown as SourceMapper;

interface Moment {
  readonly epochMillis: number;
  readonly nanos: bigint;
  readonly cpu: NodeJS.CpuUsage;
}

interface RunningSegment {
  readonly sampling: CpuSampling;
  readonly since: Moment;
}

/** An application that is closing has ended by then, as a rule. */
const ABANDONED_FOR_MILLIS = 250;

/** The end of a sampler that is left running, of which a thread has at most one. */
let abandoned: NodeJS.Timeout | undefined;

function endAbandoned(): void {
  if (abandoned) {
    clearTimeout(abandoned);
    abandoned = undefined;
    addonIfLoaded()?.time.stop();
  }
}

/** Drives the addon's wall-clock profiler on the main thread, one segment after the other. @internal */
export class CpuSampler {
  #running: RunningSegment | undefined;

  /** Ends the running segment, if there is one, and starts the next, if one is wanted. */
  turnOver(next: CpuSampling | null): CpuSegment | null {
    const goesOn =
      next !== null &&
      this.#running !== undefined &&
      fits(this.#running.sampling, next) &&
      !isCpuSampledByOther();
    const segment = this.#running ? this.#end(this.#running, goesOn) : null;
    if (next && !goesOn) {
      this.#start(next);
    }
    return segment;
  }

  /**
   * Ends the running segment, and goes on as before. What by an interrupt is cut off anywhere by a time limit of the
   * application's (`vm`) loses that segment then; a stop would leave the addon neither started nor stopped.
   */
  readOn(): CpuSegment | null {
    return this.#running ? this.#end(this.#running, true) : null;
  }

  /**
   * Stops and forgets, for when nobody is left to take the result; a little later, as the addon puts a profile together
   * even so, which takes a tenth of a second after a long capture: too long for an application that is shutting down.
   */
  abandon(): void {
    if (this.#running) {
      this.#running = undefined;
      abandoned = setTimeout(endAbandoned, ABANDONED_FOR_MILLIS).unref();
    }
  }

  #start(sampling: CpuSampling): void {
    const { time } = loadAddon();
    endAbandoned();
    // Two copies of the addon can both be started. Each then takes the other's signals whenever it starts or turns over:
    // what is sampled is not wrong, but it lacks whole stretches of time.
    if (time.isStarted() || isCpuSampledByOther()) {
      throw new SamplerHeldError('CPU', otherProfilers());
    }
    try {
      time.start({
        intervalMicros: Math.round(MICROS_PER_SECOND / sampling.hz),
        durationMillis: sampling.durationMillis,
        withContexts: HAS_CPU_TIME,
        collectCpuTime: HAS_CPU_TIME,
        columnNumbers: 'emit',
        sourceMapper: keepColumns,
      });
    } catch (cause) {
      throw toAgentError(cause);
    }
    this.#running = { sampling, since: now() };
  }

  #end({ sampling, since }: RunningSegment, goesOn: boolean): CpuSegment {
    const until = now();
    // The addon starts the next segment before it serializes this one: the two follow each other without a gap.
    this.#running = goesOn ? { sampling, since: until } : undefined;
    const profile = loadAddon().time.stop(goesOn).encode();
    const cpuMicros = until.cpu.user + until.cpu.system - since.cpu.user - since.cpu.system;
    return {
      profile,
      hz: sampling.hz,
      startedAt: since.epochMillis,
      durationNanos: Number(until.nanos - since.nanos),
      processCpuNanos: cpuMicros * 1000,
      hasCpuTime: HAS_CPU_TIME,
      disturbedBy: isCpuSampledByOther() ? otherProfilers() : null,
    };
  }
}

/** Whether the sampler can just go on, with the buffer and the rate it was started with. */
function fits(running: CpuSampling, next: CpuSampling): boolean {
  return running.hz === next.hz && running.durationMillis >= next.durationMillis;
}

function now(): Moment {
  return { epochMillis: Date.now(), nanos: process.hrtime.bigint(), cpu: process.cpuUsage() };
}

function toAgentError(cause: unknown): unknown {
  if (cause instanceof PprofError) {
    return cause;
  }
  // The addon's own words, in bindings/profilers/wall.cc: no error class or code tells the cases apart.
  const held = /already (started|active)|SIGPROF handler/i;
  return cause instanceof Error && held.test(cause.message)
    ? new SamplerHeldError('CPU', otherProfilers(), cause)
    : cause;
}
