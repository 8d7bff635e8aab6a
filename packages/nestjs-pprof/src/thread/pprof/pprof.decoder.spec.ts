import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { decodePprof } from './pprof.decoder.js';
import { encodePprof } from './pprof.encoder.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';

const frame = { name: 'f (src/a.ts)', file: '/app/src/a.ts', line: 9, column: 3, startLine: 7 };

const PROFILE: SymbolizedProfile = {
  sampleTypes: [
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ],
  defaultSampleType: 'cpu',
  periodType: { type: 'cpu', unit: 'nanoseconds' },
  period: 10_000_000,
  samples: [
    { stack: [frame], values: [3, -30], labels: { thread: 'main', route: '/orders' }, notes: [] },
    {
      stack: [frame, { ...frame, name: 'g', line: 1, startLine: 1 }],
      values: [1, 10],
      labels: {},
      notes: [],
    },
  ],
  startedAt: 1_700_000_000_000,
  durationNanos: 5e9,
  comments: ['a', 'b'],
};

async function decoded(profile: SymbolizedProfile): Promise<SymbolizedProfile> {
  return decodePprof(gunzipSync(await encodePprof(profile, '/app/main.js')));
}

describe('decodePprof', () => {
  it('reads what the encoder has written', async () => {
    expect(await decoded(PROFILE)).toEqual(PROFILE);
    const { durationNanos, defaultSampleType, ...moment } = PROFILE;
    expect(await decoded(moment)).toEqual({ ...moment, defaultSampleType });
    expect(durationNanos).toBe(5e9);
  });

  it('makes text printable, as it may be of anybody', async () => {
    const [sample] = (
      await decoded({
        ...PROFILE,
        samples: [{ ...PROFILE.samples[0]!, stack: [{ ...frame, name: '\u001b[2Jf\n' }] }],
      })
    ).samples;
    expect(sample!.stack[0]!.name).toBe('\\x1b[2Jf\\n');
  });

  it('refuses what is none', () => {
    expect(() => decodePprof(new Uint8Array())).toThrow('not a pprof profile');
  });
});
