import type { ScriptFunctions } from './script.functions.js';
import type { PlainMap } from './source-map.file.js';

/**
 * A position as V8 has it: 1-based line and column (0 = unknown), file = absolute path, `file://` URL, `node:…` or `''`.
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
 * What is kept of a source map: a flat, sorted table of its segments (20 bytes each, off the heap), and paths.
 *
 * @internal
 */
export class SourceMapTable {
  readonly #segments: Int32Array;
  readonly #sources: readonly (string | null)[];
  /** Approximate memory held. */
  readonly byteLength: number;

  /**
   * @param maps The plain maps of one file, in any order
   * @param sources The absolute paths of the sources of all maps in a row, `null` where there is no file
   * @param functions of the generated code, for the names that the maps have of them
   */
  constructor(maps: readonly PlainMap[], sources: readonly (string | null)[], functions?: ScriptFunctions) {
    this.#segments = decode(maps, sources, functions);
    this.#sources = sources;
    this.byteLength =
      this.#segments.byteLength +
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
      functionName,
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
   * The last segment at or before the column: a function starts for V8 at its `(`, which seldom has one of its own. Code
   * before the first of a line is the compiler's own (helpers): there is no original.
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

  /** Index of the first segment at or after the position. */
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
  functions: ScriptFunctions | undefined,
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
        functions?.rename(line, column, original);
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

/** All numbers are absolute and 0-based; `source` and `name` are -1 where the segment has none. */
type OnSegment = (
  line: number,
  column: number,
  source: number,
  sourceLine: number,
  sourceColumn: number,
  name: number,
) => void;

const DIGITS = new Int8Array(128).fill(-1);
for (const [value, char] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  DIGITS[char.charCodeAt(0)] = value;
}

const COMMA = 44;
const SEMICOLON = 59;
const CONTINUES = 32;
/** Six digits of five bits fill 30 bits: nothing that large occurs, and an Int32Array holds it. */
const MAX_SHIFT = 25;

/**
 * Decodes `mappings` (https://tc39.es/ecma426/#sec-mappings); throws where they are malformed.
 *
 * Not `@jridgewell/trace-mapping`, which makes an array of every segment: 77 MB of heap for the map of the minified TypeScript
 * compiler, where a flat table needs 16 MB off the heap; and takes what is no digit for zero. The specs compare the two.
 */
function decodeMappings(mappings: string, onSegment: OnSegment): void {
  // Deltas: the generated column restarts on each line, the others run through the whole map.
  const fields = new Int32Array(5);
  let line = 0;
  let count = 0;
  let value = 0;
  let shift = 0;
  for (let position = 0; position <= mappings.length; position++) {
    const char = position === mappings.length ? SEMICOLON : mappings.charCodeAt(position);
    if (char === COMMA || char === SEMICOLON) {
      if (shift > 0 || (count !== 0 && count !== 1 && count !== 4 && count !== 5)) {
        throw malformed(position);
      }
      if (count > 0) {
        emit(fields, count, line, onSegment);
      }
      count = 0;
      if (char === SEMICOLON) {
        line++;
        fields[0] = 0;
      }
      continue;
    }
    const digit = DIGITS[char] ?? -1;
    if (digit < 0 || shift > MAX_SHIFT || count === 5) {
      throw malformed(position);
    }
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & CONTINUES) === 0) {
      // The lowest bit is the sign.
      const sum = (fields[count] ?? 0) + ((value & 1) === 1 ? -(value >>> 1) : value >>> 1);
      if (sum < 0 || sum > 2 ** 30) {
        throw malformed(position);
      }
      fields[count++] = sum;
      value = 0;
      shift = 0;
    }
  }
}

/** Memory of the table of a map, told from its text: to parse that takes several times its size. @internal */
export function tableBytesOf(mapText: string): number {
  let segments = 0;
  // Within `sourcesContent` the quotes are escaped.
  for (const { index, 0: key } of mapText.matchAll(/"mappings"\s*:\s*"/g)) {
    const start = index + key.length;
    const end = mapText.indexOf('"', start);
    segments += countSegments(mapText, start, end === -1 ? mapText.length : end);
  }
  return segments * FIELDS * Int32Array.BYTES_PER_ELEMENT;
}

/** Of well-formed mappings, the size of their table. */
function countSegments(mappings: string, from = 0, to = mappings.length): number {
  let count = 0;
  let isSegment = false;
  for (let position = from; position < to; position++) {
    const char = mappings.charCodeAt(position);
    const isSeparator = char === COMMA || char === SEMICOLON;
    count += Number(!isSeparator && !isSegment);
    isSegment = !isSeparator;
  }
  return count;
}

function emit(fields: Int32Array, count: number, line: number, onSegment: OnSegment): void {
  const [column = 0, source = 0, sourceLine = 0, sourceColumn = 0, name = 0] = fields;
  if (count === 1) {
    onSegment(line, column, -1, 0, 0, -1);
  } else {
    onSegment(line, column, source, sourceLine, sourceColumn, count === 5 ? name : -1);
  }
}

function malformed(position: number): Error {
  return new Error(`its mappings are malformed at character ${position}`);
}
