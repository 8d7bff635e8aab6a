import { monotonicMillis } from '../../shared/agent.protocol.js';
import { messageOf } from '../../shared/pprof.error.js';
import type { FlightRecording } from '../../shared/thread.protocol.js';
import { cpuBetween, threadCpuNanos } from '../../shared/thread-cpu.clock.js';
import { type RecordedSegment, RecordedWindow } from './recorded.window.js';
import { GAP_MILLIS, RecordingGaps } from './recording.gaps.js';
import { CUT_OFF, type SampledSegment } from './cpu.rotation.js';
import type { SharedCpuSampler, StandingClient } from './shared-cpu.sampler.js';
import { ThreadStuckError } from './threads.errors.js';

/** A rotation costs main a millisecond or two, and two samples. */
const WINDOW_MILLIS = 15_000;

/**
 * Until the first segment has been read the regular way, none is read by interrupt: see `agent.ts`. And what is not read is lost
 * where the heap is full: at first, each window is as long as all before it together.
 */
const FIRST_WINDOW_MILLIS = 1000;

/** A thread that is stuck is not interrupted for a window: only before the addon's buffer is full, and for who asks. */
const INTERRUPTED_AFTER_MILLIS = 45_000;

/** A window comes soon after its end, or the clock was set. */
const LATE_MILLIS = 5000;

const CHECK_MILLIS = 1000;

/** Whoever asks for what has just been has it as it was read last. */
const FRESH_MILLIS = 1000;

const FIRST_PAUSE_MILLIS = 15_000;
const LONGEST_PAUSE_MILLIS = 300_000;

/** Packed: an hour of a large code base at 20 Hz. */
const MAX_BYTES = 4 * 2 ** 20;

/** What was recorded in a stretch of time. Times in milliseconds since the epoch. @internal */
export interface Recording {
  readonly segments: readonly RecordedSegment[];
  /** What there is of the stretch. */
  readonly from: number;
  readonly to: number;
  /** What of the stretch is missing, and why. */
  readonly missing: readonly string[];
  /** What of it the sampler holds, and why that cannot be had now. */
  readonly unread?: string | undefined;
}

/**
 * Keeps the last minutes of the main thread: a client of its CPU sampler that stays, and has it cut into windows. Where captures
 * begin or end, windows are shorter.
 *
 * @internal
 */
export class FlightRecorder implements StandingClient {
  readonly hz: number;
  readonly labels: boolean;
  readonly startedAt = Date.now();
  readonly #windows: RecordedWindow[] = [];
  readonly #gaps: RecordingGaps;
  readonly #listeners: Array<() => void> = [];
  #pauseMillis = FIRST_PAUSE_MILLIS;
  #bytes = 0;
  #isRunning = false;
  #isBusy = false;
  #refreshing: Promise<void> | undefined;
  #tryAt = 0;
  /** Since the segment began that runs. */
  #isClockSet = false;
  /** Since when the running segment runs, or nothing does; and the former by a clock that is never set back. */
  #since = Date.now();
  #begunAt = monotonicMillis();
  #joinedAt = monotonicMillis();
  #ownCpu = threadCpuNanos();
  /** Why what is older than the oldest window is not there. */
  #dropped: string | undefined;

  /** @param restarted whether there was a profiling thread before this one, which has ended */
  constructor(
    private readonly sampler: SharedCpuSampler,
    private readonly options: FlightRecording,
    private readonly restarted: boolean,
  ) {
    ({ hz: this.hz, labels: this.labels } = options);
    this.#gaps = new RecordingGaps(this.seconds * 1000);
  }

