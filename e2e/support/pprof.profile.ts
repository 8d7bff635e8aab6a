import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';
import { served } from './http.request.js';
import { isStarved, windowOf } from './patience.js';

/** A frame of a decoded profile. */
export interface Frame {
  readonly name: string;
  readonly file: string;
  /** Where the function starts. The line that was executing is not always known. */
  readonly startLine: number;
}

export interface DecodedProfile {
  readonly sampleTypes: readonly string[];
  readonly samples: readonly {
    readonly stack: readonly Frame[];
    readonly values: readonly number[];
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly comments: readonly string[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMillis: number;
}

/** Decoded with `pprof-format` alone: the library under test has no part in it. */
export function decodeProfile(body: Uint8Array): DecodedProfile {
  const profile = Profile.decode(gunzipSync(body));
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)]!;
  const functions = new Map(profile.function.map((each) => [each.id, each]));
  const frames = new Map(
    profile.location.map(({ id, line: [line] }) => {
      const { name, filename, startLine } = functions.get(line!.functionId)!;
      return [id, { name: text(name), file: text(filename), startLine: Number(startLine) }];
    }),
  );
  return {
    sampleTypes: profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
    samples: profile.sample.map(({ locationId, value, label }) => ({
      stack: locationId.map((id) => frames.get(id)!),
      values: value.map(Number),
      labels: Object.fromEntries(label.map(({ key, str }) => [text(key), text(str)])),
    })),
    comments: profile.comment.map(text),
    startedAt: Number(profile.timeNanos) / 1e6,
    durationMillis: Number(profile.durationNanos) / 1e6,
  };
}

/** Takes a profile; fails with the server's words where it gives none. */
export async function takeProfile(url: string): Promise<DecodedProfile> {
  return decodeProfile((await served(url)).body);
}

/** Of a process that is busy with `crunchNumbers`; once more where its thread had no processor, and so was not sampled. */
export async function profileWithNumbers(origin: string): Promise<DecodedProfile> {
  const take = () => takeProfile(`${origin}/debug/pprof/profile?seconds=${windowOf(1)}`);
  const profile = await take();
  const isWithout = flat(profile, 'samples/count', /^crunchNumbers /) === 0;
  return isStarved() && isWithout ? await take() : profile;
}

/** The sum of one sample type over all samples, or those whose leaf function matches. */
export function flat(profile: DecodedProfile, sampleType: string, leaf = /(?:)/): number {
  const index = profile.sampleTypes.indexOf(sampleType);
  if (index === -1) {
    throw new Error(`no ${sampleType} among ${profile.sampleTypes.join(', ')}`);
  }
  return profile.samples
    .filter(({ stack }) => leaf.test(stack[0]?.name ?? ''))
    .reduce((sum, { values }) => sum + values[index]!, 0);
}

/** Every distinct function whose name matches. */
export function framesNamed(profile: DecodedProfile, name: RegExp): Frame[] {
  const frames = profile.samples.flatMap(({ stack }) => stack).filter((frame) => name.test(frame.name));
  return [...new Map(frames.map((frame) => [`${frame.file}:${frame.startLine}`, frame])).values()];
}
