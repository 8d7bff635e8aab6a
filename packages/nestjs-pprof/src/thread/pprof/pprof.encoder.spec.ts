import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addressesOf,
  brokenRules,
  decodePprof,
  readPprof,
  totalsOf,
} from '../../../test-fixtures/pprof-rules.js';
import { anyProfile } from '../../../test-fixtures/profile-arbitraries.js';
import { encodePprof } from './pprof.encoder.js';
import type { Profile } from './profile.model.js';
import { SourceMaps } from './source.maps.js';
import { type SymbolizedFrame, type SymbolizedProfile, Symbolizer } from './profile.symbolizer.js';
import { runsOf } from '../../../test-fixtures/exhaustive.js';

const ENTRY = '/app/dist/main.js';

function frame(name: string, over: Partial<SymbolizedFrame> = {}): SymbolizedFrame {
  return { name, file: '/app/src/main.ts', line: 12, column: 3, startLine: 10, ...over };
}

const run = frame('run (src/main.ts)');
const load = frame('load (src/main.ts)', { line: 30, startLine: 28 });

const PROFILE: SymbolizedProfile = {
  sampleTypes: [
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ],
  periodType: { type: 'cpu', unit: 'nanoseconds' },
  period: 10_000_000,
  samples: [
    { stack: [load, run], values: [2, 20_000_000], labels: { thread: 'main' }, notes: ['not encoded'] },
    { stack: [run], values: [1, 10_000_000], labels: { thread: 'worker 3', route: '/users' }, notes: [] },
  ],
  startedAt: Date.UTC(2026, 10, 23, 10),
  durationNanos: 5e9,
  comments: ['first', 'second'],
};

const { durationNanos: _, ...MOMENT } = PROFILE;

