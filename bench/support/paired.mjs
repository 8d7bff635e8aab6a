import { geometricMean, median, summarize } from './statistics.mjs';

/**
 * Throughput of one case relative to another that was measured in the same rounds, one ratio for each round.
 *
 * @param names of the two cases in each round: the one that is compared, and what it is compared to
 */
export function pairedRatios(rounds, [name, base]) {
  const ratioOf = (round, key) => {
    const mean = (which) => geometricMean(round[which].map((run) => run[key]));
    return mean(name) / mean(base);
  };
  return {
    throughput: summarize(rounds.map((round) => ratioOf(round, 'requestsPerSecond'))),
    cpuPerRequest: summarize(rounds.map((round) => ratioOf(round, 'cpuMicrosPerRequest'))),
  };
}

/** Rows for a table: each case under its title, then median and quartiles of the ratios. */
export function pairedRows({ path, rounds, titles, ratios }) {
  const column = `GET ${path}`;
  const row = ([name, title]) => {
    const middle = (key) => median(rounds.flatMap((round) => round[name]).map((run) => run[key]));
    return {
      [column]: title,
      'requests/s': middle('requestsPerSecond').toFixed(0),
      'CPU µs/request': middle('cpuMicrosPerRequest').toFixed(1),
      'main thread busy': `${(100 * middle('mainThreadBusy')).toFixed(0)}%`,
    };
  };
  const ratioRow = (title, pick) => ({
    [column]: title,
    'requests/s': pick(ratios.throughput).toFixed(3),
    'CPU µs/request': pick(ratios.cpuPerRequest).toFixed(3),
    'main thread busy': '',
  });
  return [
    ...Object.entries(titles).map(row),
    ratioRow('ratio, median', ({ median: middle }) => middle),
    ratioRow('lower quartile', ({ quartiles }) => quartiles[0]),
    ratioRow('upper quartile', ({ quartiles }) => quartiles[1]),
  ];
}
