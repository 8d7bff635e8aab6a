import { monotonicMillis } from '../../shared/agent.protocol.js';
import { type LoopBlock, LoopWatchMemory } from '../../shared/shared.memory.js';
import { cpuBetween } from '../../shared/thread-cpu.clock.js';
import type { StackSample } from '../pprof/profile.model.js';
import { timelineOf, type TimedStack } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import { attributeBlocks } from './block.attribution.js';
import type { FlightRecorder } from './flight.recorder.js';
import { cpuNanosOfMain } from './kernel.threads.js';
import type { InspectedThreads } from './inspected.threads.js';
import { timelineOfSegments } from './recorded.window.js';
import { LONG_TURN_NANOS } from './threads.errors.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';

/** The watch's own number; those of captures count from 1. */
const WATCH_ID = 0;

/** Starting V8's profiler holds the thread up for some tens of milliseconds: shorter blocks are counted, not sampled. */
const SAMPLE_AFTER_MILLIS = 100;

/** A block this long, in which the thread has run, is no hiccup: what it is stuck in matters more than its optimized code. */
const STUCK_AFTER_MILLIS = 1000;

const SAMPLE = { millis: 20, hz: 1000 };

/**
 * V8's start walks the whole heap: 0.8 s of one of 1.5 GB (docs/benchmarks.md). A sample that holds main up for longer than the
 * shortest block that is sampled is taken only in a block so many times as long, or after so many times that time.
 */
const WORTH_BLOCK = 10;
const WORTH_PAUSE = 100;

/** Of one block: where it goes on, every other sample is dropped, and from then on they come half as often. */
const MAX_SAMPLED = 200;

/** Beyond this many stacks, further blocks are only counted. */
const MAX_SAMPLES = 2000;

/** Of blocks that wait for the recorder's window; of those beyond, no stack is seen. */
const MAX_PENDING = 4096;

/** Called with each block that has ended, in milliseconds since the epoch, and the stacks seen in it, longest first. @internal */
export type OnBlock = (from: number, to: number, stacks: readonly StackSample[]) => void;

/**
 * Watches the main thread's event loop all the time: what has blocked it, in which stacks. The samples of the flight recorder have
 * those, where it runs; else a block is sampled while it goes on.
 *
 * @internal
 */
export class BlockWatcher {
  readonly #watch = new LoopWatchMemory();
  /** By what tells one from another. */
  readonly #samples = new Map<string, StackSample>();
  #sampled: TimedStack[][] = [];
  #sampleEveryMillis = 0;
  readonly #listeners: OnBlock[] = [];
  #pending: LoopBlock[] = [];
  #counted = 0;
  #isSampling = false;
  /** Main's CPU time when the block that goes on was seen first. */
  #cpuAtFirst: number | undefined;
  /** What the last sample has cost main, and when it was. */
  #sampleMillis = 0;
  #sampledAt = 0;
  readonly startedAt = Date.now();

