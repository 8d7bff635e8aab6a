import { IDLE, PROGRAM, ROTATING, type V8CpuNode, type V8CpuProfile } from '../pprof/v8.profiles.js';
import { startBusyClock } from './kernel.threads.js';
import type { ThreadInfo } from './thread.selection.js';
import type { V8Sampled, V8Sampler, V8SampleRequest } from './v8.sampler.js';

/** A thread in one stack for this part of the time does not move. */
const UNMOVING = 0.95;

/** As much may be of the inspector: V8 shows no function for it. */
const INSPECTOR = 0.15;

/** A thread that burns CPU has a processor, or waits for one, for this part of the time. */
const BURNING = 0.9;

/** A processor that was busy elsewhere may not have let V8 take a single sample: then it is tried again, and for longer. */
const TRIES = 4;

/** How long a thread that did not move is watched before anything is done about it. */
const WATCH = { millis: 500, hz: 100 };

/** For a main thread less will do: its event loop has not turned for a second and more. */
const WATCH_STUCK = { millis: 100, hz: 1000 };

/** A main thread that was sampled less often meanwhile had hardly a processor: it is watched again, and for longer. */
const ENOUGH_SAMPLES = 20;

/** As long as it takes V8 to compile a loop anew, and to show it, also on a busy machine: there is no third time. */
const SECOND_SAMPLE = { millis: 500, hz: 1000 };

/** An event loop that has not turned for so long may be stuck. */
const STUCK_MILLIS = 1000;

/** A main thread that is stuck for so long has no use for optimized code, whatever it moves through. */
const LONG_STUCK_MILLIS = 5000;

/** @internal */
export interface V8CpuRequest extends Pick<V8SampleRequest, 'millis' | 'hz' | 'signal' | 'untilNow'> {
  /** Of a main thread that does not answer: when its event loop turned last, milliseconds since the epoch. */
  readonly lastTurn?: number | undefined;
  /** All workers of the application, among which the kernel's clock of this one is found. */
  readonly workers?: () => readonly ThreadInfo[];
  /** From when on there is no time to sample again: what has been seen until then is the result. */
  readonly hurry?: AbortSignal | undefined;
}

/** @internal */
export interface V8CpuCapture extends V8Sampled {
  /** What had to be done to see where the thread loops, for those who read the profile. */
  readonly note?: string | undefined;
}

/** Outermost first. */
type Path = readonly V8CpuNode[];

const DROPPED =
  'it burned CPU without moving, so V8 was made to compile anew what it runs: the innermost function may be one that was compiled while it ran, which V8 does not show otherwise; functions between that were inlined before are shown as their callers';

/**
 * Takes CPU profiles of threads through their inspector. Where a thread burns CPU without moving, as the kernel tells, its innermost
 * function may be one that V8 does not show, as it was compiled while it ran: then, and only then, it is sampled a second time,
 * without its optimized code.
 *
 * @internal
 */
export class V8CpuCapturer {
  /** Where threads loop that were sampled a second time, by their ids; and for which part of the time since they did. */
  readonly #known = new Map<number, { readonly path: Path; readonly busyPart: () => number | undefined }>();

  /** @throws {ThreadUnreachableError} where the thread takes nothing, and what the sampler does. */
  async capture(sampler: V8Sampler, request: V8CpuRequest): Promise<V8CpuCapture> {
    // What it is asked next it would not take either, and a stop is waited for longer.
    const unreachable = new AbortController();
    sampler.target.post('Profiler.enable').catch((error: unknown) => unreachable.abort(error));
    const signal = AbortSignal.any([request.signal, unreachable.signal]);
    return this.#capture(sampler, { ...request, signal });
  }

