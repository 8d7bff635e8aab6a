import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  Function as PprofFunction,
  Label,
  Line,
  Location,
  Mapping,
  Profile as PprofProfile,
  Sample,
  StringTable,
  ValueType as PprofValueType,
} from 'pprof-format';
import { defaultTypeIndex, printable, type ValueType } from './profile.model.js';
import type { SymbolizedFrame, SymbolizedProfile } from './profile.symbolizer.js';

const gzipAsync = promisify(gzip);

const MAPPING_ID = 1;
/** Of 48 bits, so that the number is exact in JavaScript. */
const ADDRESS_BYTES = 6;

/**
 * Encodes a profile as gzipped profile.proto, the way `go tool pprof` and the scrapers like it; its only mapping is named after
 * the entry script. https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * @internal
 */
export async function encodePprof(profile: SymbolizedProfile, entryScript: string): Promise<Buffer> {
  return gzipAsync(new ProfileEncoding(profile, entryScript).encode());
}

class ProfileEncoding {
  readonly #strings = new StringTable();
  readonly #functions = new Map<string, PprofFunction>();
  readonly #locations = new Map<SymbolizedFrame, Location>();
  readonly #addresses = new Set<number>();

  constructor(
    private readonly profile: SymbolizedProfile,
    private readonly entryScript: string,
  ) {}

  encode(): Uint8Array {
    const { profile } = this;
    const defaultType = profile.sampleTypes[defaultTypeIndex(profile)];
    return new PprofProfile({
      sampleType: profile.sampleTypes.map((type) => this.#valueType(type)),
      sample: profile.samples.map(
        ({ stack, values, labels }) =>
          new Sample({
            locationId: stack.map((frame) => this.#location(frame).id),
            value: values,
            label: Object.entries(labels).map(
              ([key, value]) => new Label({ key: this.#string(key), str: this.#string(value) }),
            ),
          }),
      ),
      mapping: [
        new Mapping({
          id: MAPPING_ID,
          filename: this.#string(printable(this.entryScript)),
          hasFunctions: true,
          hasFilenames: true,
          hasLineNumbers: true,
        }),
      ],
      location: [...this.#locations.values()],
      function: [...this.#functions.values()],
      stringTable: this.#strings,
      timeNanos: BigInt(Math.round(profile.startedAt * 1e6)),
      ...(profile.durationNanos === undefined ? {} : { durationNanos: Math.round(profile.durationNanos) }),
      periodType: this.#valueType(profile.periodType),
      period: profile.period,
      comment: profile.comments.map((comment) => this.#string(comment)),
      defaultSampleType: defaultType ? this.#string(defaultType.type) : 0,
    }).encode();
  }

  #string(text: string): number {
    return this.#strings.dedup(text);
  }

  #valueType({ type, unit }: ValueType): PprofValueType {
    return new PprofValueType({ type: this.#string(type), unit: this.#string(unit) });
  }

  #location(frame: SymbolizedFrame): Location {
    const known = this.#locations.get(frame);
    if (known) {
      return known;
    }
    const location = new Location({
      id: this.#locations.size + 1,
      mappingId: MAPPING_ID,
      address: this.#address(frame),
      line: [new Line({ functionId: this.#function(frame).id, line: frame.line, column: frame.column })],
    });
    this.#locations.set(frame, location);
    return location;
  }

  #function({ name, file, startLine }: SymbolizedFrame): PprofFunction {
    const key = `${name}\0${file}\0${startLine}`;
    let pprofFunction = this.#functions.get(key);
    if (pprofFunction === undefined) {
      pprofFunction = new PprofFunction({
        id: this.#functions.size + 1,
        name: this.#string(name),
        // No systemName: where it equals the name, pprof "demangles" it, which garbles names such as `<anonymous>`.
        filename: this.#string(file),
        startLine,
      });
      this.#functions.set(key, pprofFunction);
    }
    return pprofFunction;
  }

  /**
   * There are no addresses in JavaScript, but clients tell locations and whole stacks apart by them, also from one
   * scrape to the next: so each is a hash of the position in the source.
   */
  #address({ name, file, line, column, startLine }: SymbolizedFrame): number {
    const hash = createHash('sha1').update(`${name}\0${file}\0${line}\0${column}\0${startLine}`).digest();
    let address = hash.readUIntBE(0, ADDRESS_BYTES);
    while (address === 0 || this.#addresses.has(address)) {
      address += 1;
    }
    this.#addresses.add(address);
    return address;
  }
}
