import { describe, expect, it } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import { decodeAddonProfile } from '../pprof/pprof.decoder.js';
import { type RecordedSegment, RecordedWindow } from './recorded.window.js';

const STARTED_AT = 1_700_000_000_000;
const SECOND = 1e9;

const ONE = { name: 'one', file: '/app/a.js', line: 1, column: 1 };
const TWO = { name: 'two', file: '/app/a.js', line: 9, column: 1 };

/** Ten seconds at 10 Hz: five in `one`, which uses all of the processor, and five in `two`, which uses a fifth. */
function segment(over: Partial<RecordedSegment> = {}): RecordedSegment {
  const rows = Array.from({ length: 100 }, (_, index) => [
    STARTED_AT * 1000 + index * 100_000 + 50_000,
    index < 50 ? 1e8 : 2e7,
    index < 50 ? 0 : 1,
    index < 50 ? 0 : -1,
  ]);
  return {
    profile: encodeAddonProfile(
      [
        { stack: [ONE], values: [50, 5 * SECOND, 0] },
        { stack: [TWO], values: [50, 5 * SECOND, 0] },
      ],
      10 * SECOND,
    ),
    // In the order in which the addon tells: by stack, not by time.
    sampleLog: new Uint8Array(Float64Array.from(rows.toReversed().flat()).buffer),
    labels: { sets: [{ route: 'GET /a' }], missing: null, omitted: [] },
    hz: 10,
    startedAt: STARTED_AT,
    durationNanos: 10 * SECOND,
    processCpuNanos: 8 * SECOND,
    mainCpuNanos: 6 * SECOND,
    samplerStuck: 0,
    profilerCpuNanos: SECOND,
    ...over,
  };
}

function valuesOf({ profile }: RecordedSegment): number[][] {
  return decodeAddonProfile(profile).samples.map(({ values: [count = 0, wall = 0] }) => [
    count,
    wall / SECOND,
  ]);
}

const at = (seconds: number) => STARTED_AT + seconds * 1000;

describe('RecordedWindow', () => {
  it('gives the whole segment back, the samples in the order of time', () => {
    const given = segment();
    const window = new RecordedWindow(given);
    const { sampleLog, ...whole } = window.unpackWithin(at(-1), at(11));
    const { sampleLog: _, ...rest } = given;
    expect(whole).toEqual(rest);
    const times = new Float64Array(sampleLog.slice().buffer).filter((_value, index) => index % 4 === 0);
    expect(times).toHaveLength(100);
    expect([...times]).toEqual([...times].toSorted((a, b) => a - b));
    expect(times[0]).toBe(STARTED_AT * 1000 + 50_000);
  });

  it('cuts by the times of the samples, and the CPU time by their clock', () => {
    const part = new RecordedWindow(segment()).unpackWithin(at(4), at(7));
    expect(valuesOf(part)).toEqual([
      [10, 1],
      [20, 2],
    ]);
    expect(part.startedAt).toBe(at(4));
    expect(part.durationNanos).toBeCloseTo(3 * SECOND);
    expect(part.mainCpuNanos).toBeCloseTo(1.4 * SECOND);
    expect(part.processCpuNanos).toBeCloseTo(2 * SECOND);
  });

  it('has each sample once in the parts that it is cut into, wherever the joints are', () => {
    const window = new RecordedWindow(segment());
    const joints = [-1, 0.05, 1.234, 5, 5.05, 9.999, 11];
    const parts = joints.slice(1).map((end, index) => window.unpackWithin(at(joints[index]!), at(end)));
    const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    expect(total(parts.flatMap((part) => valuesOf(part).map(([count = 0]) => count)))).toBe(100);
    expect(total(parts.map(({ mainCpuNanos }) => mainCpuNanos!))).toBeCloseTo(6 * SECOND, -1);
    expect(total(parts.map(({ processCpuNanos }) => processCpuNanos))).toBeCloseTo(8 * SECOND, -1);
    expect(total(parts.map(({ durationNanos }) => durationNanos))).toBeCloseTo(10 * SECOND, -1);
    expect(total(parts.map(({ sampleLog }) => sampleLog.byteLength))).toBe(100 * 4 * 8);
  });

  it('gives what the clock has of the time after that to the parts of that time', () => {
    const full = segment();
    // Those of the first five seconds, which used five seconds of CPU; one more was used in the other five.
    const rows = new Float64Array(full.sampleLog.slice().buffer).slice(50 * 4);
    const window = new RecordedWindow({ ...full, sampleLog: new Uint8Array(rows.buffer) });
    const cpuIn = (from: number, to: number) => window.unpackWithin(at(from), at(to)).mainCpuNanos! / SECOND;
    expect(cpuIn(0, 4)).toBeCloseTo(4, 1);
    expect(cpuIn(5, 10)).toBeCloseTo(1, 1);
    expect(cpuIn(8, 10)).toBeCloseTo(0.4, 1);
    expect(cpuIn(0, 4) + cpuIn(4, 8) + cpuIn(8, 10)).toBeCloseTo(6);
  });

  it('takes samples without a time for those after the last that has one: the buffer of the addon was full', () => {
    const full = segment();
    const rows = new Float64Array(full.sampleLog.slice().buffer).slice(50 * 4);
    const window = new RecordedWindow({ ...full, sampleLog: new Uint8Array(rows.buffer) });
    expect(valuesOf(window.unpackWithin(at(0), at(5))).map(([count]) => count)).toEqual([50, 0]);
    expect(valuesOf(window.unpackWithin(at(5), at(10))).map(([count]) => count)).toEqual([0, 50]);
  });
});
