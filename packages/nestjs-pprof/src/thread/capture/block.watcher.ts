import { monotonicMillis } from '../../shared/agent.protocol.js';
import { type LoopBlock, LoopWatchMemory } from '../../shared/loop-watch.memory.js';
import type { StackSample } from '../pprof/profile.model.js';
import { timelineOf, type TimedStack } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import { attributeBlocks } from './block.attribution.js';
import type { InspectedThreads } from './inspected.threads.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';

/** The watch's own number; those of captures count from 1. */
const WATCH_ID = 0;

/** Starting V8's profiler holds the thread up for some tens of milliseconds: shorter blocks are counted, not looked at. */
const LOOK_AFTER_MILLIS = 100;

/** A block this long is no hiccup; what the thread is stuck in matters more than its optimized code. */
const STUCK_AFTER_MILLIS = 1000;

const LOOK = { millis: 20, hz: 1000 };

/** Beyond this many stacks, further blocks are only counted. */
const MAX_SAMPLES = 2000;

/** Watches the main thread's event loop all the time, and adds up what has blocked it. @internal */
export class BlockWatcher {
  readonly #watch = new LoopWatchMemory();
  readonly #samples: StackSample[] = [];
  readonly #looks: TimedStack[] = [];
  #counted = 0;
  #looking = false;
  readonly startedAt = Date.now();

  constructor(
    private readonly agent: AgentClient,
    private readonly thresholdMillis: number,
    private readonly threads: InspectedThreads,
    private readonly cpu: V8CpuCapturer,
  ) {}

  start(): void {
    const { thresholdMillis } = this;
    const request = { id: WATCH_ID, thresholdMillis, memory: this.#watch.buffer };
    void this.agent.requestPatiently('startLoopWatch', request).catch(() => undefined);
    setInterval(() => void this.#check(), LOOK_AFTER_MILLIS / 2).unref();
  }

  /** What has been collected since the start: samples of contentions and nanoseconds. */
  collected(): readonly StackSample[] {
    this.#count();
    return this.#samples;
  }

  async #check(): Promise<void> {
    this.#count();
    const { lastTick } = this.#watch;
    const blockedMillis = lastTick === 0 ? 0 : monotonicMillis() - lastTick / 1000;
    if (blockedMillis < LOOK_AFTER_MILLIS || this.#looking) {
      return;
    }
    this.#looking = true;
    const lastTurn = blockedMillis > STUCK_AFTER_MILLIS ? Date.now() - blockedMillis : undefined;
    const { signal } = new AbortController();
    try {
      const { profile, clockOffset } = await this.threads.useMain(
        (sampler) => this.cpu.capture(sampler, { ...LOOK, signal, lastTurn }),
        signal,
      );
      const toWatch = (micros: number) => micros - clockOffset;
      this.#looks.push(
        ...timelineOf(profile).map(({ stack, from, to }) => ({
          stack,
          from: toWatch(from),
          to: toWatch(to),
        })),
      );
    } catch {
      // A native call, or the thread is ending: the block is counted without a stack.
    }
    this.#looking = false;
  }

  /** Takes over the blocks that have ended since the last time. */
  #count(): void {
    const { count } = this.#watch;
    const { ownStalls } = this.threads.inspector;
    if (count === this.#counted || ownStalls.areGoingOn) {
      return;
    }
    const blocks = ownStalls.without(this.#watch.blocksFrom(this.#counted), this.thresholdMillis * 1000);
    this.#counted = count;
    this.#add(blocks);
    this.#looks.length = 0;
  }

  #add(blocks: readonly LoopBlock[]): void {
    const isFull = this.#samples.length >= MAX_SAMPLES;
    for (const sample of attributeBlocks(blocks, isFull ? [] : this.#looks)) {
      const key = keyOf(sample);
      const known = this.#samples.find((other) => keyOf(other) === key);
      if (known) {
        sample.values.forEach((value, index) => ((known.values as number[])[index]! += value));
      } else {
        this.#samples.push({ ...sample, values: [...sample.values] });
      }
    }
  }
}

function keyOf({ stack }: StackSample): string {
  return stack
    .map(({ functionName, file, line, executingLine }) => [functionName, file, line, executingLine].join())
    .join('|');
}
