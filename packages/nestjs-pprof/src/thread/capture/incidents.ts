import { monotonicMillis } from '../../shared/agent.protocol.js';
import { residentBytes } from '../../shared/memory.usage.js';
import type { FlightRecording } from '../../shared/thread.protocol.js';
import type { StackSample } from '../pprof/profile.model.js';
import { attributeBlocks } from './block.attribution.js';
import type { BlockWatcher } from './block.watcher.js';
import { SaturationWatch } from './saturation.watch.js';
import type { FlightRecorder } from './flight.recorder.js';
import type { Incident, SampledStack } from './incident.model.js';
import { processorLimit } from './kernel.threads.js';
import { ProcessorClock } from './processor.use.js';
import { timelineOfSegments } from './recorded.window.js';

const MAX_INCIDENTS = 100;

const CHECK_MILLIS = 1000;

/** What is above a line is an incident until it is so far below. */
const BACK_BELOW = 0.9;

/** Stacks that are kept of an incident: those seen longest. The recorder has all. */
const MAX_STACKS = 3;

/** What led to it. */
const BEFORE_MILLIS = 10_000;

/** Keeps the last things that went wrong with the process, each with the stacks that the flight recorder has seen. @internal */
export class Incidents {
  readonly startedAt = Date.now();
  readonly #incidents: Incident[] = [];
  readonly #memoryLines: readonly MemoryLine[];
  readonly #saturation: readonly SaturationWatch[];
  readonly #processors = new ProcessorClock();
  /** Of which the recorder has not had all yet. */
  readonly #unread = new Set<Incident>();

  constructor(
    private readonly watcher: BlockWatcher,
    private readonly recorder: FlightRecorder,
    private readonly options: FlightRecording,
  ) {
    const onIncident = (incident: Incident) => this.#addUnread(incident);
    const { heapLimit, rssLimit } = options;
    this.#memoryLines = [
      ...(heapLimit === undefined
        ? []
        : [new MemoryLine('heap', heapLimit, () => watcher.heapUsed, onIncident)]),
      ...(rssLimit === undefined ? [] : [new MemoryLine('rss', rssLimit, residentBytes, onIncident)]),
    ];
    this.#saturation = (['cpu', 'main-cpu'] as const).map((kind) => new SaturationWatch(kind, onIncident));
    watcher.onBlock((from, to, stacks) => {
      if (to - from > options.blockThreshold) {
        this.#add({ ...this.#blocked(from, to), stacks: longest(stacks) });
      }
    });
    recorder.onWindow(() => this.#readStacks());
  }

  start(): void {
    setInterval(() => this.#check(), CHECK_MILLIS).unref();
  }

  /**
   * The newest first, the one that goes on included.
   *
   * @param isFresh whether the main thread is asked, or interrupted, for what has just been
   */
  async list(isFresh: boolean): Promise<readonly Incident[]> {
    if (isFresh) {
      await this.recorder.refresh();
    }
    const since = this.watcher.blockedSince;
    const now = Date.now();
    const current =
      since !== undefined && now - since > this.options.blockThreshold
        ? [{ ...this.#blocked(since, now), to: undefined, stacks: this.#stacksIn(since, now) }]
        : [];
    return [...current, ...this.#incidents.toReversed()].toSorted((a, b) => b.from - a.from);
  }

  #blocked(from: number, to: number): Incident {
    const mainCpuNanos = this.#cpuIn(from, to);
    return { kind: 'blocked', from, to, peak: undefined, limit: undefined, mainCpuNanos, stacks: undefined };
  }

  /** The oldest goes, but none that goes on. */
  #add(incident: Incident): void {
    this.#incidents.push(incident);
    const oldest = this.#incidents.findIndex(({ to }) => to !== undefined);
    if (this.#incidents.length > MAX_INCIDENTS && oldest >= 0) {
      this.#incidents.splice(oldest, 1).forEach((dropped) => this.#unread.delete(dropped));
    }
  }

  #addUnread(incident: Incident): void {
    this.#unread.add(incident);
    this.#add(incident);
  }

  #check(): void {
    this.#memoryLines.forEach((line) => line.check());
    const use = this.#processors.read();
    const { count } = processorLimit();
    this.#saturation.forEach((watch) => watch.observe(use, count));
  }

  /** What the recorder has a window of now: of what is above a line, from before it got there. */
  #readStacks(): void {
    const kept = this.recorder.kept?.to ?? 0;
    for (const incident of this.#unread) {
      const { from, to } = incident;
      if (kept > from) {
        incident.stacks ??= this.#stacksIn(from - BEFORE_MILLIS, Math.min(to ?? kept, kept));
      }
      if (to !== undefined && kept >= to) {
        incident.mainCpuNanos = this.#cpuIn(from, to);
        this.#unread.delete(incident);
      }
    }
  }

  #stacksIn(from: number, to: number): readonly SampledStack[] {
    const { segments } = this.recorder.readKept(from, to);
    const stretch = { from: from * 1000, to: to * 1000 };
    return longest(attributeBlocks([stretch], timelineOfSegments(segments)));
  }

  /** Undefined where not all of the time is recorded. */
  #cpuIn(from: number, to: number): number | undefined {
    const { segments, missing } = this.recorder.readKept(from, to);
    const clocks = segments.map(({ mainCpuNanos }) => mainCpuNanos);
    return segments.length === 0 || missing.length > 0 || clocks.includes(null)
      ? undefined
      : clocks.reduce<number>((total, nanos) => total + Number(nanos), 0);
  }
}

function longest(stacks: readonly StackSample[]): SampledStack[] {
  const total = stacks.reduce((sum, { values: [, nanos = 0] }) => sum + nanos, 0);
  return stacks
    .slice(0, MAX_STACKS)
    .map(({ values: [, nanos = 0], ...sample }) => ({ ...sample, share: nanos / Math.max(1, total) }));
}

/** Memory of the process, and the line above which it is an incident. */
class MemoryLine {
  #incident: Incident | undefined;
  #since = 0;

  constructor(
    private readonly kind: 'heap' | 'rss',
    private readonly limit: number,
    private readonly read: () => number | null,
    private readonly onIncident: (incident: Incident) => void,
  ) {}

  check(): void {
    const { kind, limit } = this;
    const bytes = this.read();
    if (bytes === null) {
      return;
    }
    if (this.#incident) {
      this.#incident.peak = Math.max(this.#incident.peak ?? 0, bytes);
      if (bytes < BACK_BELOW * limit) {
        // Not by the clock of the machine, which may have been set meanwhile.
        this.#incident.to = this.#incident.from + monotonicMillis() - this.#since;
        this.#incident = undefined;
      }
    } else if (bytes > limit) {
      const unknown = { to: undefined, mainCpuNanos: undefined, stacks: undefined };
      this.#since = monotonicMillis();
      this.#incident = { kind, from: Date.now(), peak: bytes, limit, ...unknown };
      this.onIncident(this.#incident);
    }
  }
}
