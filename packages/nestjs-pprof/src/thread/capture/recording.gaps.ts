import { monotonicMillis } from '../../shared/agent.protocol.js';

/** A shorter time without samples is the start of the sampler at another rate. @internal */
export const GAP_MILLIS = 500;

/** Of each kind. */
const MAX_KEPT = 100;

/** The segment in which the clock was set has the times of before to its end. None is longer, as a rule. */
const LONG_SEGMENT_MILLIS = 60_000;

/** A time in which nothing could be recorded; one that is not over ends at infinity. */
interface Outage {
  from: number;
  to: number;
  readonly reason: string;
  /** Of reasons of one group each is another text. */
  readonly group: string;
  /** When the reason was seen last. */
  seenAt: number;
}

/** The clock of the machine was set by so many milliseconds, or the machine has slept for them. */
interface ClockChange {
  readonly at: number;
  readonly by: number;
}

/** Knows what was in the way of the flight recorder, and when. Times in milliseconds since the epoch. @internal */
export class RecordingGaps {
  readonly #outages: Outage[] = [];
  readonly #clockChanges: ClockChange[] = [];
  #clockOffset = Date.now() - monotonicMillis();

  /** @param keptMillis how far back anything is kept */
  constructor(private readonly keptMillis: number) {}

  /** What is in the way now. */
  get current(): string | undefined {
    const last = this.#running;
    return last && describeOutage(last);
  }

  /** @returns whether another one has begun. */
  begin(from: number, reason: string, group = reason): boolean {
    const running = this.#running;
    if (running?.group === group) {
      running.seenAt = Date.now();
      return false;
    }
    this.end();
    this.add(from, Infinity, reason, group);
    return true;
  }

  /** One that is known when it is over. */
  add(from: number, to: number, reason: string, group = reason): void {
    this.#outages.push({ from, to, reason, group, seenAt: Date.now() });
    this.#outages.splice(0, this.#outages.length - MAX_KEPT);
  }

  end(): void {
    const running = this.#running;
    if (running) {
      running.to = Date.now();
    }
  }

  /**
   * What has been recorded keeps its times; what goes on has the new ones.
   *
   * @returns by how much the clock has been set; 0 where it has not.
   */
  noteClock(): number {
    const offset = Date.now() - monotonicMillis();
    const by = offset - this.#clockOffset;
    this.#clockOffset = offset;
    if (Math.abs(by) < GAP_MILLIS) {
      return 0;
    }
    this.#clockChanges.push({ at: Date.now(), by });
    this.#clockChanges.splice(0, this.#clockChanges.length - MAX_KEPT);
    const running = this.#running;
    if (running) {
      running.from += by;
    }
    return by;
  }

  /**
   * What was in the way first may not be what was in the way at last.
   *
   * @param reason where nothing is known
   */
  describe(from: number, to: number, reason: string): string[] {
    const parts: string[] = [];
    let described = from;
    for (const outage of this.#outages.filter((other) => other.from < to && other.to > from)) {
      const begin = Math.max(described, outage.from);
      if (begin - described >= GAP_MILLIS) {
        parts.push(this.#describePart(described, begin, reason));
      }
      described = Math.min(outage.to, to);
      parts.push(describePart(begin, described, describeOutage(outage)));
    }
    return to - described >= GAP_MILLIS ? [...parts, this.#describePart(described, to, reason)] : parts;
  }

  get #running(): Outage | undefined {
    const last = this.#outages.at(-1);
    return last?.to === Infinity ? last : undefined;
  }

  #describePart(from: number, to: number, reason: string): string {
    const clock = this.#clockChanges.findLast(
      ({ at, by }) => from < at + LONG_SEGMENT_MILLIS && to > at - (by > 0 ? by : this.keptMillis),
    );
    return describePart(from, to, clock ? describeClockChange(clock) : reason);
  }
}

function describePart(from: number, to: number, reason: string): string {
  return `${new Date(from).toISOString()} to ${new Date(to).toISOString()}: ${reason}`;
}

/** It is checked now and then: what had the sampler may be gone. */
function describeOutage({ reason, to, seenAt }: Outage): string {
  return to === Infinity ? `${reason} (as of ${new Date(seenAt).toISOString()})` : reason;
}

function describeClockChange({ at, by }: ClockChange): string {
  const [seconds, time] = [Math.abs(by / 1000).toFixed(1), new Date(at).toISOString()];
  return by > 0
    ? `the clock of the machine was set forward by ${seconds} s, or it slept for them, until ${time}`
    : `the clock of the machine was set back by ${seconds} s at ${time}: what was recorded before has the times of before`;
}
