import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { V8CpuProfile } from '../pprof/v8.profiles.js';
import { untilAborted } from './single.flight.js';
import { DEADLINE_MILLIS, type InspectorTarget } from './inspector.connection.js';
import { Mutex } from './mutex.js';
import { joinSegments, type V8Segment } from './v8.segments.js';

/** A thread in a long native call hands its profile over when the call ends; wait for that, but not for ever. */
const STOP_DEADLINE_MILLIS = 60_000;

/** Captures that end within this time of each other end together: at each rotation V8 lists all code of the thread anew. */
const END_TOGETHER_MILLIS = 10;

/** A thread that takes so long is told to stop before it has answered: V8's first sample is of where it was interrupted. */
const SLOW_START_MILLIS = 1000;

/** While V8's list of code is kept, its sampling interval is, too: enough for a sample, and 10 KB a second. */
const KEPT_HZ = 250;

/** @internal */
export interface V8SampleRequest {
  readonly millis: number;
  readonly hz: number;
  /** Ends it at once, without a result. */
  readonly signal: AbortSignal;
  /** Whether it ends with what the thread does now, however late that can be read, and not with the window. */
  readonly untilNow?: boolean;
  /**
   * Whether V8 first forgets the thread's optimized code, to show a loop that has been running for long: V8 replaces the code of
   * such a function while it runs ("on-stack replacement"), of which a profiler that starts later is not told.
   * `and-keep`: what it has learnt serves those who ask later as well, see `V8Sampler`. Main thread only.
   */
  readonly forget?: 'once' | 'and-keep' | undefined;
}

/** @internal */
export interface V8Sampled {
  readonly profile: V8CpuProfile;
  /** What has to be added to `monotonicMillis() * 1000` for the clock of the profile. */
  readonly clockOffset: number;
}

interface Capture {
  readonly request: V8SampleRequest;
  readonly segments: V8Segment[];
  /** Between which the offset of V8's clock lies. */
  offsets: { atLeast: number; atMost: number };
  endsAt: number;
  failure?: unknown;
}

interface Sampling {
  readonly hz: number;
  /** Our clock when V8 was known to have started, if it ever was, and when the thread had been made visible. */
  readonly startedAt: number;
  readonly settledAt: number;
}

/**
 * V8's CPU profiler in one thread, by its inspector. V8 tells each open profiler of all code there is, at the cost of the thread: so
 * there is one, shared by any number of captures, rotated where they begin or end.
 *
 * Of optimized code that was forgotten and still runs, V8 tells no later profiler: captures would show a stuck thread without its
 * callers. Profilers of one session share their list, so it is kept by a second one that runs on: `console.profile()`, the only
 * JavaScript. https://github.com/v8/v8/blob/main/src/inspector/v8-profiler-agent-impl.cc
 *
 * @internal
 */
export class V8Sampler {
  readonly #running = new Set<Capture>();
  readonly #beginning = new Set<Capture>();
  readonly #mutex = new Mutex();
  #sampling: Sampling | undefined;
  #keeps = false;
  #mustDrop = false;

  constructor(readonly target: InspectorTarget) {}

  /** Whether V8's list of code is kept from one capture to the next. */
  get keepsCode(): boolean {
    return this.#keeps;
  }

  /** @throws {ThreadUnreachableError | ThreadEndedError} or the signal's reason. */
  async sample(request: V8SampleRequest): Promise<V8Sampled> {
    const { millis, hz, signal, untilNow = false } = request;
    const offsets = { atLeast: -Infinity, atMost: Infinity };
    const capture: Capture = { request, segments: [], offsets, endsAt: Infinity };
    this.#beginning.add(capture);
    try {
      await untilAborted(
        signal,
        this.#mutex.run(async () => this.#beginning.has(capture) && this.#rotate()),
      );
      throwFailure(capture);
      await sleep(millis, undefined, { signal });
      await untilAborted(
        signal,
        this.#mutex.run(async () => this.#running.has(capture) && this.#rotate()),
      );
      throwFailure(capture);
    } finally {
      this.#abandon(capture);
    }
    const window = { hz, millis: untilNow ? Infinity : millis };
    return { profile: joinSegments(capture.segments, window), clockOffset: offsetIn(capture.offsets) };
  }

  /** No capture needs what V8 has learnt any more; those that run go on. */
  dropCode(): void {
    if (this.#keeps) {
      this.#keeps = false;
      this.#mustDrop = true;
      void this.#mutex.run(() => this.#rotate());
    }
  }

