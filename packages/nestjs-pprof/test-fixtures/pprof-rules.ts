/**
 * The rules that an encoded profile keeps so that every client likes it, see "Producing a profile that every client
 * likes" in the design. Decodes with `pprof-format` alone: the library under test has no part in the judgement.
 */
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

/** What the rules have to know of a kind of profile. */
export interface PprofExpectations {
  /** Whether the profile is of a window of time: only those have a duration, which Parca reads as "delta". */
  readonly timed: boolean;
  /** Frames that must not be in it; `(idle)` in a CPU profile, for instance. */
  readonly withoutFrames?: readonly string[];
  /** `alloc_space` where there is one, else the last sample type, unless another one is given here. */
  readonly defaultSampleType?: string;
}

export interface ReadableFrame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly startLine: number;
  readonly address: number;
}

export interface ReadableSample {
  /** Innermost frame first. */
  readonly stack: readonly ReadableFrame[];
  readonly values: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A profile with its tables resolved. */
export interface ReadableProfile {
  /** As `type/unit`. */
  readonly sampleTypes: readonly string[];
  readonly defaultSampleType: string;
  readonly periodType: string;
  readonly period: number;
  readonly samples: readonly ReadableSample[];
  readonly comments: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationNanos: number;
  readonly mappingFile: string;
}

const GZIP_MAGIC = 0x1f;
const MAX_SAMPLE_TYPES = 4;

/** Decodes a profile as it is served; gzipped or not. */
export function decodePprof(body: Uint8Array): Profile {
  return Profile.decode(body[0] === GZIP_MAGIC ? gunzipSync(body) : body);
}

/** Resolves the tables of a profile that keeps the rules. */
export function readPprof(body: Uint8Array): ReadableProfile {
  const profile = decodePprof(body);
  const text = textsOf(profile);
  const functions = new Map(profile.function.map((entry) => [Number(entry.id), entry]));
  const frames = new Map(
    profile.location.map(({ id, address, line: [line] }) => {
      const entry = functions.get(Number(line?.functionId));
      const frame: ReadableFrame = {
        name: text(entry?.name ?? 0),
        file: text(entry?.filename ?? 0),
        line: Number(line?.line ?? 0),
        column: Number(line?.column ?? 0),
        startLine: Number(entry?.startLine ?? 0),
        address: Number(address),
      };
      return [Number(id), frame];
    }),
  );
  const type = (valueType: { type: number | bigint; unit: number | bigint } | undefined) =>
    `${text(valueType?.type ?? 0)}/${text(valueType?.unit ?? 0)}`;
  return {
    sampleTypes: profile.sampleType.map(type),
    defaultSampleType: text(profile.defaultSampleType),
    periodType: type(profile.periodType),
    period: Number(profile.period),
    samples: profile.sample.map(({ locationId, value, label }) => ({
      stack: locationId.map((id) => frames.get(Number(id))!),
      values: value.map(toSigned),
      labels: Object.fromEntries(label.map(({ key, str }) => [text(key), text(str)])),
    })),
    comments: profile.comment.map(text),
    startedAt: Number(profile.timeNanos) / 1e6,
    durationNanos: Number(profile.durationNanos),
    mappingFile: text(profile.mapping[0]?.filename ?? 0),
  };
}

/** The sum over all samples, for each sample type. */
export function totalsOf(body: Uint8Array): number[] {
  const { sampleTypes, samples } = readPprof(body);
  return sampleTypes.map((_, index) => samples.reduce((total, { values }) => total + values[index]!, 0));
}

/**
 * The address of each place in the code (function, file, line, column, start line): the same from one scrape to the next,
 * as Alloy knows stacks by their addresses alone. For two profiles of one program, what both have must be equal.
 */
export function addressesOf(body: Uint8Array): Map<string, number> {
  const frames = readPprof(body).samples.flatMap(({ stack }) => stack);
  return new Map(
    frames.map(({ address, name, file, line, column, startLine }) => [
      JSON.stringify([name, file, line, column, startLine]),
      address,
    ]),
  );
}

/** @returns every rule that the profile breaks, in words; none for a good one. */
export function brokenRules(
  body: Uint8Array,
  { timed, withoutFrames = [], defaultSampleType }: PprofExpectations,
): string[] {
  const profile = decodePprof(body);
  return [
    ...tableRules(profile),
    ...typeRules(profile, defaultSampleType),
    ...mappingRules(profile),
    ...locationRules(profile),
    ...functionRules(profile, withoutFrames),
    ...sampleRules(profile),
    ...timeRules(profile, timed),
  ];
}

function tableRules(profile: Profile): string[] {
  const { strings } = profile.stringTable;
  return [
    ...unless(strings[0] === '', `string_table[0] is ${JSON.stringify(strings[0])}, not empty`),
    ...unless(new Set(strings).size === strings.length, 'string_table has a text twice'),
    ...unless(
      stringIndexesIn(profile).every((index) => Number(index) >= 0 && Number(index) < strings.length),
      'a text refers to nothing in string_table',
    ),
    ...unless(areSequential(profile.mapping), 'mapping ids are not sequential from 1'),
    ...unless(areSequential(profile.location), 'location ids are not sequential from 1'),
    ...unless(areSequential(profile.function), 'function ids are not sequential from 1'),
    ...unless(profile.comment.length > 0, 'there is no comment'),
    ...unless(Number(profile.dropFrames) === 0, 'drop_frames is set, which cannot match names with a "("'),
  ];
}

function typeRules(profile: Profile, defaultSampleType: string | undefined): string[] {
  const text = textsOf(profile);
  const count = profile.sampleType.length;
  const names = profile.sampleType.map(({ type }) => text(type));
  // Of all allocations, as in Go; else the last, which is what clients take where nothing is said.
  const usual = names.includes('alloc_space') ? 'alloc_space' : (names.at(-1) ?? '');
  const byDefault = defaultSampleType ?? usual;
  const named = [...profile.sampleType, profile.periodType].every(
    (type) => type !== undefined && text(type.type) !== '' && text(type.unit) !== '',
  );
  return [
    ...unless(count > 0 && count <= MAX_SAMPLE_TYPES, `there are ${count} sample types, not 1 to 4`),
    ...unless(named, 'a sample type or the period type has no name or no unit'),
    ...unless(
      text(profile.defaultSampleType) === byDefault,
      `default_sample_type is "${text(profile.defaultSampleType)}", not "${byDefault}"`,
    ),
  ];
}

function mappingRules(profile: Profile): string[] {
  const [mapping, ...others] = profile.mapping;
  if (!mapping) {
    return ['there is no mapping'];
  }
  return [
    ...unless(others.length === 0, `there are ${others.length + 1} mappings, not one`),
    ...unless(textsOf(profile)(mapping.filename) !== '', 'the mapping has no filename'),
    ...unless(mapping.hasFunctions, 'has_functions is not set'),
    ...unless(mapping.hasFilenames, 'has_filenames is not set'),
    ...unless(mapping.hasLineNumbers, 'has_line_numbers is not set'),
  ];
}

function locationRules(profile: Profile): string[] {
  const functionIds = new Set(profile.function.map(({ id }) => Number(id)));
  const addresses = profile.location.map(({ address }) => Number(address));
  return [
    ...unless(
      profile.location.every(({ mappingId }) => Number(mappingId) === 1),
      'a location does not refer to mapping 1',
    ),
    ...unless(
      addresses.every((address) => address > 0 && Number.isSafeInteger(address)),
      'a location has no address',
    ),
    ...unless(new Set(addresses).size === addresses.length, 'two locations have the same address'),
    ...unless(
      profile.location.every(({ line }) => line.length > 0),
      'a location has no line',
    ),
    ...unless(
      profile.location.every(({ line }) =>
        line.every(({ functionId }) => functionIds.has(Number(functionId))),
      ),
      'a line refers to a function that there is not',
    ),
  ];
}

function functionRules(profile: Profile, withoutFrames: readonly string[]): string[] {
  const text = textsOf(profile);
  const names = profile.function.map(({ name }) => text(name));
  const files = profile.function.map(({ filename }) => text(filename));
  return [
    ...unless(
      profile.function.every(({ systemName }) => Number(systemName) === 0),
      'a function has a system_name, which pprof demangles',
    ),
    ...unless(!names.includes(''), 'a function has no name'),
    ...unless(!files.some((file) => file.startsWith('file:')), 'a filename is a URL'),
    ...withoutFrames.filter((frame) => names.includes(frame)).map((frame) => `the frame ${frame} is in it`),
  ];
}

function sampleRules(profile: Profile): string[] {
  const text = textsOf(profile);
  const locationIds = new Set(profile.location.map(({ id }) => Number(id)));
  const labels = profile.sample.flatMap(({ label }) => label);
  const keys = profile.sample.map(
    ({ locationId, label }) =>
      `${locationId.join()} ${JSON.stringify(label.map(({ key, str }) => [text(key), text(str)]).toSorted())}`,
  );
  return [
    ...unless(
      profile.sample.every(({ locationId }) => locationId.length > 0),
      'a sample has no stack',
    ),
    ...unless(
      profile.sample.every(({ locationId }) => locationId.every((id) => locationIds.has(Number(id)))),
      'a sample refers to a location that there is not',
    ),
    ...unless(
      profile.sample.every(({ value }) => value.length === profile.sampleType.length),
      'a sample does not have a value for each sample type',
    ),
    ...unless(
      labels.every(({ key }) => text(key) !== ''),
      'a label has no key',
    ),
    ...unless(
      profile.sample.every(({ label }) => new Set(label.map(({ key }) => Number(key))).size === label.length),
      'a sample has two labels with the same key',
    ),
    ...unless(new Set(keys).size === keys.length, 'two samples have the same stack and labels'),
  ];
}

function timeRules({ timeNanos, durationNanos }: Profile, timed: boolean): string[] {
  return [
    ...unless(Number(timeNanos) > 0, 'time_nanos is not set'),
    ...unless(!timed || Number(durationNanos) > 0, 'duration_nanos is not set on a timed profile'),
    ...unless(timed || Number(durationNanos) === 0, 'duration_nanos is set on a profile of a moment'),
  ];
}

function stringIndexesIn(profile: Profile): (number | bigint)[] {
  const types = [...profile.sampleType, ...(profile.periodType ? [profile.periodType] : [])];
  return [
    ...types.flatMap(({ type, unit }) => [type, unit]),
    ...profile.mapping.flatMap(({ filename, buildId }) => [filename, buildId]),
    ...profile.function.flatMap(({ name, systemName, filename }) => [name, systemName, filename]),
    ...profile.sample.flatMap(({ label }) => label.flatMap(({ key, str, numUnit }) => [key, str, numUnit])),
    ...profile.comment,
    profile.defaultSampleType,
    profile.dropFrames,
    profile.keepFrames,
  ];
}

/** `pprof-format` decodes an int64 as if it had no sign; values of a difference have one. */
function toSigned(value: number | bigint): number {
  return Number(BigInt.asIntN(64, BigInt(value)));
}

function unless(holds: boolean, rule: string): string[] {
  return holds ? [] : [rule];
}

function areSequential(entries: ReadonlyArray<{ id: number | bigint }>): boolean {
  return entries.every(({ id }, index) => Number(id) === index + 1);
}

function textsOf({ stringTable }: Profile): (index: number | bigint) => string {
  return (index) => stringTable.strings[Number(index)] ?? `(no string ${index})`;
}