  /** @param collects whether all that it sees is added up */
  constructor(
    private readonly agent: AgentClient,
    readonly thresholdMillis: number,
    private readonly collects: boolean,
    private readonly threads: InspectedThreads,
    private readonly cpu: V8CpuCapturer,
    private readonly recorder: FlightRecorder | undefined,
  ) {
    recorder?.onWindow(() => this.#attributeRecorded());
  }

  start(): void {
    const { thresholdMillis, recorder } = this;
    const heap = recorder !== undefined;
    const request = { id: WATCH_ID, thresholdMillis, memory: this.#watch.buffer, heap };
    void this.agent.requestPatiently('startLoopWatch', request).catch(() => undefined);
    // What the recorder has seen can be read later.
    const period = (recorder ? Math.max(SAMPLE_AFTER_MILLIS, thresholdMillis) : SAMPLE_AFTER_MILLIS) / 2;
    setInterval(() => void this.#check(), period).unref();
  }

  onBlock(listener: OnBlock): void {
    this.#listeners.push(listener);
  }

  /** Since when the loop has not turned, milliseconds since the epoch; undefined where that is no block, or not yet. */
  get blockedSince(): number | undefined {
    const blockedMillis = this.#blockedMillis;
    return blockedMillis > this.thresholdMillis ? Date.now() - blockedMillis : undefined;
  }

  /** Bytes; 0 where it is not known yet. */
  get heapUsed(): number {
    return this.#watch.heapUsed;
  }

  /** What has been collected since the start: samples of contentions and nanoseconds. */
  async collected(): Promise<readonly StackSample[]> {
    this.#count();
    if (this.#pending.length > 0) {
      // Those that it has no window of yet wait for that.
      await this.recorder?.refresh();
    }
    return [...this.#samples.values()];
  }

  async #check(): Promise<void> {
    this.#count();
    const blockedMillis = this.#blockedMillis;
    if (!this.#isWorthASample(blockedMillis) || this.#isSampling || this.recorder?.isRunning) {
      return;
    }
    this.#isSampling = true;
    const askedAt = monotonicMillis();
    const before = cpuNanosOfMain();
    this.#cpuAtFirst ??= before;
    // One that has no processor is not stuck, for all that is known.
    const isStuck =
      blockedMillis > STUCK_AFTER_MILLIS && (before ?? 0) - (this.#cpuAtFirst ?? 0) >= LONG_TURN_NANOS;
    const lastTurn = isStuck ? Date.now() - blockedMillis : undefined;
    const { signal } = new AbortController();
    try {
      this.threads.inspector.refuseUnderCoverage();
      const { profile, clockOffset } = await this.threads.useMain(
        (sampler) => this.cpu.capture(sampler, { ...SAMPLE, signal, lastTurn }),
        signal,
      );
      this.#sampled.push(shifted(timelineOf(profile), -clockOffset));
      if (this.#sampled.length >= MAX_SAMPLED) {
        this.#sampled = this.#sampled.filter((_, index) => index % 2 === 0);
        this.#sampleEveryMillis = 2 * Math.max(SAMPLE_AFTER_MILLIS, this.#sampleEveryMillis);
      }
    } catch {
      // Whatever the reason: the block is counted without a stack.
    }
    this.#sampledAt = monotonicMillis();
    const cpuNanos = cpuBetween(before, cpuNanosOfMain());
    this.#sampleMillis =
      (cpuNanos === undefined ? this.#sampledAt - askedAt : cpuNanos / 1e6) - SAMPLE.millis;
    this.#isSampling = false;
  }

  #isWorthASample(blockedMillis: number): boolean {
    const unseen = monotonicMillis() - this.#sampledAt;
    const isDear =
      this.#sampleMillis > SAMPLE_AFTER_MILLIS &&
      Math.min(blockedMillis, unseen) < WORTH_BLOCK * this.#sampleMillis &&
      unseen < WORTH_PAUSE * this.#sampleMillis;
    return blockedMillis >= SAMPLE_AFTER_MILLIS && unseen >= this.#sampleEveryMillis && !isDear;
  }

  /** Takes over the blocks that have ended since the last time. */
  #count(): void {
    const { count } = this.#watch;
    const { ownStalls } = this.threads.inspector;
    if (ownStalls.areGoingOn) {
      return;
    }
    if (count !== this.#counted) {
      this.#pending.push(
        ...ownStalls.without(this.#watch.blocksFrom(this.#counted), this.thresholdMillis * 1000),
      );
      this.#counted = count;
    }
    if (this.#pending.length > 0 && (!this.recorder?.isRunning || this.#pending.length > MAX_PENDING)) {
      this.#attribute(this.#pending.splice(0), this.#sampled.flat());
    }
    if (this.#blockedMillis < SAMPLE_AFTER_MILLIS) {
      this.#sampled = [];
      this.#sampleEveryMillis = 0;
      this.#cpuAtFirst = undefined;
    }
  }

  /** Since the last tick of the watch, whose timer a turn that goes on holds up. */
  get #blockedMillis(): number {
    const { lastTick } = this.#watch;
    return lastTick === 0 ? 0 : monotonicMillis() - lastTick / 1000;
  }

  /** What the recorder has a window of now. */
  #attributeRecorded(): void {
    this.#count();
    const kept = this.recorder?.kept;
    const offset = (Date.now() - monotonicMillis()) * 1000;
    const ended = this.#pending.filter(({ to }) => kept && to + offset <= kept.to * 1000);
    const [first] = ended;
    if (!first) {
      return;
    }
    this.#pending = this.#pending.filter((block) => !ended.includes(block));
    const [begin, end] = [first.from, ended.at(-1)!.to].map((micros) => (micros + offset) / 1000);
    const { segments } = this.recorder!.readKept(begin!, end!);
    this.#attribute(ended, shifted(timelineOfSegments(segments), -offset));
  }

  #attribute(blocks: readonly LoopBlock[], timeline: readonly TimedStack[]): void {
    const offset = Date.now() - monotonicMillis();
    for (const block of blocks) {
      const stacks = attributeBlocks([block], timeline);
      this.#listeners.forEach((listener) =>
        listener(block.from / 1000 + offset, block.to / 1000 + offset, stacks),
      );
      if (this.collects) {
        this.#add(this.#samples.size >= MAX_SAMPLES ? attributeBlocks([block], []) : stacks);
      }
    }
  }

  #add(samples: readonly StackSample[]): void {
    for (const sample of samples) {
      const key = keyOf(sample);
      const known = this.#samples.get(key);
      if (known) {
        sample.values.forEach((value, index) => ((known.values as number[])[index]! += value));
      } else {
        this.#samples.set(key, { ...sample, values: [...sample.values] });
      }
    }
  }
}

function shifted(timeline: readonly TimedStack[], micros: number): TimedStack[] {
  return timeline.map(({ stack, from, to }) => ({ stack, from: from + micros, to: to + micros }));
}

function keyOf({ stack, labels = {} }: StackSample): string {
  return [
    JSON.stringify(labels),
    ...stack.map(({ functionName, file, line, executingLine }) =>
      [functionName, file, line, executingLine].join(),
    ),
  ].join('|');
}