  #abandon(capture: Capture): void {
    this.#beginning.delete(capture);
    if (this.#running.delete(capture) && this.#running.size === 0) {
      void this.#mutex.run(async () => {
        if (this.#running.size === 0 && this.#sampling) {
          await this.#rotate();
        }
      });
    }
  }

  /** Ends the segment for all who run, of whom some end with it, and begins the next one with all who wait. Never throws. */
  async #rotate(): Promise<void> {
    const now = monotonicMillis();
    const earlier = [...this.#running];
    const staying = earlier.filter(({ endsAt }) => endsAt > now + END_TOGETHER_MILLIS);
    const next = [...staying, ...this.#beginning];
    const sampled = this.#sampling;
    this.#sampling = undefined;
    this.#beginning.clear();
    this.#running.clear();
    next.forEach((capture) => this.#running.add(capture));
    // One right behind the other: what the thread does in between is not seen.
    const [stopped, started] = await Promise.allSettled([
      this.#stop(sampled !== undefined, earlier.length > 0),
      next.length > 0 ? this.#start(next, staying.length > 0) : undefined,
    ]);
    if (stopped.status === 'rejected') {
      this.#mustDrop = true;
      earlier.forEach((capture) => this.#fail(capture, stopped.reason));
    } else if (sampled && stopped.value) {
      const { profile } = stopped.value;
      earlier.forEach((capture) => addSegment(capture, profile, sampled, now));
    }
    if (started.status === 'rejected') {
      // It may still be carried out.
      this.#mustDrop = true;
      next.forEach((capture) => this.#fail(capture, started.reason));
    } else {
      this.#sampling = started.value;
    }
  }

  async #stop(isSampling: boolean, isRead: boolean): Promise<{ profile: V8CpuProfile } | undefined> {
    const stopped =
      isSampling && (isRead || this.#keeps)
        ? this.target.post<{ profile: V8CpuProfile }>('Profiler.stop', {}, STOP_DEADLINE_MILLIS)
        : undefined;
    if (this.#mustDrop || (isSampling && !stopped)) {
      this.#mustDrop = false;
      // Unlike stopping, this reads nothing out.
      this.target.post('Profiler.disable').catch(() => undefined);
      this.target.post('Profiler.enable').catch(() => undefined);
    }
    return stopped;
  }

  async #start(captures: readonly Capture[], isPatient: boolean): Promise<Sampling> {
    const forgetting = captures
      .filter(({ endsAt }) => endsAt === Infinity)
      .map(({ request: { forget } }) => forget)
      .filter((forget) => forget !== undefined);
    const isKept = this.#keeps || forgetting.includes('and-keep');
    const hz = isKept ? KEPT_HZ : Math.max(...captures.map(({ request }) => request.hz));
    const deadline = isPatient ? STOP_DEADLINE_MILLIS : DEADLINE_MILLIS;
    const { target } = this;
    // All at once: a thread that hardly gets a processor takes up to a second for each answer.
    const starting = Promise.all([
      target.post('Profiler.enable', {}, deadline),
      // V8 refuses it while another profile runs.
      this.#keeps ||
        target.post('Profiler.setSamplingInterval', { interval: Math.round(1e6 / hz) }, deadline),
      target.post('Profiler.start', {}, deadline),
    ]);
    const mayBeSlow = captures.every(({ request }) => request.untilNow && !request.forget);
    const hasStarted = await (mayBeSlow
      ? settlesWithin(starting, SLOW_START_MILLIS)
      : starting.then(() => true));
    const startedAt = hasStarted ? monotonicMillis() : Infinity;
    if (isKept && !this.#keeps) {
      this.#keeps = await this.#keepCode();
    }
    if (forgetting.length > 0) {
      // To begin counting coverage is what makes V8 drop all optimized code.
      // https://github.com/v8/v8/blob/main/src/debug/debug-coverage.cc (`Coverage::SelectMode`)
      await target.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
      await target.post('Profiler.stopPreciseCoverage');
    }
    const settledAt = monotonicMillis();
    for (const capture of captures) {
      capture.endsAt = Math.min(capture.endsAt, settledAt + capture.request.millis);
    }
    return { hz, startedAt, settledAt };
  }

  /** @returns whether it could be done. */
  async #keepCode(): Promise<boolean> {
    const expression = 'console.profile("nestjs-pprof")';
    const { exceptionDetails } = await this.target
      .post<{ exceptionDetails?: object }>('Runtime.evaluate', { expression, silent: true })
      .catch((error: unknown) => ({ exceptionDetails: error as object }));
    return exceptionDetails === undefined;
  }

  #fail(capture: Capture, reason: unknown): void {
    capture.failure ??= reason;
    this.#running.delete(capture);
  }
}

/** Whether it settles within this time. */
async function settlesWithin(promise: Promise<unknown>, millis: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    const late = sleep(millis, false, { signal: timer.signal }).catch(() => false);
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

function throwFailure({ failure }: Capture): void {
  if (failure !== undefined) {
    throw failure;
  }
}

function addSegment(capture: Capture, profile: V8CpuProfile, sampling: Sampling, stoppedAt: number): void {
  const { hz, startedAt, settledAt } = sampling;
  const firstSample = profile.startTime + (profile.timeDeltas[0] ?? 0);
  const isForgetting = capture.request.forget !== undefined && capture.segments.length === 0;
  capture.segments.push({ profile, hz, settlingMicros: isForgetting ? (settledAt - startedAt) * 1000 : 0 });
  const { atLeast, atMost } = capture.offsets;
  capture.offsets = {
    // The answer came after the first sample, and the end after it was asked for.
    atLeast: Math.max(atLeast, firstSample - startedAt * 1000),
    atMost: Math.min(atMost, profile.endTime - stoppedAt * 1000),
  };
}

/** On Linux both clocks are the same one. */
function offsetIn({ atLeast, atMost }: Capture['offsets']): number {
  return atLeast <= 0 && atMost >= 0 ? 0 : (atLeast + atMost) / 2;
}
