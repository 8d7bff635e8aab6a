import type { AsyncLocalStorage } from 'node:async_hooks';
import type { SourceMapper } from '@datadog/pprof';
import {
  type Addon,
  loadAddon,
  isCpuSampledByOther,
  isOtherAddonLoaded,
  otherProfilers,
} from './profiler.addon.js';
import { failureOf, SamplerHeldError } from '../shared/agent.errors.js';
import type { CpuSampling, CpuSegment } from '../shared/agent.protocol.js';
import { PprofError } from '../shared/pprof.error.js';
import { cpuBetween, threadCpuNanos } from '../shared/thread-cpu.clock.js';
import { storageMadeBy } from './label.frames.js';
import { epochMillis, ownMillis, monotonicNanos, processCpuUsage } from '../shared/own.clocks.js';
import { isSigprofAwaited } from './sigprof.holder.js';
import type { SampleLabels } from './sample.labels.js';
import { SampleLog } from './sample.log.js';
import { endAbandoned, endForOthers, leaveRunning } from './unwanted.sampler.js';

const MICROS_PER_SECOND = 1e6;
const NANOS_PER_SECOND = 1e9;

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
  /** CPU time of this thread until then, in nanoseconds; undefined where neither Node nor the kernel tells. */
  readonly threadCpuNanos: number | undefined;
}

interface RunningSegment {
  readonly sampling: CpuSampling;
  readonly since: Moment;
  /** For how long the start of the sampler has held the thread up; undefined where it ran already. */
  readonly startMillis?: number | undefined;
  /** When those before began the reading of which was cut off, or failed: nothing has been handed over since the first. */
  readonly cutOff?: readonly Moment[];
}

/** Drives the addon's wall-clock profiler on the main thread, one segment after the other. @internal */
export class CpuSampler {
  #running: RunningSegment | undefined;
  #storage: AsyncLocalStorage<unknown> | undefined;
  #restoreAddon: () => void = nothing;

  /** @param labels undefined where the application wants none */
  constructor(private readonly labels?: SampleLabels) {}

  /**
   * Ends the running segment, if there is one, and starts the next, if one is wanted. Where there is a segment to hand over
   * and the next cannot start, the segment says so.
   */
  rotate(next: CpuSampling | null): CpuSegment | null {
    this.#restoreAddon();
    this.#checkStarted();
    const running = this.#running;
    const isDisturbed = running !== undefined && isCpuSampledByOther();
    const goesOn =
      next !== null &&
      running !== undefined &&
      fits(running.sampling, next) &&
      !isDisturbed &&
      !(next.unread && (isOtherAddonLoaded() || isSigprofAwaited()));
    const segment =
      running &&
      (running.sampling.unread ? this.#drop(running, goesOn) : this.#end(running, goesOn, isDisturbed));
    if (!next || goesOn || next.unread) {
      this.#label(goesOn ? next : null);
      this.#keepRunning(goesOn && next.unread === true);
      return segment ?? null;
    }
    try {
      this.#start(next);
    } catch (error) {
      this.#label(null);
      if (segment) {
        return { ...segment, startFailure: failureOf(error) };
      }
      throw error;
    }
    this.#label(next);
    return segment ?? null;
  }

  /**
   * Ends the running segment, and goes on as before: where a time limit of the application's (`vm`) cuts it off anywhere, the
   * segment is lost, which the next one says; a stop would leave the addon neither started nor stopped.
   */
  readOn(): CpuSegment | null {
    this.#checkStarted();
    return this.#running ? this.#end(this.#running, true, isCpuSampledByOther()) : null;
  }

  /** Stops and forgets, for when nobody is left to take the result. */
  abandon(): void {
    this.#label(null);
    this.#restoreAddon();
    if (this.#running) {
      this.#running = undefined;
      leaveRunning();
    }
  }

  /** Whoever else uses this copy of the addon may have stopped it. */
  #checkStarted(): void {
    const running = this.#running;
    if (running && !loadAddon().time.isStarted()) {
      this.#running = undefined;
      if (!running.sampling.unread) {
        throw new PprofError(
          409,
          'somebody else in this process has stopped the CPU sampler, by @datadog/pprof, and what it had sampled is lost. Ask again',
        );
      }
    }
  }