  start(): void {
    setInterval(() => void this.#check(), CHECK_MILLIS).unref();
    void this.#check();
  }

  /** Calls the listener whenever a window has been added. */
  onWindow(listener: () => void): void {
    this.#listeners.push(listener);
  }

  onSegment(segment: SampledSegment): void {
    this.#noteClock();
    const own = threadCpuNanos();
    const profilerCpuNanos = cpuBetween(this.#ownCpu, own);
    this.#ownCpu = own;
    const { lostSince } = segment;
    if (lostSince !== undefined) {
      this.#gaps.add(lostSince, segment.startedAt, CUT_OFF);
    }
    const ofItself = { startFailure: undefined, lostSince: undefined };
    const window = new RecordedWindow({ ...segment, ...ofItself, profilerCpuNanos });
    const now = Date.now();
    // Where the clock was set meanwhile, the window ends at a time of before.
    this.#since = now >= window.to && now - window.to < LATE_MILLIS ? window.to : now;
    this.#begunAt = monotonicMillis();
    this.#isClockSet = false;
    this.#windows.push(window);
    this.#bytes += window.bytes;
    this.#dropOldest();
    this.#listeners.forEach((listener) => listener());
  }

  onEnd(reason: unknown): void {
    this.#isRunning = false;
    this.#noteOutage(reason);
  }

  /** How far back it goes at the most. */
  get seconds(): number {
    return this.options.minutes * 60;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Why nothing is recorded now. */
  get outage(): string | undefined {
    return this.#gaps.current;
  }

  /** From the oldest to the newest; undefined where nothing has been recorded yet. */
  get kept(): Pick<Recording, 'from' | 'to'> | undefined {
    const newest = this.#windows.at(-1);
    // The clock may have been set back meanwhile.
    return newest && { from: Math.min(...this.#windows.map(({ from }) => from)), to: newest.to };
  }

  /** @returns what was recorded in the stretch, whose parts lie side by side without a sample in both. */
  async read(from: number, to: number): Promise<Recording> {
    this.#noteClock();
    const unread = to > this.#since ? await this.refresh() : undefined;
    return { ...this.readKept(from, to, unread === undefined ? [] : [unread]), unread };
  }

  /** Takes over what the sampler holds. @returns what is missing, and why, where it cannot be had now. */
  async refresh(): Promise<string | undefined> {
    if (!this.#isRunning) {
      // Whoever asks shall not have to wait for the next try.
      this.#tryAt = 0;
      return undefined;
    }
    if (monotonicMillis() - this.#begunAt <= FRESH_MILLIS) {
      return undefined;
    }
    this.#refreshing ??= this.sampler.cut(true).finally(() => (this.#refreshing = undefined));
    try {
      await this.#refreshing;
      return undefined;
    } catch (error) {
      return `since ${new Date(this.#since).toISOString()}: it can be read later, ${messageOf(error)}`;
    }
  }

  /** The same without what the sampler holds: at once, whatever the main thread does. */
  readKept(from: number, to: number, missing: string[] = []): Recording {
    const windows = this.#windows
      .filter((window) => window.to > from && window.from < to)
      .toSorted((a, b) => a.from - b.from);
    const segments = windows.map((window) => window.unpackWithin(from, to));
    missing.unshift(...this.#missingIn(from, Math.min(to, Date.now()), windows));
    return {
      segments,
      from: Math.max(from, windows[0]?.from ?? from),
      to: Math.min(to, windows.at(-1)?.to ?? to),
      missing,
    };
  }

  async #check(): Promise<void> {
    this.#noteClock();
    const now = monotonicMillis();
    if (this.#isBusy || now < this.#tryAt) {
      return;
    }
    this.#isBusy = true;
    const age = now - this.#begunAt;
    try {
      if (!this.#isRunning) {
        await this.sampler.join(this);
        this.#isRunning = true;
        this.#gaps.end();
        this.#since = Date.now();
        this.#begunAt = monotonicMillis();
        this.#joinedAt = this.#begunAt;
        this.#ownCpu = threadCpuNanos();
      } else if (this.#isClockSet || age >= this.#windowMillis) {
        // The window in which the clock was set has the times of before to its end, and nobody finds it by those of now.
        await this.sampler.cut(age >= INTERRUPTED_AFTER_MILLIS);
        this.#pauseMillis = FIRST_PAUSE_MILLIS;
      }
    } catch (error) {
      // What cannot be cut now runs on.
      if (!this.#isRunning) {
        this.#noteOutage(error);
      }
    }
    this.#isBusy = false;
  }

  #noteClock(): void {
    const by = this.#gaps.noteClock();
    this.#since += by;
    this.#isClockSet ||= by !== 0;
  }

  get #windowMillis(): number {
    return Math.min(WINDOW_MILLIS, Math.max(FIRST_WINDOW_MILLIS, this.#begunAt - this.#joinedAt));
  }

  /** It is tried again: another profiler may end, and a loop turn again. */
  #noteOutage(error: unknown): void {
    const isStuck = error instanceof ThreadStuckError;
    const reason = messageOf(error);
    this.#tryAt = monotonicMillis() + (isStuck ? CHECK_MILLIS : this.#pauseMillis);
    if (!isStuck) {
      this.#pauseMillis = Math.min(2 * this.#pauseMillis, LONGEST_PAUSE_MILLIS);
    }
    // For how long it has been stuck is another text each time.
    if (this.#gaps.begin(this.#since, reason, isStuck ? 'stuck' : reason)) {
      this.#since = Date.now();
    }
  }

  #dropOldest(): void {
    const oldest = monotonicMillis() - this.options.minutes * 60_000;
    for (let [first] = this.#windows; first; [first] = this.#windows) {
      const isFull = this.#bytes > MAX_BYTES;
      if (first.recordedAt >= oldest && !isFull) {
        return;
      }
      this.#windows.shift();
      this.#bytes -= first.bytes;
      this.#dropped = isFull
        ? `the recorder keeps ${MAX_BYTES / 2 ** 20} MB at most`
        : `the recorder keeps ${this.options.minutes} minutes`;
    }
  }

  #missingIn(from: number, to: number, windows: readonly RecordedWindow[]): string[] {
    const missing: string[] = [];
    let covered = from;
    for (const window of windows) {
      if (window.from - covered >= GAP_MILLIS) {
        missing.push(...this.#describeGap(covered, window.from));
      }
      covered = Math.max(covered, window.to);
    }
    const isRecorded = this.#isRunning && covered >= this.#since - GAP_MILLIS;
    if (to - covered >= GAP_MILLIS && !isRecorded) {
      missing.push(...this.#describeGap(covered, to));
    }
    return missing;
  }

  #describeGap(from: number, to: number): string[] {
    const isOldest = to <= (this.#windows[0]?.from ?? Infinity);
    const started = this.restarted
      ? 'the profiling thread was started again, and what the one before had recorded is lost'
      : 'the recorder was started';
    const beginning = this.#dropped ?? `${started} at ${new Date(this.startedAt).toISOString()}`;
    return this.#gaps.describe(from, to, isOldest ? beginning : 'nothing was recorded');
  }
}
