import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMillis, type CpuSampling } from '../../shared/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import { CpuRotation, type SampledSegment } from './cpu.rotation.js';
import { AgentFailureError, CaptureStuckError, silenceOf, ThreadStuckError } from './threads.errors.js';
import { DEADLINE_MILLIS } from './inspector.connection.js';
import { Mutex } from './mutex.js';
import { SamplerWarmth } from './sampler.warmth.js';
import { untilAborted } from './single.flight.js';

/** Captures that end within this time of each other end together: each rotation costs the main thread a millisecond or two. */
const END_TOGETHER_MILLIS = 10;

/**
 * Captures that begin within this time begin together, with the first, as two to compare are asked for at once: the addon takes a
 * segment without a sample for that of a stuck sampler, and starts it anew, which is what costs.
 */
const BEGIN_TOGETHER_MILLIS = 20;

/** Room for a main thread that is late to end a segment: what does not fit the addon's buffer is lost. */
const LATE_BY_MILLIS = 1000;

/** The same of a run that goes on for ever, in windows of a quarter of it: as long for each rate, so that it fits whoever joins. */
const STANDING_MILLIS = 60_000;

/** @internal */
export interface CpuCaptureRequest {
  readonly seconds: number;
  readonly hz: number;
  /** Whether samples are labelled with what they were taken for. */
  readonly labels: boolean;
  /** Ends the capture at once, without a result. */
  readonly signal: AbortSignal;
}

/** A client that stays: the sampler runs for it until it cannot. @internal */
export interface StandingClient {
  readonly hz: number;
  readonly labels: boolean;
  /** Called with each segment, which ends wherever a capture begins or ends, and at each cut. */
  onSegment(segment: SampledSegment): void;
  /** The sampler does not run for it any more. */
  onEnd(reason: unknown): void;
}

interface Capture {
  readonly hz: number;
  readonly labels: boolean;
  readonly millis: number;
  readonly segments: SampledSegment[];
  /** Whether it came soon after another one. */
  isRepeated: boolean;
  endsAt: number;
  /** Why segments of it are missing; told at its end. */
  failure?: unknown;
}

/**
 * The one CPU sampler of the main thread, shared by any number of captures: its run is cut into segments wherever one begins or
 * ends, and each gets those of its own window.
 *
 * @internal
 */
export class SharedCpuSampler {
  readonly #running = new Set<Capture>();
  #standing: StandingClient | undefined;
  /** One rotation after the other: each must know who runs when it is done. */
  readonly #mutex = new Mutex();
  readonly #rotation: CpuRotation;
  readonly #warmth: SamplerWarmth;
  /** What runs, and since when; undefined where that is not known. */
  #segment: (CpuSampling & { readonly since: number }) | undefined;

  /** @param keepWarmMillis how long it may run on after a capture, for the next */
  constructor(agent: AgentClient, keepWarmMillis: number) {
    this.#rotation = new CpuRotation(agent);
    this.#warmth = new SamplerWarmth(keepWarmMillis, (next) => this.#mutex.run(() => this.#rotateWarm(next)));
  }

  /** Whether it runs for nobody, as the next capture is expected. */
  get isWarm(): boolean {
    return this.#warmth.isOn;
  }

  /** @throws {ThreadStuckError | AgentFailureError} or the signal's reason, as soon as it fires. */
  async capture({ seconds, hz, labels, signal }: CpuCaptureRequest): Promise<readonly SampledSegment[]> {
    const millis = seconds * 1000;
    const capture: Capture = { hz, labels, millis, segments: [], isRepeated: false, endsAt: Infinity };
    try {
      await this.#runExclusive(() => this.#begin(capture), signal);
      await sleep(capture.millis, undefined, { signal });
      // The end of a capture may have to wait for a native call.
      await untilAborted(
        signal,
        this.#mutex.run(() => this.#end(capture)),
      );
      return capture.segments;
    } catch (error) {
      if (signal.aborted) {
        void this.#mutex.run(async () => this.#abandon(capture));
      }
      throw error;
    }
  }