  async #capture(sampler: V8Sampler, request: V8CpuRequest): Promise<V8CpuCapture> {
    const { lastTurn, workers } = request;
    if (lastTurn !== undefined) {
      const mustForget = await inTime(request, false, (signal) => isStuckUnseen(sampler, lastTurn, signal));
      const sampled = await sampleSeen(sampler, { ...request, forget: mustForget ? 'and-keep' : undefined });
      return { ...sampled, note: sampler.keepsCode || mustForget ? DROPPED : undefined };
    }
    const sampled = await sampleSeen(sampler, request);
    const path = workers && onlyPathIn(sampled.profile);
    return path && workers
      ? inTime(request, sampled, (signal) =>
          this.#sampleAgain(sampler, sampled, path, { workers: workers(), signal }),
        )
      : sampled;
  }

  async #sampleAgain(
    sampler: V8Sampler,
    sampled: V8Sampled,
    path: Path,
    { workers, signal }: { readonly workers: readonly ThreadInfo[]; readonly signal: AbortSignal },
  ): Promise<V8CpuCapture> {
    const { thread } = sampler.target;
    for (const id of this.#known.keys()) {
      if (!workers.some((worker) => worker.id === id)) {
        this.#known.delete(id);
      }
    }
    const known = this.#known.get(thread.id);
    if (known && (known.busyPart() ?? 0) >= BURNING && isPartOf(path, known.path)) {
      // What was forgotten then is not seen now.
      return { ...sampled, profile: withPath(sampled.profile, path, known.path), note: DROPPED };
    }
    const { isBurning, profile: watched } = await watch(sampler, { ...WATCH, signal }, workers);
    const still = onlyPathIn(watched);
    if (!isBurning || !still || keyOfPath(still) !== keyOfPath(path)) {
      this.#known.delete(thread.id);
      return sampled;
    }
    const { profile: again } = await sampler.sample({ ...SECOND_SAMPLE, signal, forget: 'once' });
    const seen = innermostIn(again);
    // What was forgotten before is not seen now; where it is in the same function, and all that is seen is part of the whole
    // stack of then, it has not left it.
    const isSame = known && isPartOf(seen, known.path) && isPartOf(seen.slice(-1), known.path.slice(-1));
    const isDeeper = isSame || isCalledFrom(seen, path);
    // Also where it showed all of it before: what was forgotten is not seen by who asks next.
    const inner = isSame ? known.path : isDeeper ? seen : path;
    const clock = startBusyClock(thread, workers);
    // From one time to the next it is the clock alone that tells.
    clock.stop();
    this.#known.set(thread.id, { path: inner, busyPart: clock.part });
    return {
      ...sampled,
      profile: isDeeper ? withPath(sampled.profile, path, inner) : sampled.profile,
      note: DROPPED,
    };
  }
}

/** What sampling further finds; where there is no time for it any more, what is known without. */
async function inTime<T>(
  { signal, hurry }: V8CpuRequest,
  known: T,
  sample: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await (hurry?.aborted ? known : sample(hurry ? AbortSignal.any([signal, hurry]) : signal));
  } catch (error) {
    signal.throwIfAborted();
    if (hurry?.aborted) {
      return known;
    }
    throw error;
  }
}

/** Samples the thread, and has the kernel tell whether it burns CPU meanwhile. */
async function watch(
  sampler: V8Sampler,
  request: V8SampleRequest,
  workers: readonly ThreadInfo[],
): Promise<{ readonly isBurning: boolean; readonly profile: V8CpuProfile }> {
  const clock = startBusyClock(sampler.target.thread, workers);
  try {
    const { profile } = await sampler.sample(request);
    return { isBurning: (clock.part() ?? 0) >= BURNING, profile };
  } finally {
    clock.stop();
  }
}

/** As the sampler does; a thread has to be seen at least once. */
async function sampleSeen(sampler: V8Sampler, request: V8SampleRequest): Promise<V8Sampled> {
  let sampled = await sampler.sample(request);
  for (let tries = 1; tries < TRIES && !isSeenIn(sampled.profile); tries += 1) {
    sampled = await sampler.sample({ ...request, forget: undefined, millis: request.millis * 2 ** tries });
  }
  return sampled;
}

function isSeenIn(profile: V8CpuProfile): boolean {
  const paths = pathsIn(profile);
  return profile.samples.some((id) => !isMark(paths.get(id) ?? [], ROTATING));
}

/** Whether there is evidence that a main thread is stuck, and not enough to be seen of what in. */
async function isStuckUnseen(sampler: V8Sampler, lastTurn: number, signal: AbortSignal): Promise<boolean> {
  if (sampler.keepsCode || Date.now() - lastTurn < STUCK_MILLIS) {
    return false;
  }
  for (let tries = 1, { millis, hz } = WATCH_STUCK; ; tries += 1, millis *= 2) {
    const { isBurning, profile } = await watch(sampler, { millis, hz, signal }, []);
    const isLong = Date.now() - lastTurn >= LONG_STUCK_MILLIS;
    if (isBurning && (isLong || onlyPathIn(profile) !== undefined)) {
      return true;
    }
    if (tries === TRIES || profile.samples.length >= ENOUGH_SAMPLES) {
      return false;
    }
  }
}

