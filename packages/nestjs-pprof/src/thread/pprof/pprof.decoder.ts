import { type Function as PprofFunction, Profile as PprofProfile } from 'pprof-format';
import {
  defaultTypeIndex,
  isMark,
  markTruncated,
  MAX_FILE_LENGTH,
  MAX_NAME_LENGTH,
  printable,
  type StackSample,
  syntheticFrame,
} from './profile.model.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';
import type { CodePosition } from './source-map.table.js';

/** A name with the file in it, as the symbolizer makes it. */
const MAX_FULL_NAME_LENGTH = MAX_NAME_LENGTH + MAX_FILE_LENGTH;

/**
 * Reads what `encodePprof` has written, uncompressed, for the command line and the page. What comes over a wire can be
 * anybody's: its text is made printable again.
 *
 * @throws where it is no profile.
 * @internal
 */
export function decodePprof(encoded: Uint8Array): SymbolizedProfile {
  const profile = PprofProfile.decode(encoded);
  const text = (index: number | bigint | undefined, maxLength = MAX_FULL_NAME_LENGTH) =>
    printable(profile.stringTable.strings[Number(index ?? 0)] ?? '', maxLength);
  const frames = framesIn(profile, (entry, position) => ({
    ...position,
    name: text(entry?.name) || '(unknown)',
    file: text(entry?.filename),
    startLine: Number(entry?.startLine ?? 0),
  }));
  const typeOf = ({ type, unit }: { type: number | bigint; unit: number | bigint }) => ({
    type: text(type),
    unit: text(unit),
  });
  const sampleTypes = profile.sampleType.map(typeOf);
  if (sampleTypes.length === 0) {
    throw new Error('not a pprof profile: it has no sample types');
  }
  const durationNanos = Number(profile.durationNanos);
  const defaultSampleType = text(profile.defaultSampleType);
  return {
    sampleTypes,
    defaultSampleType: sampleTypes[defaultTypeIndex({ sampleTypes, defaultSampleType })]!.type,
    periodType: profile.periodType ? typeOf(profile.periodType) : sampleTypes[0]!,
    period: Number(profile.period),
    samples: profile.sample.map(({ locationId, value, label }) => ({
      stack: locationId.flatMap((id) => frames.get(Number(id)) ?? []),
      values: value.map(signed),
      labels: Object.fromEntries(label.map(({ key, str }) => [text(key), text(str)])),
      notes: [],
    })),
    startedAt: Number(profile.timeNanos) / 1e6,
    ...(durationNanos > 0 ? { durationNanos } : {}),
    comments: profile.comment.map((comment) => text(comment, Infinity)),
  };
}

/** The library reads what is below zero as if it had no sign. */
function signed(value: number | bigint): number {
  return Number(BigInt.asIntN(64, BigInt(value)));
}

/** The addon's own frames that are not functions, by its names; under those that V8 and its tools use for the same thing. */
const SYNTHETIC: Readonly<Record<string, CodePosition>> = {
  'Garbage Collection': syntheticFrame('(garbage collector)'),
  'Non JS threads activity': syntheticFrame('(non-JavaScript threads)'),
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
  const frames = framesIn(profile, (entry, position): CodePosition => {
    const name = strings[Number(entry?.name ?? 0)] ?? '';
    const functionName = isAnonymous(name, position) ? '' : name;
    return { ...position, functionName, file: strings[Number(entry?.filename ?? 0)] ?? '' };
  });
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
  const synthetic = leaf && leaf.file === '' && leaf.line === 0 && SYNTHETIC[leaf.functionName];
  return synthetic && isMark(parent, SYNTHETIC_PARENT) && stack.length === 2 ? [synthetic] : stack;
}

/** The addon writes the position of anonymous functions into their names; of a function called so it is another. */
function isAnonymous(name: string, { line, column }: Position): boolean {
  return line === 0
    ? name === '(anonymous)'
    : name === `(anonymous:L#${line}:C#${column})` || name === `(anonymous:L#${line})`;
}

type Position = Pick<CodePosition, 'line' | 'column'>;

/** The frames of a profile, by the ids of their locations. */
function framesIn<T>(
  profile: PprofProfile,
  frameOf: (entry: PprofFunction | undefined, position: Position) => T,
): ReadonlyMap<number, T> {
  const functions = new Map(profile.function.map((entry) => [Number(entry.id), entry]));
  return new Map(
    profile.location.map(({ id, line: [line] }) => [
      Number(id),
      frameOf(functions.get(Number(line?.functionId)), {
        line: Number(line?.line ?? 0),
        column: Number(line?.column ?? 0),
      }),
    ]),
  );
}
