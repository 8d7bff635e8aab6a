import { shownTypeIndex } from './profile.model.js';
import type { SymbolizedFrame, SymbolizedProfile } from './profile.symbolizer.js';
import { percent, shareOf } from './profile.text.js';

/** What the innermost own function of a path was busy with. */
const MAX_ENDS = 3;

/** Own functions of a path that are shown; of a deeper one, those that are nearest to where the time goes. */
const MAX_FRAMES = 12;

/** Stacks that end in the same functions of the application's own code, whatever they call of others. @internal */
export interface HotPath {
  /** Outermost first, the outermost left out where it is deeper than is shown; empty for what none of them is part of. */
  readonly frames: readonly SymbolizedFrame[];
  readonly isCut: boolean;
  readonly value: number;
  /** What the innermost one calls of others (Node, packages, the runtime) and where that ends; the largest first. */
  readonly ends: ReadonlyArray<{ readonly name: string; readonly value: number }>;
}

/**
 * The hottest call paths down to the application's own code: what is called from there is told by where it ends, what
 * frameworks call in between is left out, and what calls itself is there once.
 *
 * @returns the largest first, by what it is worth either way.
 * @internal
 */
export function hotPaths(
  { samples }: Pick<SymbolizedProfile, 'samples'>,
  valueIndex: number,
  most: number,
): HotPath[] {
  const paths = new Map<string, { own: SymbolizedFrame[]; value: number; ends: Map<string, number> }>();
  for (const { stack, values } of samples) {
    const value = values[valueIndex] ?? 0;
    const own = withoutRepeats(stack.filter(isOwn)).toReversed();
    const key = own.map(nameWithLine).join('\n');
    const path = paths.get(key) ?? { own, value: 0, ends: new Map<string, number>() };
    paths.set(key, path);
    path.value += value;
    const leaf = stack[0];
    if (leaf !== undefined && !isOwn(leaf)) {
      path.ends.set(leaf.name, (path.ends.get(leaf.name) ?? 0) + value);
    }
  }
  return [...paths.values()]
    .filter(({ value }) => value !== 0)
    .toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, most)
    .map(({ own, value, ends }) => ({
      frames: own.slice(-MAX_FRAMES),
      isCut: own.length > MAX_FRAMES,
      value,
      ends: [...ends]
        .map(([name, ofEnd]) => ({ name, value: ofEnd }))
        .toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))
        .slice(0, MAX_ENDS),
    }));
}

/** Whether it is of the application itself: neither Node's nor a package's, nor without a file. */
function isOwn({ file }: SymbolizedFrame): boolean {
  return file !== '' && !file.startsWith('node:') && !/[/\\]node_modules[/\\]/.test(file);
}

function withoutRepeats(stack: readonly SymbolizedFrame[]): SymbolizedFrame[] {
  const names = new Set<string>();
  return stack.filter(({ name }) => !names.has(name) && names.add(name));
}

/** `groupByCustomer (src/reports/sales-report.builder.ts:40)` @internal */
export function nameWithLine({ name, line }: SymbolizedFrame): string {
  return line > 0 && name.endsWith(')') && !/:\d+\)$/.test(name) ? `${name.slice(0, -1)}:${line})` : name;
}

/** Renders them for reading, beneath the table of `format=text`; empty where there are none. @internal */
export function renderPaths(profile: SymbolizedProfile, most = 8): string {
  const valueIndex = shownTypeIndex(profile);
  const { unit } = profile.sampleTypes[valueIndex]!;
  const total = profile.samples.reduce((sum, { values }) => sum + Math.abs(values[valueIndex] ?? 0), 0);
  const paths = hotPaths(profile, valueIndex, most);
  if (paths.length === 0) {
    return '';
  }
  const blocks = paths.map(({ frames, isCut, value, ends }) => {
    const names = [
      ...(isCut ? ['…'] : []),
      ...frames.map(nameWithLine),
      ...(frames.length === 0 ? ["none of the application's own code"] : []),
    ];
    const [first = '', ...others] = names.map((name, depth) => `${'  '.repeat(depth)}${name}`);
    const inOthers = ends.map((end) => `${end.name} ${percent(end.value, total)}`).join(', ');
    return [
      `${shareOf(value, total, unit)}  ${first}`,
      ...[...others, ...(inOthers ? [`${'  '.repeat(names.length)}in ${inOthers}`] : [])].map(
        (line) => `${' '.repeat(19)}${line}`,
      ),
    ].join('\n');
  });
  return `\nHottest paths, down to the application's own code\n${blocks.join('\n')}\n`;
}
