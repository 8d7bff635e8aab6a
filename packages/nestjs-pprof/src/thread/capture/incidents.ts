import { monotonicMillis } from '../../shared/agent.protocol.js';
import { tried } from '../../shared/pprof.error.js';
import { cpuBetween } from '../../shared/thread-cpu.clock.js';
import type { FlightRecording } from '../../shared/thread.protocol.js';
import type { StackSample } from '../pprof/profile.model.js';
import { attributeBlocks } from './block.attribution.js';
import type { BlockWatcher } from './block.watcher.js';
import type { FlightRecorder } from './flight.recorder.js';
import { cpuNanosOfMain, processorLimit } from './kernel.threads.js';
import { timelineOfSegments } from './recorded.window.js';

const MAX_INCIDENTS = 100;

const CHECK_MILLIS = 1000;

/** What is above a line is an incident until it is so far below. */
const BACK_BELOW = 0.9;

/** A processor that is busy for so much of the time has none to spare. */
const AT_LIMIT = 0.95;

/** How long the processors may be busy. */
const BUSY_MILLIS = 30_000;

/** Stacks that are kept of an incident: those seen longest. The recorder has all. */
const MAX_STACKS = 3;

/** What led to it. */
const BEFORE_MILLIS = 10_000;

/** @internal */
export type IncidentKind = 'blocked' | 'heap' | 'rss' | 'cpu' | 'main-cpu';

/** @internal */
export interface SeenStack extends Omit<StackSample, 'values'> {
  /** Of the time in which stacks were seen. */
  readonly share: number;
}

/** @internal */
export interface Incident {
  readonly kind: IncidentKind;
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** Undefined while it goes on. */
  to: number | undefined;
  /** Bytes, or processors, at most, and the line that was crossed; undefined for a blocked loop. */
  peak: number | undefined;
  readonly limit: number | undefined;
  /** CPU time of the main thread meanwhile, as far as it is recorded. */
  mainCpuNanos: number | undefined;
  /** Those seen longest; undefined until they have been read. */
  stacks: readonly SeenStack[] | undefined;
}

/** Keeps the last things that went wrong with the process, each with the stacks that the flight recorder has seen. @internal */
export class Incidents {
  readonly startedAt = Date.now();
  readonly #incidents: Incident[] = [];
  readonly #lines: readonly Line[];
  /** Of which the recorder has not had all yet. */
  readonly #unread = new Set<Incident>();
  #last = { at: monotonicMillis(), cpu: process.cpuUsage(), main: cpuNanosOfMain() };

  constructor(
    private readonly watcher: BlockWatcher,
    private readonly recorder: FlightRecorder,
    private readonly options: FlightRecording,
  ) {
    this.#lines = (
      [
        ['heap', options.heapLimit],
        ['rss', options.rssLimit],
        ['cpu', undefined],
        ['main-cpu', 1],
      ] as const
    ).map(([kind, limit]) => new Line(kind, limit, (incident) => this.#addUnread(incident)));
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

  #add(incident: Incident): void {
    this.#incidents.push(incident);
    this.#incidents
      .splice(0, this.#incidents.length - MAX_INCIDENTS)
      .forEach((dropped) => this.#unread.delete(dropped));
  }

  #addUnread(incident: Incident): void {
    this.#unread.add(incident);
    this.#add(incident);
  }

  #check(): void {
    const last = this.#last;
    const { user, system } = process.cpuUsage(last.cpu);
    this.#last = { at: monotonicMillis(), cpu: process.cpuUsage(), main: cpuNanosOfMain() };
    const millis = this.#last.at - last.at;
    const values: Record<Line['kind'], number | undefined> = {
      heap: this.watcher.heapUsed,
      // Node reads a file for it, which it cannot where the process may open no more.
      rss: tried(() => process.memoryUsage.rss()),
      cpu: (user + system) / 1000 / millis,
      'main-cpu': (cpuBetween(last.main, this.#last.main) ?? 0) / 1e6 / millis,
    };
    const { count: limit } = processorLimit();
    this.#lines.forEach((line) => line.see(values[line.kind], limit, millis));
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

  #stacksIn(from: number, to: number): readonly SeenStack[] {
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

function longest(stacks: readonly StackSample[]): SeenStack[] {
  const total = stacks.reduce((sum, { values: [, nanos = 0] }) => sum + nanos, 0);
  return stacks
    .slice(0, MAX_STACKS)
    .map(({ values: [, nanos = 0], ...sample }) => ({ ...sample, share: nanos / Math.max(1, total) }));
}

/** Something that is measured, and the line above which it is an incident. */
class Line {
  #incident: Incident | undefined;
  #busyMillis = 0;

  /** @param limit undefined where it is not looked at; the processors have theirs from the machine. */
  constructor(
    readonly kind: Exclude<IncidentKind, 'blocked'>,
    private readonly limit: number | undefined,
    private readonly onIncident: (incident: Incident) => void,
  ) {}

  see(value: number | undefined, processors: number, millis: number): void {
    const now = Date.now();
    const limit = this.kind === 'cpu' ? processors : this.limit;
    if (limit === undefined || value === undefined) {
      return;
    }
    const isCpu = this.kind === 'cpu' || this.kind === 'main-cpu';
    const isAbove = isCpu ? value >= AT_LIMIT * limit : value > limit;
    this.#busyMillis = isAbove ? this.#busyMillis + millis : 0;
    if (this.#incident) {
      this.#incident.peak = Math.max(this.#incident.peak!, value);
      if (value < BACK_BELOW * limit) {
        this.#incident.to = now;
        this.#incident = undefined;
      }
    } else if (isAbove && (!isCpu || this.#busyMillis >= BUSY_MILLIS)) {
      const from = isCpu ? now - this.#busyMillis : now;
      const unknown = { to: undefined, mainCpuNanos: undefined, stacks: undefined };
      this.#incident = { kind: this.kind, from, peak: value, limit, ...unknown };
      this.onIncident(this.#incident);
    }
  }
}