/** The stack that the thread was in all the time, unless it was idle. */
function onlyPathIn(profile: V8CpuProfile): Path | undefined {
  const { samples, timeDeltas, startTime, endTime } = profile;
  const paths = pathsIn(profile);
  const microsOf = new Map<number, number>();
  let time = startTime;
  samples.forEach((id, index) => {
    time += timeDeltas[index] ?? 0;
    microsOf.set(id, (microsOf.get(id) ?? 0) + (timeDeltas[index + 1] ?? endTime - time));
  });
  const times = new Map<string, { path: Path; micros: number }>();
  let total = 0;
  for (const [id, micros] of microsOf) {
    const path = paths.get(id) ?? [];
    if (!isMark(path, ROTATING)) {
      // A path may be in several segments.
      const key = keyOfPath(path);
      times.set(key, { path, micros: (times.get(key)?.micros ?? 0) + micros });
      total += micros;
    }
  }
  const [most] = [...times.values()].toSorted((a, b) => b.micros - a.micros);
  if (!most || samples.length < 3 || isMark(most.path, IDLE)) {
    return undefined;
  }
  const program = [...times.values()].find(({ path }) => isMark(path, PROGRAM));
  const ofInspector = program === most ? 0 : Math.min(program?.micros ?? 0, total * INSPECTOR);
  return most.micros >= UNMOVING * (total - ofInspector) ? most.path : undefined;
}

/** Where it was last, but for the inspector's own moment. */
function innermostIn(profile: V8CpuProfile): Path {
  const paths = pathsIn(profile);
  return (
    profile.samples
      .map((id) => paths.get(id) ?? [])
      .findLast((path) => !isMark(path, PROGRAM) && !isMark(path, ROTATING)) ?? []
  );
}

function pathsIn({ nodes }: V8CpuProfile): Map<number, Path> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const paths = new Map<number, Path>();
  const [root] = nodes;
  const pending = root ? [{ node: root, path: [] as Path }] : [];
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const id of next.node.children ?? []) {
      const node = byId.get(id);
      if (node) {
        const path = [...next.path, node];
        paths.set(id, path);
        pending.push({ node, path });
      }
    }
  }
  return paths;
}

/** The same profile with another stack instead of one. */
function withPath(profile: V8CpuProfile, path: Path, by: Path): V8CpuProfile {
  const key = keyOfPath(path);
  const replaced = new Set(
    [...pathsIn(profile)].flatMap(([id, other]) => (keyOfPath(other) === key ? [id] : [])),
  );
  const [root, ...others] = profile.nodes;
  const firstId = profile.nodes.reduce((highest, { id }) => Math.max(highest, id), 0) + 1;
  const leafId = firstId + by.length - 1;
  const chain = by.map((node, index) => ({
    ...node,
    id: firstId + index,
    children: firstId + index < leafId ? [firstId + index + 1] : [],
    hitCount: firstId + index < leafId ? 0 : profile.samples.filter((id) => replaced.has(id)).length,
    ...(firstId + index < leafId && { positionTicks: [] }),
  }));
  const nodes = others.map((node) => (replaced.has(node.id) ? { ...node, hitCount: 0 } : node));
  return {
    ...profile,
    nodes: [{ ...root!, children: [...(root?.children ?? []), firstId] }, ...nodes, ...chain],
    samples: profile.samples.map((id) => (replaced.has(id) ? leafId : id)),
  };
}

function isCalledFrom(inner: Path, outer: Path): boolean {
  const callers = isMark(outer, PROGRAM) ? [] : outer;
  return (
    inner.length > callers.length &&
    callers.every((node, index) => keyOfNode(node) === keyOfNode(inner[index]!))
  );
}

/** Whether it is the same stack with some frames not seen. */
function isPartOf(seen: Path, whole: Path): boolean {
  let at = 0;
  return seen.every((node) => {
    while (at < whole.length && keyOfNode(whole[at]!) !== keyOfNode(node)) {
      at += 1;
    }
    at += 1;
    return at <= whole.length;
  });
}

function keyOfPath(path: Path): string {
  return path.map(keyOfNode).join('\n');
}

function keyOfNode({ callFrame: { functionName, url, lineNumber, columnNumber } }: V8CpuNode): string {
  return `${functionName} ${url}:${lineNumber}:${columnNumber}`;
}

/** V8's own marks are of no file. */
function isMark(path: Path, name: string): boolean {
  const [only, another] = path;
  return only?.callFrame.functionName === name && only.callFrame.url === '' && another === undefined;
}
