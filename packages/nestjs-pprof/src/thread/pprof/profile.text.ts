import { ROUTE_NOT_KNOWN } from '../../shared/agent.protocol.js';
import { type Labels, shownTypeIndex, type ValueType } from './profile.model.js';
import type { SymbolizedProfile, SymbolizedSample } from './profile.symbolizer.js';

const MAX_ROWS = 50;

/** What was not done for a route, or for none that is known. */
const NO_ROUTE = '(no label)';

/** Of a function: what is its own, and what is with all that it calls. @internal */
export interface Row {
  readonly name: string;
  flat: number;
  cumulative: number;
}

/** Renders a profile as the table of `go tool pprof -top`, for people who only have curl. @internal */
export function renderTop(profile: SymbolizedProfile): string {
  const valueIndex = shownTypeIndex(profile);
  const { type, unit } = profile.sampleTypes[valueIndex]!;
  const { rows, total } = tabulate(profile, valueIndex);
  const shown = rows.slice(0, MAX_ROWS);
  const lines = [
    `Type: ${type}`,
    `Time: ${new Date(profile.startedAt).toISOString()}`,
    ...(profile.durationNanos === undefined
      ? [`Total: ${format(total, unit)}`]
      : [
          `Duration: ${format(profile.durationNanos, 'nanoseconds')}, ` +
            `Total samples = ${format(total, unit)}${unit === 'nanoseconds' ? ` (${percent(total, profile.durationNanos)})` : ''}`,
        ]),
    ...profile.comments.map((comment) => `# ${comment}`),
    `Showing top ${shown.length} nodes out of ${rows.length}`,
    '      flat  flat%   sum%        cum   cum%',
  ];
  let sum = 0;
  for (const { name, flat, cumulative } of shown) {
    sum += flat;
    const columns = [shareOf(flat, total, unit), percent(sum, total).padStart(6)];
    lines.push([...columns, shareOf(cumulative, total, unit), '', name].join(' '));
  }
  return `${[...lines, ...renderRoutes(profile, valueIndex, total)].join('\n')}\n`;
}

/** What was sampled by what it was for, in the words that `route=` takes. */
function renderRoutes(
  { samples, sampleTypes }: SymbolizedProfile,
  valueIndex: number,
  total: number,
): string[] {
  const { unit } = sampleTypes[valueIndex]!;
  const groups = groupedBy(samples, valueIndex, routeOf);
  if (groups.every(({ name }) => name === undefined)) {
    return [];
  }
  const shown = groups.slice(0, MAX_ROWS);
  return [
    '',
    `Showing top ${shown.length} routes out of ${groups.length}`,
    '      flat  flat%',
    ...shown.map(({ name = NO_ROUTE, value }) => `${shareOf(value, total, unit)}  ${name}`),
  ];
}

/** A value, and how much of all it is, as columns. @internal */
export function shareOf(value: number, total: number, unit: string): string {
  return `${format(value, unit).padStart(10)} ${percent(value, total).padStart(6)}`;
}

/** The functions by what is their own, the largest first. @internal */
export function tabulate(
  profile: Pick<SymbolizedProfile, 'samples'>,
  valueIndex: number,
): { rows: Row[]; total: number } {
  const rows = new Map<string, Row>();
  let total = 0;
  for (const { stack, values } of profile.samples) {
    const value = values[valueIndex] ?? 0;
    // As in Go: of a difference, the sum of what has come and of what has gone, each by itself.
    total += Math.abs(value);
    for (const name of new Set(stack.map((frame) => frame.name))) {
      const row = rows.get(name) ?? { name, flat: 0, cumulative: 0 };
      rows.set(name, row);
      row.cumulative += value;
      row.flat += name === stack[0]?.name ? value : 0;
    }
  }
  const byFlat = (a: Row, b: Row) =>
    Math.abs(b.flat) - Math.abs(a.flat) ||
    Math.abs(b.cumulative) - Math.abs(a.cumulative) ||
    (a.name < b.name ? -1 : 1);
  return { rows: [...rows.values()].toSorted(byFlat), total };
}

/** Samples that have one thing in common. @internal */
export interface SampleGroup {
  /** Undefined where they do not tell. */
  readonly name: string | undefined;
  readonly samples: readonly SymbolizedSample[];
  readonly value: number;
}

