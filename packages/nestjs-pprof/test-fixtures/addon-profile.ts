import {
  Function as PprofFunction,
  Line,
  Location,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';

export interface AddonFrame {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export interface AddonSample {
  /** Innermost frame first. */
  readonly stack: readonly AddonFrame[];
  /** Samples, wall and CPU nanoseconds. */
  readonly values: readonly number[];
}

/** Encodes a profile the way `@datadog/pprof` does: no mapping, no addresses, `system_name` like the name. */
export function encodeAddonProfile(samples: readonly AddonSample[], durationNanos = 1e9): Uint8Array {
  const strings = new StringTable();
  const functions: PprofFunction[] = [];
  const locations: Location[] = [];
  const locationOf = ({ name, file = '', line = 0, column = 0 }: AddonFrame) => {
    const id = locations.length + 1;
    const text = strings.dedup(name);
    functions.push(new PprofFunction({ id, name: text, systemName: text, filename: strings.dedup(file) }));
    locations.push(new Location({ id, line: [new Line({ functionId: id, line, column })] }));
    return id;
  };
  const type = (name: string, unit: string) =>
    new ValueType({ type: strings.dedup(name), unit: strings.dedup(unit) });
  return new Profile({
    sampleType: [type('sample', 'count'), type('wall', 'nanoseconds'), type('cpu', 'nanoseconds')],
    sample: samples.map(
      ({ stack, values }) => new Sample({ locationId: stack.map(locationOf), value: [...values] }),
    ),
    location: locations,
    function: functions,
    stringTable: strings,
    timeNanos: BigInt(Date.UTC(2026, 0)) * 1_000_000n,
    durationNanos,
    periodType: type('wall', 'nanoseconds'),
    period: 10_000_000,
  }).encode();
}
