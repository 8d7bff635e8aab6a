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

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Median, quartiles and extremes; undefined where there are no values. */
export function summarize(values) {
  return values.length === 0
    ? undefined
    : {
        median: median(values),
        quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
        range: [Math.min(...values), Math.max(...values)],
        count: values.length,
      };
}

/** With fewer than these, quartiles are hardly more than what lies between two values. */
const FEWEST_FOR_QUARTILES = 4;
/** Of a thing and of its control together: three of each come out apart for no reason in one case of ten. */
const FEWEST_TOGETHER = 6;
const FEWEST_ALONE = 3;

/**
 * Whether values differ from what they would be where nothing differs (`neutral`: 1 for a ratio, 0 for a difference), beyond what a
 * thing differs from itself: only where their quartiles and those of the control lie apart, and on one side of `neutral`. Of
 * few values it takes all instead of the quartiles.
 *
 * @returns {'lower' | 'higher' | undefined} undefined: no difference shown
 */
export function differs(summary, control, neutral) {
  const isEnough = control
    ? summary?.count + control.count >= FEWEST_TOGETHER
    : summary?.count >= FEWEST_ALONE;
  if (!isEnough) {
    return undefined;
  }
  const [lower, upper] = extentOf(summary);
  const [noiseLower, noiseUpper] = control ? extentOf(control) : [neutral, neutral];
  if (lower > Math.max(neutral, noiseUpper)) {
    return 'higher';
  }
  return upper < Math.min(neutral, noiseLower) ? 'lower' : undefined;
}

function extentOf({ count, quartiles, range }) {
  return count < FEWEST_FOR_QUARTILES ? range : quartiles;
}
