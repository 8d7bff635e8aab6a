import { type Labels, shownTypeIndex } from '../thread/pprof/profile.model.js';
import type {
  SymbolizedFrame,
  SymbolizedProfile,
  SymbolizedSample,
} from '../thread/pprof/profile.symbolizer.js';
import { groupedBy, routeOf } from '../thread/pprof/profile.text.js';

/** A part of a profile that has a flame graph of its own: all, a route, a thread; what has grown, what has shrunk. @internal */
export interface ProfilePart {
  readonly name: string;
  readonly samples: readonly SymbolizedSample[];
  /** Its values count as what they are without their sign. */
  readonly sign: 1 | -1;
}

/** Labels by which a profile is taken apart, and what the reader calls them. */
const PARTS_BY: ReadonlyArray<readonly [prefix: string, nameOf: (labels: Labels) => string | undefined]> = [
  ['', routeOf],
  ['thread ', ({ thread }) => thread],
];

/** As many as a list can be chosen from. */
const MAX_PARTS = 100;

/** What there is to choose from. A flame graph has no negative values, so a difference comes as two. @internal */
export function partsOf(profile: SymbolizedProfile): ProfilePart[] {
  const index = shownTypeIndex(profile);
  const { samples } = profile;
  const hasSign = (sign: 1 | -1) => samples.filter(({ values }) => (values[index] ?? 0) * sign > 0);
  if (hasSign(-1).length > 0) {
    return [
      { name: 'what has grown', samples: hasSign(1), sign: 1 },
      { name: 'what has shrunk', samples: hasSign(-1), sign: -1 },
    ];
  }
  const parts: ProfilePart[] = [{ name: 'all', samples, sign: 1 }];
  for (const [prefix, nameOf] of PARTS_BY) {
    const named = groupedBy(samples, index, nameOf).filter(({ name }) => name !== undefined);
    // All of one thread is all; of one route it may not be.
    if (named.length > 1 || prefix === '') {
      parts.push(
        ...named.map(({ name, samples: of }): ProfilePart => ({
          name: `${prefix}${name}`,
          samples: of,
          sign: 1,
        })),
      );
    }
  }
  return parts.slice(0, MAX_PARTS);
}

/**
 * The difference that lies between two profiles of the same kind, stack by stack, as `pprof -diff_base` has it.
 *
 * @throws where they are of different kinds.
 * @internal
 */
export function differenceOf(before: SymbolizedProfile, after: SymbolizedProfile): SymbolizedProfile {
  if (typesOf(before) !== typesOf(after)) {
    throw new Error('these two are of different kinds: choose two of the same');
  }
  const sums = new Map<string, SymbolizedSample>();
  for (const [{ samples }, sign] of [
    [before, -1],
    [after, 1],
  ] as const) {
    for (const { stack, values, labels } of samples) {
      const key = JSON.stringify([stack.map(({ name, file, line }) => [name, file, line]), labels]);
      const sum = sums.get(key) ?? { stack, labels, values: values.map(() => 0), notes: [] };
      sums.set(key, sum);
      values.forEach((value, index) => (sum.values[index]! += sign * value));
    }
  }
  return {
    ...after,
    samples: [...sums.values()].filter(({ values }) => values.some((value) => value !== 0)),
  };
}

function typesOf({ sampleTypes }: SymbolizedProfile): string {
  return sampleTypes.map(({ type }) => type).join();
}

/** https://github.com/jlfwong/speedscope/blob/main/src/lib/file-format-spec.ts @internal */
export function speedscopeFile(profile: SymbolizedProfile, name: string, active = 0): string {
  const index = shownTypeIndex(profile);
  const { unit } = profile.sampleTypes[index]!;
  const frames: Array<{ name: string; file?: string; line?: number }> = [];
  const indexes = new Map<string, number>();
  const indexOf = ({ name: functionName, file, line }: SymbolizedFrame): number => {
    const key = `${functionName}\0${file}\0${line}`;
    const known = indexes.get(key);
    if (known !== undefined) {
      return known;
    }
    indexes.set(key, frames.length);
    return frames.push({ name: functionName, ...(file ? { file, line } : {}) }) - 1;
  };
  const profiles = partsOf(profile).map(({ name: part, samples, sign }) => {
    const weights = samples.map(({ values }) => sign * (values[index] ?? 0));
    return {
      type: 'sampled',
      name: part,
      unit: unit === 'nanoseconds' || unit === 'bytes' ? unit : 'none',
      startValue: 0,
      endValue: weights.reduce((sum, weight) => sum + weight, 0),
      samples: samples.map(({ stack }) => stack.map(indexOf).toReversed()),
      weights,
    };
  });
  return JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: 'nestjs-pprof',
    activeProfileIndex: active,
    shared: { frames },
    profiles,
  });
}
