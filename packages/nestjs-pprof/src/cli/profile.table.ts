import { gunzipSync } from 'node:zlib';
import { hotPaths } from '../thread/pprof/hot.paths.js';
import { decodePprof } from '../thread/pprof/pprof.decoder.js';
import { type Labels, shownTypeIndex } from '../thread/pprof/profile.model.js';
import type { SymbolizedFrame, SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { format, groupedBy, percent, routeOf, tabulate } from '../thread/pprof/profile.text.js';
import { UnreachableError } from './cli.errors.js';

const MAX_PATHS = 10;

/** In a terminal that is narrower, names have the room of the figures that are not sorted by. */
const MIN_COLUMNS_OF_BOTH = 60;

/** @throws {UnreachableError} where it is none. @internal */
export function readProfile(body: Buffer): SymbolizedProfile {
  try {
    return decodePprof(gunzipSync(body));
  } catch (cause) {
    throw new UnreachableError('what has come is no profile: is it a profiler that listens there?', {
      cause,
    });
  }
}

/** What the tables show, for scripts: `--json`. @internal */
export function profileAsJson(profile: SymbolizedProfile): object {
  const index = shownTypeIndex(profile);
  const { rows, total } = tabulate(profile, index);
  const frames = new Map(profile.samples.flatMap(({ stack }) => stack.map((frame) => [frame.name, frame])));
  return {
    ...profile.sampleTypes[index]!,
    startedAt: new Date(profile.startedAt).toISOString(),
    durationNanos: profile.durationNanos ?? null,
    total,
    functions: rows.map(({ name, flat, cumulative }) => ({
      ...frameOf(frames.get(name)!),
      flat,
      cumulative,
    })),
    paths: hotPaths(profile, index, MAX_PATHS).map(({ frames: own, value, ends }) => ({
      value,
      frames: own.map(frameOf),
      ends,
    })),
    routes: sumsBy(profile, index, routeOf).map(({ name, value }) => ({ route: name, value })),
    threads: sumsBy(profile, index, ({ thread }) => thread).map(({ name, value }) => ({
      thread: name,
      value,
    })),
    comments: profile.comments,
  };
}

/** @internal */
export function frameOf({ name, file, line }: SymbolizedFrame): object {
  return { name, file, line };
}

/** Of the samples that tell; the largest first. */
function sumsBy(
  { samples }: SymbolizedProfile,
  index: number,
  nameOf: (labels: Labels) => string | undefined,
): Array<{ readonly name: string; readonly value: number }> {
  return groupedBy(samples, index, nameOf).flatMap(({ name, value }) =>
    name === undefined ? [] : [{ name, value }],
  );
}

/** The table of functions, and beneath it that of routes, as lines; there is room for so many. @internal */
export function tableLines(
  profile: SymbolizedProfile,
  room: number,
  sort: 'flat' | 'cum' = 'flat',
  width = Infinity,
): string[] {
  const index = shownTypeIndex(profile);
  const { unit } = profile.sampleTypes[index]!;
  const { rows, total } = tabulate(profile, index);
  const routes = sumsBy(profile, index, routeOf).slice(0, Math.max(3, Math.floor(room / 4)));
  const routeLines =
    routes.length === 0
      ? []
      : [
          '',
          '      time      %  route',
          ...routes.map(
            ({ name, value }) => `${columns([format(value, unit), percent(value, total)])}  ${name}`,
          ),
        ];
  const sorted =
    sort === 'flat' ? rows : rows.toSorted((a, b) => Math.abs(b.cumulative) - Math.abs(a.cumulative));
  const shown = width < MIN_COLUMNS_OF_BOTH ? [sort] : (['flat', 'cum'] as const);
  const heads = { flat: '      flat  flat%', cum: '       cum   cum%' };
  const functions = sorted.slice(0, Math.max(1, room - 1 - routeLines.length)).map((row) => {
    const values = shown.map((kind) => (kind === 'flat' ? row.flat : row.cumulative));
    const figures = values.map((value) => columns([format(value, unit), percent(value, total)]));
    return `${figures.join(' ')}  ${row.name}`;
  });
  return [`${shown.map((kind) => heads[kind]).join(' ')}  function`, ...functions, ...routeLines];
}

function columns([value, share]: readonly [string, string]): string {
  return `${value.padStart(10)} ${share.padStart(6)}`;
}