  /** Ends a segment that nobody wants; no profile is made of it. */
  #drop({ sampling, since }: RunningSegment, goesOn: boolean): null {
    const { time } = loadAddon();
    if (!goesOn) {
      this.#running = undefined;
      time.stop();
    } else if (isLongEnough(since, sampling)) {
      const begunAt = ownMillis();
      try {
        time.stop(true, refuseSample);
      } catch (error) {
        if (error !== UNREAD) {
          throw error;
        }
      }
      // The addon has started one anew that was stuck.
      const startMillis = time.v8ProfilerStuckEventLoopDetected() > 0 ? ownMillis() - begunAt : undefined;
      this.#running = { sampling, since: now(), startMillis };
    }
    return null;
  }

  #keepRunning(isUnread: boolean): void {
    if (!this.#running) {
      return;
    }
    this.#running = { ...this.#running, sampling: { ...this.#running.sampling, unread: isUnread } };
    if (isUnread) {
      const restore = endForOthers(() => this.rotate(null));
      this.#restoreAddon = () => {
        restore();
        this.#restoreAddon = nothing;
      };
    }
  }

  #label(sampling: CpuSampling | null): void {
    if (sampling?.labels) {
      this.labels?.begin(loadAddon().time, this.#storage);
    } else {
      this.labels?.end();
    }
  }

  #start(sampling: CpuSampling): void {
    const { time } = loadAddon();
    endAbandoned();
    // Two copies of the addon can both be started. Each then takes the other's signals whenever it starts or rotates:
    // what is sampled is not wrong, but it lacks whole stretches of time.
    if (time.isStarted() || isCpuSampledByOther()) {
      throw new SamplerHeldError('CPU', otherProfilers('CPU'));
    }
    // What labels hold on to is of the sampler before.
    this.#label(null);
    const begunAt = ownMillis();
    const useCPED = HAS_CPU_TIME && this.labels !== undefined && this.labels.missing === null;
    try {
      this.#storage = storageMadeBy(() => startAddon(time, sampling, useCPED));
    } catch (cause) {
      // A Node that cannot hold contexts says so before anything has started.
      if (!useCPED || cause instanceof SamplerHeldError) {
        throw cause;
      }
      this.labels?.refuse(cause);
      this.#storage = undefined;
      startAddon(time, sampling, false);
    }
    this.#running = { sampling, since: now(), startMillis: ownMillis() - begunAt };
  }

  #end(running: RunningSegment, goesOn: boolean, isDisturbed: boolean): CpuSegment {
    const { sampling, since, startMillis, cutOff = [] } = running;
    const until = now();
    const begins = [...cutOff, since];
    // The addon starts the next segment before it serializes this one: the two follow each other without a gap. What cuts this off
    // may do so before, or after: a time limit of the application's is caught by nobody.
    this.#running = goesOn ? { sampling, since: until, cutOff: begins } : undefined;
    this.labels?.settle();
    const disturbedBy = isDisturbed ? otherProfilers('CPU') : null;
    const log = new SampleLog();
    const { time } = loadAddon();
    // The addon tells of a stuck sampler only when it goes on, and then restarts it, which takes the signals of another copy that
    // samples. It takes one without samples, as after a moment, for stuck.
    const asksWhetherStuck = goesOn || (disturbedBy === null && isLongEnough(since, sampling));
    let profile: ReturnType<typeof time.stop>;
    let written: Uint8Array;
    let samplerStuck: CpuSegment['samplerStuck'] = 0;
    try {
      profile = time.stop(asksWhetherStuck, log.note);
      written = profile.encode();
      samplerStuck = asksWhetherStuck ? (time.v8ProfilerStuckEventLoopDetected() as 0 | 1 | 2) : 0;
    } finally {
      // Also where it could not be written: what runs on for nobody would be taken for somebody else's.
      if (asksWhetherStuck && !goesOn) {
        time.stop();
      }
    }
    if (goesOn) {
      this.#running = { sampling, since: until };
    }
    const from = nearest(begins, until, Number(profile.durationNanos));
    const cpuMicros = until.cpu.user + until.cpu.system - from.cpu.user - from.cpu.system;
    return {
      profile: written,
      hz: sampling.hz,
      startedAt: from.epochMillis,
      lostSince: from === begins[0] ? undefined : begins[0]!.epochMillis,
      startMillis,
      durationNanos: Number(until.nanos - from.nanos),
      processCpuNanos: cpuMicros * 1000,
      mainCpuNanos:
        cpuBetween(from.threadCpuNanos, until.threadCpuNanos) ?? (HAS_CPU_TIME ? log.cpuNanos : null),
      sampleLog: log.encode(),
      labels: this.labels
        ? { sets: log.labels.sets, missing: this.labels.missing, omitted: [...log.labels.omitted] }
        : null,
      samplerStuck,
      disturbedBy,
    };
  }
}

/** Of these moments the one that V8 has sampled from, for so long by its own clock. */
function nearest(moments: readonly Moment[], until: Moment, nanos: number): Moment {
  const distance = ({ nanos: at }: Moment) => Math.abs(Number(until.nanos - at) - nanos);
  return moments.reduce((best, moment) => (distance(moment) <= distance(best) ? moment : best));
}

function startAddon(time: Addon['time'], { hz, durationMillis }: CpuSampling, useCPED: boolean): void {
  try {
    time.start({
      intervalMicros: Math.round(MICROS_PER_SECOND / hz),
      durationMillis,
      withContexts: HAS_CPU_TIME,
      collectCpuTime: HAS_CPU_TIME,
      useCPED,
      columnNumbers: 'emit',
      sourceMapper: keepColumns,
      // It has this thread sleep for up to four sampling intervals at each rotation. Without it V8's sampler can, rarely, get
      // stuck, which the addon tells (see `end`).
      workaroundV8Bug: false,
    });
  } catch (cause) {
    throw toPprofError(cause);
  }
}

/** Whether the sampler can just go on, with the buffer and the rate it was started with. */
function fits(running: CpuSampling, next: CpuSampling): boolean {
  return running.hz === next.hz && running.durationMillis >= next.durationMillis;
}

/** The addon takes a segment without samples for that of a stuck sampler. */
function isLongEnough(since: Moment, { hz }: CpuSampling): boolean {
  return (Number(monotonicNanos() - since.nanos) / NANOS_PER_SECOND) * hz > 3;
}

const UNREAD = new Error('nobody wants this profile');

/** The addon asks for the labels of each sample when it has what V8 has sampled, and has gone on: no more is made of it then. */
function refuseSample(): never {
  throw UNREAD;
}

function nothing(): void {}

function now(): Moment {
  return {
    epochMillis: epochMillis(),
    nanos: monotonicNanos(),
    cpu: processCpuUsage(),
    threadCpuNanos: threadCpuNanos(),
  };
}

function toPprofError(cause: unknown): unknown {
  if (cause instanceof PprofError) {
    return cause;
  }
  // The addon's own words, in bindings/profilers/wall.cc: no error class or code tells the cases apart.
  const held = /already (started|active)|SIGPROF handler/i;
  return cause instanceof Error && held.test(cause.message)
    ? new SamplerHeldError('CPU', otherProfilers('CPU'), cause)
    : cause;
}
