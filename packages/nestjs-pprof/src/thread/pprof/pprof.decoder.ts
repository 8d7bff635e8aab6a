import { Profile as PprofProfile } from 'pprof-format';
import { defaultTypeIndex, MAX_FILE_LENGTH, MAX_NAME_LENGTH, printable } from './profile.model.js';
import type { SymbolizedFrame, SymbolizedProfile } from './profile.symbolizer.js';

/** A name with the file in it, as the symbolizer makes it. */
const MAX_FULL_NAME_LENGTH = MAX_NAME_LENGTH + MAX_FILE_LENGTH;

/**
 * Reads a profile that `encodePprof` has written, once it is uncompressed; for those at the other end of the wire: the
 * command line and the page. What comes over a wire can be anybody's: its text is made printable again.
 *
 * @throws where it is no profile.
 * @internal
 */
export function decodePprof(encoded: Uint8Array): SymbolizedProfile {
  const profile = PprofProfile.decode(encoded);
  const text = (index: number | bigint | undefined, maxLength = MAX_FULL_NAME_LENGTH) =>
    printable(profile.stringTable.strings[Number(index ?? 0)] ?? '', maxLength);
  const functions = new Map(profile.function.map((entry) => [Number(entry.id), entry]));
  const frames = new Map<number, SymbolizedFrame>();
  for (const { id, line } of profile.location) {
    const [position] = line;
    const entry = functions.get(Number(position?.functionId));
    frames.set(Number(id), {
      name: text(entry?.name) || '(unknown)',
      file: text(entry?.filename),
      line: Number(position?.line ?? 0),
      column: Number(position?.column ?? 0),
      startLine: Number(entry?.startLine ?? 0),
    });
  }
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
