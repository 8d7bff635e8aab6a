import { type Line, Profile as PprofProfile } from 'pprof-format';
import { isMark, markTruncated, type StackSample, syntheticFrame } from './profile.model.js';
import type { CodePosition } from './source-map.table.js';

/** The addon's own frames that are not functions, under the names that V8 and its tools use for the same thing. */
const SYNTHETIC_NAMES: Readonly<Record<string, string>> = {
  'Garbage Collection': '(garbage collector)',
  'Non JS threads activity': '(non-JavaScript threads)',
};

/** Parent of the above, and of nothing else. */
const SYNTHETIC_PARENT = 'Node.js';

interface AddonProfile {
  /** Values as the addon orders them: samples, wall nanoseconds and, where there is a clock, CPU nanoseconds. */
  readonly samples: readonly StackSample[];
  /** What the addon takes for the length of the segment, in nanoseconds; includes the time to start sampling. */
  readonly durationNanos: number;
  /** Nanoseconds of wall time that each sample stands for, by the addon's reckoning. */
  readonly period: number;
}

/** Reads a profile that `@datadog/pprof` has encoded. @internal */
export function decodeAddonProfile(encoded: Uint8Array): AddonProfile {
  const profile = PprofProfile.decode(encoded);
  const { strings } = profile.stringTable;
  const functions = new Map(profile.function.map((entry) => [Number(entry.id), entry]));
  const frames = new Map<number, CodePosition>();
  for (const { id, line } of profile.location) {
    const [position] = line;
    const entry = functions.get(Number(position?.functionId));
    const name = strings[Number(entry?.name ?? 0)] ?? '';
    frames.set(Number(id), {
      functionName: isAnonymous(name, position) ? '' : name,
      file: strings[Number(entry?.filename ?? 0)] ?? '',
      line: Number(position?.line ?? 0),
      column: Number(position?.column ?? 0),
    });
  }
  return {
    samples: profile.sample.map(({ locationId, value }) => ({
      stack: markTruncated(withoutSyntheticParent(locationId.map((id) => frames.get(Number(id))!))),
      values: value.map(Number),
    })),
    durationNanos: Number(profile.durationNanos),
    period: Number(profile.period),
  };
}

function withoutSyntheticParent(stack: CodePosition[]): readonly CodePosition[] {
  const [leaf, parent] = stack;
  const name = leaf && leaf.file === '' && leaf.line === 0 && SYNTHETIC_NAMES[leaf.functionName];
  return name && isMark(parent, SYNTHETIC_PARENT) && stack.length === 2 ? [SYNTHETIC[name]!] : stack;
}

/** The addon writes the position of anonymous functions into their names; of a function called so it is another. */
function isAnonymous(name: string, position: Line | undefined): boolean {
  const [line, column] = [Number(position?.line ?? 0), Number(position?.column ?? 0)];
  return line === 0
    ? name === '(anonymous)'
    : name === `(anonymous:L#${line}:C#${column})` || name === `(anonymous:L#${line})`;
}

/** One object each: frames are told apart by identity. */
const SYNTHETIC: Readonly<Record<string, CodePosition>> = Object.fromEntries(
  Object.values(SYNTHETIC_NAMES).map((name) => [name, syntheticFrame(name)]),
);