  /**
   * Has the sampler run for a client that stays.
   *
   * @throws {ThreadStuckError | AgentFailureError} where it cannot start; the client is told of nothing then.
   */
  join(client: StandingClient): Promise<void> {
    return this.#runExclusive(async () => {
      await this.#beginSegment(samplingFor([...this.#running], client));
      this.#standing = client;
    });
  }

  /**
   * Ends the segment that runs, and goes on. What can make it fail the client has been told of.
   *
   * @param evenIfStuck whether a main thread whose event loop does not turn is interrupted for it
   * @throws {ThreadStuckError | ThreadUnreachableError} where the segment runs on.
   */
  cut(evenIfStuck: boolean): Promise<void> {
    return this.#runExclusive(async () => {
      const client = this.#standing;
      if (!client) {
        return;
      }
      const next = samplingFor([...this.#running], client);
      try {
        this.#deliver(await this.#rotation.rotate(next), []);
        this.#segment = { ...next, since: monotonicMillis() };
      } catch (error) {
        if (error instanceof ThreadStuckError && evenIfStuck) {
          this.#deliver(await this.#rotation.readByInterrupt(), []);
        } else if (error instanceof ThreadStuckError) {
          throw error;
        } else {
          this.#failAll(error);
        }
      }
    });
  }

  async #begin(capture: Capture): Promise<void> {
    capture.isRepeated = this.#warmth.isRepeated;
    const next = samplingFor([...this.#running, capture], this.#standing);
    if (!this.#hasJustBegun(next)) {
      await this.#beginSegment(next);
    }
    capture.endsAt = monotonicMillis() + capture.millis;
    this.#running.add(capture);
  }

  /** For one more, beside those who run. */
  async #beginSegment(next: CpuSampling): Promise<void> {
    try {
      this.#deliver(await this.#rotate(next), []);
      this.#segment = { ...next, since: monotonicMillis() };
    } catch (error) {
      // A stuck thread has not touched the sampler; else the segment until now is lost for those who run.
      if (!(error instanceof ThreadStuckError)) {
        this.#failAll(error);
      }
      throw error;
    }
  }

  #hasJustBegun({ hz, durationMillis, labels }: CpuSampling): boolean {
    const segment = this.#running.size > 0 || this.#standing ? this.#segment : undefined;
    return (
      segment !== undefined &&
      segment.hz === hz &&
      (segment.labels || !labels) &&
      segment.durationMillis + BEGIN_TOGETHER_MILLIS >= durationMillis &&
      monotonicMillis() - segment.since <= BEGIN_TOGETHER_MILLIS
    );
  }

  async #end(capture: Capture): Promise<void> {
    if (capture.failure !== undefined) {
      throw capture.failure;
    }
    if (!this.#running.has(capture)) {
      return;
    }
    const soon = monotonicMillis() + END_TOGETHER_MILLIS;
    const ending = [...this.#running].filter((other) => other === capture || other.endsAt <= soon);
    const staying = [...this.#running].filter((other) => !ending.includes(other));
    const goesOn = staying.length > 0 || this.#standing !== undefined;
    this.#segment = undefined;
    try {
      this.#deliver(
        goesOn
          ? await this.#rotation.rotateEvenIfStuck(samplingFor(staying, this.#standing))
          : await this.#endSegment(ending),
        ending,
      );
      this.#warmth.noteEnd();
    } catch (error) {
      if (error instanceof CaptureStuckError && goesOn) {
        // The segment runs on, for those who do.
        ending.forEach((other) => this.#fail(other, error));
      } else if (this.#running.has(capture)) {
        this.#failAll(error);
      }
      if (capture.failure !== undefined) {
        throw capture.failure;
      }
    }
  }

  /**
   * Gives a segment to all who run, of whom some end with it.
   *
   * @throws {AgentFailureError} where the sampler could not go on. Those who would have run on have what was sampled so far.
   */
  #deliver(segment: SampledSegment | null, ending: readonly Capture[]): void {
    this.#warmth.noteStart(segment);
    for (const capture of this.#running) {
      const isEnding = ending.includes(capture);
      if (segment) {
        capture.segments.push(isEnding ? { ...segment, startFailure: undefined } : segment);
      }
      if (isEnding) {
        this.#running.delete(capture);
      }
    }
    if (segment) {
      this.#standing?.onSegment(segment);
    }
    if (segment?.startFailure) {
      const failure = new AgentFailureError(segment.startFailure);
      this.#running.clear();
      this.#endStanding(failure);
      throw failure;
    }
  }

  #failAll(error: unknown): void {
    this.#running.forEach((capture) => this.#fail(capture, error));
    this.#endStanding(error);
  }

  #fail(capture: Capture, error: unknown): void {
    capture.failure = error;
    this.#running.delete(capture);
  }

  #endStanding(reason: unknown): void {
    const client = this.#standing;
    this.#standing = undefined;
    client?.onEnd(reason);
  }

  /** Ends it with the last captures, of which there may soon be more: then it runs on, where that is nothing to wait for. */
  async #endSegment(ending: readonly Capture[]): Promise<SampledSegment | null> {
    const hz = Math.max(...ending.map((capture) => capture.hz));
    const warm = ending.some(({ isRepeated }) => isRepeated) ? this.#warmth.samplingAt(hz) : null;
    if (warm) {
      try {
        const segment = await this.#rotation.rotate(warm);
        this.#warmth.begin(warm, segment);
        return segment;
      } catch (error) {
        if (!(error instanceof ThreadStuckError)) {
          throw error;
        }
      }
    }
    return this.#rotation.rotateEvenIfStuck(null);
  }

  /** For whoever begins; a sampler that ran for nobody is theirs, or ends. */
  async #rotate(next: CpuSampling): Promise<SampledSegment | null> {
    const { isWarm } = this;
    this.#warmth.end();
    try {
      return await this.#rotation.rotate(next);
    } catch (error) {
      if (isWarm) {
        this.#rotation.stopPatiently();
      }
      throw error;
    }
  }

  /** Nobody is told of what fails: the next capture starts the sampler. */
  async #rotateWarm(next: CpuSampling | null): Promise<void> {
    if (this.isWarm) {
      try {
        await this.#rotation.rotate(next);
        if (next) {
          return;
        }
      } catch {
        this.#rotation.stopPatiently();
      }
      this.#warmth.end();
    }
  }

  #abandon(capture: Capture): void {
    if (this.#running.delete(capture) && this.#running.size === 0 && !this.#standing) {
      this.#rotation.stopPatiently();
    }
  }

  /** Not at all if the mutex is not free soon: the task before may be waiting for a native call to end. */
  async #runExclusive(task: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const cancelled = signal ? AbortSignal.any([signal, waiting.signal]) : waiting.signal;
    const timer = setTimeout(
      () => waiting.abort(new ThreadStuckError('the main thread', silenceOf(DEADLINE_MILLIS))),
      DEADLINE_MILLIS,
    );
    try {
      await untilAborted(
        cancelled,
        this.#mutex.run(async () => {
          clearTimeout(timer);
          cancelled.throwIfAborted();
          await task();
        }),
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The sampling that serves all of these captures: the highest rate, for as long as the last of them lasts. */
function samplingFor(captures: readonly Capture[], standing?: StandingClient): CpuSampling {
  const clients = standing ? [standing, ...captures] : captures;
  const hz = Math.max(...clients.map((client) => client.hz));
  const labels = clients.some((client) => client.labels);
  if (standing) {
    return { hz, labels, durationMillis: STANDING_MILLIS };
  }
  const now = monotonicMillis();
  const remaining = captures.map(({ endsAt, millis }) => (endsAt === Infinity ? millis : endsAt - now));
  const durationMillis = Math.ceil(Math.max(...remaining)) + LATE_BY_MILLIS;
  // Where it may be kept for others to come.
  const isFirst = captures.length === 1 && captures[0]!.isRepeated;
  return { hz, labels, durationMillis: isFirst ? Math.max(durationMillis, STANDING_MILLIS) : durationMillis };
}
