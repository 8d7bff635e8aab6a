import { RenamedFunctions } from './source-map.names.js';
import type { PlainMap } from './source-map.parse.js';
import { countSegments, decodeMappings } from './source-map.vlq.js';

/**
 * A place in code as V8 reports it: 1-based line and column (0 = unknown), file = absolute path, `file://` URL,
 * `node:…` or `''`.
 *
 * @internal
 */
export interface CodePosition {
  readonly functionName: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

// Of each segment: generated line and column, index of the source (-1: none), original line and column.
const FIELDS = 5;
const LINE = 0;
const COLUMN = 1;
const SOURCE = 2;
const SOURCE_LINE = 3;
const SOURCE_COLUMN = 4;

/**
 * What is kept of a source map: a flat, sorted table of its segments (20 bytes each, off the heap), its sources
 * as absolute paths, and the names of renamed functions.
 *
 * @internal
 */
export class SourceMapTable {
  readonly #segments: Int32Array;
  readonly #sources: readonly (string | null)[];
  readonly #renamed: RenamedFunctions | undefined;
  /** Approximate memory held. */
  readonly byteLength: number;

  /**
   * @param maps The plain maps of one file, in any order
   * @param sources The absolute paths of the sources of all maps in a row, `null` where there is no file
   * @param generatedText The generated code, if the maps have names
   */
  constructor(maps: readonly PlainMap[], sources: readonly (string | null)[], generatedText?: string) {
    this.#renamed = generatedText === undefined ? undefined : new RenamedFunctions(generatedText);
    this.#segments = decode(maps, sources, this.#renamed);
    this.#renamed?.finish();
    this.#sources = sources;
    this.byteLength =
      this.#segments.byteLength +
      (this.#renamed?.byteLength ?? 0) +
      sources.reduce((bytes, source) => bytes + 16 + 2 * (source?.length ?? 0), 0);
  }

  /** The original of a position with a known line. `undefined`: nothing in an original file corresponds to it. */
  original(position: CodePosition): CodePosition | undefined {
    const { functionName, line, column } = position;
    if (isModuleCode(position)) {
      return this.#originalModule(functionName);
    }
    const at = column > 0 ? this.#segmentAt(line - 1, column - 1) : this.#firstOfLine(line - 1);
    const file = at === undefined ? undefined : this.#sources[this.#field(at, SOURCE)];
    if (at === undefined || typeof file !== 'string') {
      return undefined;
    }
    return {
      functionName: this.#renamed?.original(line - 1, column - 1, functionName) ?? functionName,
      file,
      line: this.#field(at, SOURCE_LINE) + 1,
      column: this.#field(at, SOURCE_COLUMN) + 1,
    };
  }

  /** What comes first in the generated code is a helper or any statement; and of a bundle it is no single file's. */
  #originalModule(functionName: string): CodePosition | undefined {
    const [file, another] = this.#sources;
    return typeof file === 'string' && another === undefined
      ? { functionName, file, line: 1, column: 1 }
      : undefined;
  }

  /**
   * The last segment at or before the column on that line. A function starts for V8 at its `(`, which seldom has a
   * segment of its own. Code before the first segment is the compiler's own (helpers): there is no original.
   */
  #segmentAt(line: number, column: number): number | undefined {
    const index = this.#lowerBound(line, column);
    if (this.#isAt(index, line) && this.#field(index, COLUMN) === column) {
      return index;
    }
    return this.#isAt(index - 1, line) ? index - 1 : undefined;
  }

  #firstOfLine(line: number): number | undefined {
    let index = this.#lowerBound(line, 0);
    while (this.#isAt(index, line)) {
      if (this.#field(index, SOURCE) >= 0) {
        return index;
      }
      index++;
    }
    return undefined;
  }

  /** Index of the first segment at or after the place. */
  #lowerBound(line: number, column: number): number {
    let low = 0;
    let high = this.#segments.length / FIELDS;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#field(middle, LINE) - line || this.#field(middle, COLUMN) - column;
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  #isAt(index: number, line: number): boolean {
    return index >= 0 && this.#segments[index * FIELDS + LINE] === line;
  }

  #field(index: number, field: number): number {
    return this.#segments[index * FIELDS + field] ?? -1;
  }
}

/** For V8, the code of a module as a whole is a function without a name that starts at the first character. */
function isModuleCode({ functionName, line, column }: CodePosition): boolean {
  return line === 1 && column === 1 && functionName === '';
}

function decode(
  maps: readonly PlainMap[],
  sources: readonly (string | null)[],
  renamed: RenamedFunctions | undefined,
): Int32Array {
  const capacity = maps.reduce((count, { mappings }) => count + countSegments(mappings), 0);
  const segments = new Int32Array(capacity * FIELDS);
  let length = 0;
  let sorted = true;
  let lastLine = 0;
  let lastColumn = 0;
  let firstSource = 0;
  for (const map of maps) {
    decodeMappings(map.mappings, (mapLine, mapColumn, source, sourceLine, sourceColumn, name) => {
      const line = map.line + mapLine;
      const column = (mapLine === 0 ? map.column : 0) + mapColumn;
      const known = source >= 0 && source < map.sources.length && sources[firstSource + source] !== null;
      sorted &&= line > lastLine || (line === lastLine && column >= lastColumn);
      lastLine = line;
      lastColumn = column;
      segments[length++] = line;
      segments[length++] = column;
      segments[length++] = known ? firstSource + source : -1;
      segments[length++] = sourceLine;
      segments[length++] = sourceColumn;
      const original = map.names[name];
      if (known && original !== undefined) {
        renamed?.add(line, column, original);
      }
    });
    firstSource += map.sources.length;
  }
  const filled = length === segments.length ? segments : segments.slice(0, length);
  return sorted ? filled : sort(filled);
}

/** Columns may go backwards within a line, and the sections of an index map may overlap. Rare. */
function sort(segments: Int32Array): Int32Array {
  const order = Array.from({ length: segments.length / FIELDS }, (_, index) => index * FIELDS);
  order.sort((a, b) => difference(segments, a, b, LINE) || difference(segments, a, b, COLUMN));
  const result = new Int32Array(segments.length);
  for (const [index, from] of order.entries()) {
    result.set(segments.subarray(from, from + FIELDS), index * FIELDS);
  }
  return result;
}

function difference(segments: Int32Array, a: number, b: number, field: number): number {
  return (segments[a + field] ?? 0) - (segments[b + field] ?? 0);
}
