import { type CpuSampling, type CpuSegment, monotonicMillis } from '../../shared/agent.protocol.js';

/** Bounds what the sampler holds: V8 and the addon keep each sample until a rotation. */
const WINDOW_MILLIS = 15_000;

/**
 * What runs on costs some 2 % of main's CPU time under full load, which nobody feels; a start holds main up for what it takes. A
 * start of a tenth of a second is worth a minute.
 */
const MILLIS_FOR_START_MILLI = 600;

/** Below, a sample is too seldom for a window that begins with one that runs; above, it costs more than it saves. */
const MIN_HZ = 20;
const MAX_HZ = 100;

/**
 * How long the sampler of the main thread runs on after a capture, so that the next need not start it: not at all unless captures
 * come again and again.
 *
 * @internal
 */
export class SamplerWarmth {
  #startMillis = 0;
  #endedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param longestMillis 0 for never
   * @param rotate has the sampler go on, or end
   */
  constructor(
    private readonly longestMillis: number,
    private readonly rotate: (next: CpuSampling | null) => Promise<void>,
  ) {}

  /** Whether the sampler runs for nobody. */
  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  /** Whether a capture that begins now comes soon after one. */
  get isRepeated(): boolean {
    return monotonicMillis() - this.#endedAt < this.#millis;
  }

  /** What a start costs, as far as this tells. */
  noteStart(segment: Pick<CpuSegment, 'startMillis'> | null): void {
    this.#startMillis = segment?.startMillis ?? this.#startMillis;
  }

  /** A capture has ended. */
  noteEnd(): void {
    this.#endedAt = monotonicMillis();
  }

  /** What the sampler runs on with; null where the rate makes that too dear. */
  samplingAt(hz: number): CpuSampling | null {
    return hz >= MIN_HZ && hz <= MAX_HZ ? { hz, labels: false, durationMillis: 0, unread: true } : null;
  }

  /** @param segment the last of a capture */
  begin(sampling: CpuSampling, segment: CpuSegment | null): void {
    this.noteStart(segment);
    this.#runUntil(monotonicMillis() + this.#millis, sampling);
  }

  #runUntil(end: number, sampling: CpuSampling): void {
    const remaining = end - monotonicMillis();
    const goOn = async () => {
      await this.rotate(remaining > WINDOW_MILLIS ? sampling : null);
      if (this.isOn) {
        this.#runUntil(end, sampling);
      }
    };
    this.#timer = setTimeout(() => void goOn(), Math.min(remaining, WINDOW_MILLIS)).unref();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get #millis(): number {
    return Math.min(this.longestMillis, this.#startMillis * MILLIS_FOR_START_MILLI);
  }
}
