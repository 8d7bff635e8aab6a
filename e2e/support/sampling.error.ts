/**
 * How far the share of a function may be off by chance alone: each of `samples` samples hits it with probability
 * `share`, so the share seen has a binomial spread. At five standard deviations, one run in 1.7 million is farther off.
 */
export function samplingError(share: number, samples: number): number {
  return 5 * Math.sqrt((share * (1 - share)) / samples);
}
