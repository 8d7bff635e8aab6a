/** The value below which the share `q` of all values lies, interpolated; undefined where there are none. */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const lower = sorted[below];
  const upper = sorted[Math.ceil(position)];
  return lower === undefined ? undefined : lower + (upper - lower) * (position - below);
}

export function median(values) {
  return quantile(values, 0.5);
}

/** Median, quartiles and extremes: what a table and the JSON line say of repeated measurements. */
export function summarize(values) {
  return {
    median: median(values),
    quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
    range: [Math.min(...values), Math.max(...values)],
    values,
  };
}

/** The mean for ratios: two runs of 0.5 and 2 come to 1. */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
