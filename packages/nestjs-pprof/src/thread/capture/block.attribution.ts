import type { LoopBlock } from '../../shared/shared.memory.js';
import { type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import { framesWithLine, isIdle, type ProfiledStack, type TimedStack } from '../pprof/v8.profiles.js';

/** @internal */
export const NOT_SEEN = syntheticFrame('(no stack seen)');

/**
 * Attributes each block to the stacks seen in it: the delay in proportion, the contention to the one seen longest.
 *
 * @returns samples of contentions and nanoseconds.
 * @internal
 */
export function attributeBlocks(
  blocks: readonly LoopBlock[],
  timeline: readonly TimedStack[],
): StackSample[] {
  return blocks.flatMap((block) => attributeBlock(block, timeline));
}

function attributeBlock({ from, to }: LoopBlock, timeline: readonly TimedStack[]): StackSample[] {
  const seen = new Map<ProfiledStack, number>();
  let total = 0;
  for (const entry of timeline) {
    const overlap = Math.min(to, entry.to) - Math.max(from, entry.from);
    if (overlap > 0 && !isIdle(entry)) {
      seen.set(entry.stack, (seen.get(entry.stack) ?? 0) + overlap);
      total += overlap;
    }
  }
  const nanos = Math.round((to - from) * 1000);
  if (total === 0) {
    return [{ stack: [NOT_SEEN], values: [1, nanos] }];
  }
  const longestFirst = [...seen].toSorted(([, a], [, b]) => b - a);
  let nanosLeft = nanos;
  let overlapLeft = total;
  return longestFirst.map(([stack, overlap], index) => {
    // A share of what is left: what is rounded off is not lost.
    const share = Math.round((nanosLeft * overlap) / overlapLeft);
    nanosLeft -= share;
    overlapLeft -= overlap;
    const { labels } = stack;
    return { stack: framesWithLine(stack), values: [index === 0 ? 1 : 0, share], ...(labels && { labels }) };
  });
}

/**
 * The turns that are going on and took longer than the threshold so far. The watch knows since when its timer is late, and the
 * samples, for how long of that the loop was idle. (Of turns that have ended the watch knows both.)
 *
 * @internal
 */
export function longTurns(
  lateTimers: readonly LoopBlock[],
  timeline: readonly TimedStack[],
  thresholdMicros: number,
): LoopBlock[] {
  return lateTimers
    .map(({ from, to }) => {
      const lastIdle = timeline.findLast((entry) => isIdle(entry) && entry.from < to && entry.to > from);
      return { from: Math.max(from, Math.min(lastIdle?.to ?? from, to)), to };
    })
    .filter(({ from, to }) => to - from > thresholdMicros);
}

/** Stretches without an idle moment: what can be told of a loop that nobody watches from within. @internal */
export function busyStretches(timeline: readonly TimedStack[], thresholdMicros: number): LoopBlock[] {
  const stretches: LoopBlock[] = [];
  let from: number | undefined;
  let to = 0;
  const end = () => {
    if (from !== undefined && to - from > thresholdMicros) {
      stretches.push({ from, to });
    }
    from = undefined;
  };
  for (const entry of timeline) {
    if (isIdle(entry)) {
      end();
    } else {
      from ??= entry.from;
      to = entry.to;
    }
  }
  end();
  return stretches;
}
