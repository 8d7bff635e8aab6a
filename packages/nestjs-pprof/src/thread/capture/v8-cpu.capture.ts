import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import {
  isIdle,
  type ProfiledStack,
  timelineOf,
  type TimedStack,
  type V8CpuProfile,
} from '../pprof/v8.profiles.js';
import type { InspectorTarget } from './inspector.target.js';

/** A thread in a long native call hands its profile over when the call ends; wait for that, but not for ever. */
const STOP_DEADLINE_MILLIS = 60_000;

/** How long a thread that did not move is looked at again. */
const SECOND_LOOK_MILLIS = 100;

/** @internal */
export interface V8CpuCaptureRequest {
  readonly millis: number;
  readonly hz: number;
  readonly signal: AbortSignal;
  /** Whether the thread is known to be stuck, see `forgetOptimizedCode`. */
  readonly stuck: boolean;
  /** Whether a thread that did not move is looked at again; default true. */
  readonly secondLook?: boolean;
}

/**
 * Takes a CPU profile of a thread through its inspector.
 *
 * @returns what the thread was doing, in the order of time.
 * @internal
 */
export async function captureV8Cpu(
  target: InspectorTarget,
  request: V8CpuCaptureRequest,
): Promise<TimedStack[]> {
  await target.post('Profiler.enable');
  const timeline = await captureTimeline(target, request);
  const only = onlyStackOf(timeline);
  if (request.stuck || request.secondLook === false || only === undefined) {
    return timeline;
  }
  // The whole window in one stack: the thread waits in it, or loops in a function that the profiler was not told of.
  const again = await captureTimeline(target, { ...request, millis: SECOND_LOOK_MILLIS, stuck: true });
  const inner = again.at(-1)?.stack ?? only;
  return isCalledFrom(inner, only) ? timeline.map((entry) => ({ ...entry, stack: inner })) : timeline;
}

async function captureTimeline(target: InspectorTarget, request: V8CpuCaptureRequest): Promise<TimedStack[]> {
  const { profile, since } = await takeV8CpuProfile(target, request);
  return timelineOf(profile, since);
}

/**
 * Takes a CPU profile as V8 has it; its `Profiler` must be enabled.
 *
 * @returns also when the window began, in the profile's own time: before that V8 was starting.
 * @internal
 */
export async function takeV8CpuProfile(
  target: InspectorTarget,
  { millis, hz, signal, stuck }: V8CpuCaptureRequest,
): Promise<{ profile: V8CpuProfile; since: number }> {
  await target.post('Profiler.setSamplingInterval', { interval: Math.round(1e6 / hz) });
  await target.post('Profiler.start');
  if (stuck) {
    await forgetOptimizedCode(target);
  }
  const since = monotonicMillis() * 1000;
  await sleep(millis, undefined, { signal });
  const { profile } = await target.post<{ profile: V8CpuProfile }>('Profiler.stop', {}, STOP_DEADLINE_MILLIS);
  return { profile, since };
}

function onlyStackOf(timeline: readonly TimedStack[]): ProfiledStack | undefined {
  const [first] = timeline;
  const isSame = timeline.length > 1 && timeline.every(({ stack }) => stack === first?.stack);
  return first && isSame && !isIdle(first) ? first.stack : undefined;
}

function isCalledFrom({ frames: inner }: ProfiledStack, { frames: outer }: ProfiledStack): boolean {
  const callers = inner.slice(-outer.length);
  return (
    inner.length > outer.length &&
    callers.every(({ functionName, file, line }, index) => {
      const other = outer[index];
      return functionName === other?.functionName && file === other.file && line === other.line;
    })
  );
}

/**
 * Makes the profiler see a loop that has been running for long. V8 replaces the code of such a function while it runs
 * ("on-stack replacement"), and a profiler that starts afterwards is not told of that code: the time goes to the caller.
 * Beginning to count coverage makes V8 drop all optimized code; what it compiles anew, a running profiler is told of.
 * Only for threads that are stuck: one that works would be slower until it is warm again.
 * https://github.com/v8/v8/blob/main/src/debug/debug-coverage.cc (`Coverage::SelectMode`)
 */
async function forgetOptimizedCode(target: InspectorTarget): Promise<void> {
  await target.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
  await target.post('Profiler.stopPreciseCoverage');
}