describe('encodePprof', () => {
  it('encodes what it is given', async () => {
    const read = readPprof(await encodePprof(PROFILE, ENTRY));
    expect(read).toEqual({
      sampleTypes: ['samples/count', 'cpu/nanoseconds'],
      defaultSampleType: 'cpu',
      periodType: 'cpu/nanoseconds',
      period: 10_000_000,
      samples: [
        {
          stack: [load, run].map((each) => ({ ...each, address: expect.any(Number) })),
          values: [2, 20_000_000],
          labels: { thread: 'main' },
        },
        {
          stack: [{ ...run, address: expect.any(Number) }],
          values: [1, 10_000_000],
          labels: { thread: 'worker 3', route: '/users' },
        },
      ],
      comments: ['first', 'second'],
      startedAt: PROFILE.startedAt,
      durationNanos: 5e9,
      mappingFile: ENTRY,
    });
  });

  it('encodes a default sample type that is not the last one', async () => {
    const body = await encodePprof({ ...PROFILE, defaultSampleType: 'samples' }, ENTRY);
    expect(readPprof(body).defaultSampleType).toBe('samples');
    expect(brokenRules(body, { timed: true, defaultSampleType: 'samples' })).toEqual([]);
    expect(brokenRules(body, { timed: true })).toEqual([expect.stringContaining('default_sample_type')]);
  });

  it('keeps the rules that clients need, on profiles of a window and of a moment', async () => {
    expect(brokenRules(await encodePprof(PROFILE, ENTRY), { timed: true })).toEqual([]);
    expect(brokenRules(await encodePprof(MOMENT, ENTRY), { timed: false })).toEqual([]);
  });

  it('keeps them on a profile without samples', async () => {
    const encoded = await encodePprof({ ...PROFILE, samples: [] }, ENTRY);
    expect(brokenRules(encoded, { timed: true })).toEqual([]);
    expect(readPprof(encoded).defaultSampleType).toBe('cpu');
  });

  it('is gzipped', async () => {
    const encoded = await encodePprof(PROFILE, ENTRY);
    expect([...encoded.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    expect(gunzipSync(encoded).length).toBeGreaterThan(encoded.length / 2);
  });

  it('makes one location of one frame, and one function of all its lines', async () => {
    const otherLine = { ...run, line: 13 };
    const samples = [
      { stack: [run], values: [1, 1], labels: {}, notes: [] },
      { stack: [otherLine, run], values: [1, 1], labels: {}, notes: [] },
    ];
    const profile = decodePprof(await encodePprof({ ...PROFILE, samples }, ENTRY));
    expect(profile.location).toHaveLength(2);
    expect(profile.function).toHaveLength(1);
  });

  it('gives a position in the code the same address in every profile, whatever else is in it', async () => {
    const others = Array.from({ length: 50 }, (_unused, index) => ({
      stack: [frame(`other ${index}`)],
      values: [1, 1],
      labels: {},
      notes: [],
    }));
    const alone = addressesOf(await encodePprof(PROFILE, ENTRY));
    const last = addressesOf(
      await encodePprof({ ...PROFILE, samples: [...others, ...PROFILE.samples] }, '/other.js'),
    );
    expect(last.size).toBe(52);
    expect(Object.fromEntries(last)).toMatchObject(Object.fromEntries(alone));
  });

  it.each<Partial<SymbolizedFrame>>([{ name: 'x' }, { file: '/app/src/x.ts' }, { line: 99 }, { column: 99 }])(
    'tells positions apart by %j in the address',
    async (difference) => {
      const samples = [{ stack: [run, { ...run, ...difference }], values: [1, 1], labels: {}, notes: [] }];
      const addresses = addressesOf(await encodePprof({ ...PROFILE, samples }, ENTRY));
      expect(new Set(addresses.values()).size).toBe(2);
    },
  );

  it('does not round a start to milliseconds, nor a large number to 32 bits', async () => {
    const samples = [{ stack: [run], values: [2 ** 40, -(2 ** 40)], labels: {}, notes: [] }];
    const encoded = await encodePprof({ ...PROFILE, samples, durationNanos: 3600e9 }, ENTRY);
    expect(totalsOf(encoded)).toEqual([2 ** 40, -(2 ** 40)]);
    expect(readPprof(encoded).durationNanos).toBe(3600e9);
  });

  it('encodes a value of zero as zero', async () => {
    const samples = [{ stack: [run], values: [0, 0], labels: {}, notes: [] }];
    expect(readPprof(await encodePprof({ ...PROFILE, samples }, ENTRY)).samples[0]?.values).toEqual([0, 0]);
  });
});

describe('symbolizing and encoding any profile', () => {
  const symbolizer = new Symbolizer(new SourceMaps(), '/no-such-app');

  async function encode(profile: Profile): Promise<Buffer> {
    return encodePprof(await symbolizer.symbolize(profile), ENTRY);
  }

  it('keeps the rules', async () => {
    await fc.assert(
      fc.asyncProperty(anyProfile, async (profile) => {
        const timed = profile.durationNanos !== undefined;
        const defaultSampleType = profile.sampleTypes.at(-1)!.type;
        expect(brokenRules(await encode(profile), { timed, defaultSampleType })).toEqual([]);
      }),
      runsOf(100),
    );
  });

  it('neither gains nor loses any of the total of any value', async () => {
    await fc.assert(
      fc.asyncProperty(anyProfile, async (profile) => {
        const totals = profile.sampleTypes.map((_unused, index) =>
          profile.samples.reduce((total, { values }) => total + values[index]!, 0),
        );
        expect(totalsOf(await encode(profile))).toEqual(totals);
      }),
      runsOf(100),
    );
  });

  it('keeps the total of each set of labels', async () => {
    const byLabels = (
      samples: readonly { values: readonly number[]; labels?: Readonly<Record<string, string>> }[],
    ) => {
      const totals = new Map<string, number>();
      for (const { values, labels = {} } of samples) {
        const key = JSON.stringify(labels);
        totals.set(key, (totals.get(key) ?? 0) + values[0]!);
      }
      // What cancels out is not there.
      return new Map([...totals].filter(([, total]) => total !== 0));
    };
    await fc.assert(
      fc.asyncProperty(anyProfile, async (profile) => {
        expect(byLabels(readPprof(await encode(profile)).samples)).toEqual(byLabels(profile.samples));
      }),
      runsOf(100),
    );
  });

  it('gives the same addresses in whatever order the samples come', async () => {
    const shuffled = anyProfile.chain((profile) =>
      fc.tuple(
        fc.constant(profile),
        fc.shuffledSubarray([...profile.samples], {
          minLength: profile.samples.length,
          maxLength: profile.samples.length,
        }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async ([profile, samples]) => {
        const addresses = addressesOf(await encode(profile));
        expect(addressesOf(await encode({ ...profile, samples }))).toEqual(addresses);
      }),
      runsOf(100),
    );
  });

  it('makes the same profile of samples that have been merged before', async () => {
    await fc.assert(
      fc.asyncProperty(anyProfile, async (profile) => {
        const once = await symbolizer.symbolize(profile);
        const twice = await symbolizer.symbolize({
          ...profile,
          samples: [...profile.samples, ...profile.samples],
        });
        expect(twice.samples.map(({ values }) => values)).toEqual(
          once.samples.map(({ values }) => values.map((value) => 2 * value)),
        );
      }),
      runsOf(100),
    );
  });
});
