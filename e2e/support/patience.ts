// How long tests wait before they take for hanging what has not come yet. That is theirs to decide, unlike the times that the
// product promises, which a test holds against a clock of its own.

const MEASURED_MILLIS = 150;

/** Rounds of the loop below that a processor of 2024 does in a millisecond, when nothing else runs. */
const QUIET_ROUNDS_PER_MILLI = 10;

/** How many times slower than that this machine is now: a slow processor, a quota, or others who are busy on it. */
export const SLOWNESS = Math.max(1, measureSlowness());

/** Milliseconds to wait for what takes far less than `millis` on a quiet machine. */
export function patience(millis: number): number {
  return Math.ceil(millis * SLOWNESS);
}

function measureSlowness(): number {
  const start = performance.now();
  let elapsed = 0;
  let rounds = 0;
  // By the wall clock: time without a processor counts. Longer than the usual 100 ms of a quota's period.
  for (; elapsed < MEASURED_MILLIS; elapsed = performance.now() - start) {
    for (let i = 0, x = 1; i < 100_000; i += 1) {
      x = Math.imul(x, 1103515245) + 12345;
    }
    rounds += 1;
  }
  return (QUIET_ROUNDS_PER_MILLI * elapsed) / rounds;
}
