// How long tests wait before they take for hanging what has not come yet. That is theirs to decide, unlike the times that the
// product promises, which a test holds against a clock of its own.

import { appendFileSync, readFileSync, statSync } from 'node:fs';

// Jest runs this in a context of `node:vm`, in which each look at a global such as `Math` is a call into Node: 130 times slower.
const { imul } = Math;

/** Given by scripts/test.mjs. */
const FILE = process.env.TEST_SLOWNESS_FILE ?? '';

const FRESH_MILLIS = 20_000;

const MEASURED_MILLIS = 150;

/** So many of them, one each 20 s, are taken together. */
const MEASUREMENTS = 5;

/** Rounds of the loop below that a processor of 2024 does in a millisecond, when nothing else runs. */
const QUIET_ROUNDS_PER_MILLI = 10;

/** So many rounds, and V8 has compiled the loop: a machine is not slow because it interprets. */
const WARM_UP_ROUNDS = 30;

/** So much slower the tests make it themselves, as more of them run than there are processors (jest.config.mjs): two for each of two. */
const OWN_SLOWNESS = 2;

/** A machine that is slower still fails tests by their limit, rather than to have them wait for an hour. */
const LONGEST_PATIENCE = 10;

/** How many times slower than that this machine is now: a slow processor, a quota, or others who are busy on it. */
export const SLOWNESS = Math.min(LONGEST_PATIENCE, Math.max(1, knownSlowness() ?? measureSlowness()));

/**
 * Windows stay as they are up to a slowness of 4.5, which tests alone can cause on processors that have a third less to give: in longer
 * ones the applications under test are busy for longer, which would make that worse. Beyond that they grow, up to five times.
 */
const PACE = Math.max(1, SLOWNESS ** 2 / 20);

/** Milliseconds to wait for what takes far less than `millis` on a quiet machine. */
export function patience(millis: number): number {
  return Math.ceil(millis * SLOWNESS);
}

/** Whether what the product gives up after a time may be given up here. */
export function isStarved(): boolean {
  return SLOWNESS > OWN_SLOWNESS;
}

/** So many seconds of a machine on which nothing but the tests runs, as a window can be asked for: in whole ones. */
export function windowOf(seconds: number): number {
  return Math.max(1, Math.round(seconds * PACE));
}

/** Lets something happen for a while, as in windows of `windowOf`. */
export function goesOnFor(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis * PACE));
}

/** Leaves the processor to other tests for a while; not on a machine where it is taken from this one anyway. */
export async function rest(millis: number): Promise<void> {
  if (PACE === 1) {
    await new Promise((resolve) => setTimeout(resolve, millis));
  }
}

/** As test files that began a moment ago have measured it: all of them would spend more on that than on some of the tests. */
function knownSlowness(): number | undefined {
  try {
    return Date.now() - statSync(FILE).mtimeMs < FRESH_MILLIS
      ? meanOfLast(readFileSync(FILE, 'utf8'))
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Under a quota one measurement says little: a third of the mean where it falls between two stretches in which the processes were held
 * up, twice the mean where it does not.
 *
 * @internal Exported for its test.
 */
export function meanOfLast(lines: string): number {
  const measured = lines.trim().split('\n').slice(-MEASUREMENTS).map(Number);
  return measured.reduce((sum, slowness) => sum + slowness, 0) / measured.length;
}

function measureSlowness(): number {
  for (let i = 0; i < WARM_UP_ROUNDS; i += 1) {
    burnRound();
  }
  const start = performance.now();
  let elapsed = 0;
  let rounds = 0;
  // By the wall clock: time without a processor counts. Longer than the usual 100 ms of a quota's period.
  for (; elapsed < MEASURED_MILLIS; elapsed = performance.now() - start) {
    burnRound();
    rounds += 1;
  }
  const slowness = (QUIET_ROUNDS_PER_MILLI * elapsed) / rounds;
  if (FILE === '') {
    return slowness;
  }
  appendFileSync(FILE, `${slowness}\n`);
  return meanOfLast(readFileSync(FILE, 'utf8'));
}

/** @internal Exported for its test. */
export function burnRound(): number {
  let x = 1;
  for (let i = 0; i < 100_000; i += 1) {
    x = imul(x, 1103515245) + 12345;
  }
  return x;
}