/** With the sum of one of their values, the largest first: in a difference also what has shrunk. @internal */
export function groupedBy(
  samples: readonly SymbolizedSample[],
  valueIndex: number,
  nameOf: (labels: Labels) => string | undefined,
): SampleGroup[] {
  const groups = new Map<string | undefined, SymbolizedSample[]>();
  for (const sample of samples) {
    const name = nameOf(sample.labels);
    const group = groups.get(name) ?? [];
    group.push(sample);
    groups.set(name, group);
  }
  return [...groups]
    .map(([name, ofGroup]) => ({
      name,
      samples: ofGroup,
      value: ofGroup.reduce((sum, { values }) => sum + (values[valueIndex] ?? 0), 0),
    }))
    .toSorted(
      (a, b) =>
        Math.abs(b.value) - Math.abs(a.value) ||
        (b.name === undefined || (a.name !== undefined && a.name < b.name) ? -1 : 1),
    );
}

/**
 * For what a sample was taken, as `route=` takes it: the route or, where nobody has told, the handler. Of GraphQL the resolver, as
 * all of its requests have one route, and so have the messages of sockets that poll.
 *
 * @internal
 */
export function routeOf(labels: Labels): string | undefined {
  const { route, controller, resolver, gateway, provider, handler } = labels;
  // Without a handler, they are labels of the application's own.
  const type = controller ?? (handler === undefined ? undefined : (resolver ?? gateway ?? provider));
  const called = [type, handler].filter((name) => name !== undefined).join('.') || undefined;
  const isShared = handler !== undefined && (resolver ?? gateway) !== undefined;
  return isShared || route === undefined || route.endsWith(ROUTE_NOT_KNOWN) ? (called ?? route) : route;
}

/** @internal */
export function percent(part: number, whole: number): string {
  // As in Go, without a sign: it is the value that says whether it is more or less. And 100 without decimals, which fits the column.
  const share = whole === 0 ? '0' : Math.abs((100 * part) / whole).toFixed(2);
  return `${share === '100.00' ? '100' : share}%`;
}

const SCALES: Record<ValueType['unit'], ReadonlyArray<readonly [factor: number, unit: string]>> = {
  nanoseconds: [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
    [1, 'ns'],
  ],
  bytes: [
    [2 ** 30, 'GB'],
    [2 ** 20, 'MB'],
    [2 ** 10, 'kB'],
    [1, 'B'],
  ],
};

/** @internal */
export function format(value: number, unit: string): string {
  const scale = SCALES[unit]?.find(([factor]) => Math.abs(value) >= factor);
  if (value === 0 || !scale) {
    return String(value);
  }
  const [factor, suffix] = scale;
  return `${Number((value / factor).toFixed(2))}${suffix}`;
}

/** `118 MB` @internal */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** `3 d 4 h`, `12 min 5 s`, `8 s` @internal */
export function durationText(seconds: number): string {
  let rest = seconds;
  const parts = UNITS.flatMap(([size, unit]) => {
    const count = Math.floor(rest / size);
    rest %= size;
    return count > 0 ? [`${count} ${unit}`] : [];
  });
  return parts.slice(0, 2).join(' ') || '0 s';
}

/** Counted stacks, largest first, like `debug=1` of Go's named profiles: for reading, not for a program. @internal */
export function renderStacks(profile: SymbolizedProfile, name: string): string {
  const shown = shownTypeIndex(profile);
  const totals = profile.sampleTypes.map((_, index) =>
    profile.samples.reduce((total, { values }) => total + (values[index] ?? 0), 0),
  );
  const samples = [...profile.samples].sort(
    (a, b) => Math.abs(b.values[shown]!) - Math.abs(a.values[shown]!),
  );
  const columns = profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`).join(' ');
  const blocks = samples.map(({ stack, values, labels }) => {
    const labelText = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const frames = stack.map(({ name: of, file, line }) => `#\t${of}${file ? `\t${file}:${line}` : ''}`);
    return [[values.join(': '), ...labelText, '@'].join(' '), ...frames].join('\n');
  });
  const heading = `${name} profile: total ${totals.join(': ')} (${columns})`;
  const comments = profile.comments.map((comment) => `# ${comment}`);
  const details = (profile.details ?? []).map((line) => `# ${line}`).join('\n');
  return `${[heading, ...blocks, ...comments, details].filter(Boolean).join('\n\n')}\n`;
}

/** The stack of every thread for reading, as Go prints goroutines: a heading, then two lines a frame. @internal */
export function renderDump(profile: SymbolizedProfile): string {
  const comments = profile.comments.map((comment) => `# ${comment}`).join('\n');
  return `${[...profile.samples.map(renderThread), comments].join('\n\n')}\n`;
}

function renderThread({ stack, labels, notes }: SymbolizedSample): string {
  const { thread = '', state = '', ...others } = labels;
  const details = [state, ...Object.entries(others).map(([key, value]) => `${key} ${value}`)];
  const frames = stack.map(({ name, file, line }) => (file ? `${name}\n\t${file}:${line}` : name));
  return [`thread ${thread} [${details.join(', ')}]:`, ...notes.map((note) => `# ${note}`), ...frames].join(
    '\n',
  );
}
