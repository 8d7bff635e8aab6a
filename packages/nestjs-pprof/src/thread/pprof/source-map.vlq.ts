/**
 * Receives one segment of `mappings`; all numbers are absolute and 0-based. `source` and `name` are -1 where
 * the segment has none.
 *
 * @internal
 */
export type OnSegment = (
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
 * Decodes the `mappings` of a source map (https://tc39.es/ecma426/#sec-mappings) and throws where they are
 * malformed.
 *
 * Not `@jridgewell/trace-mapping`, because it makes an array of every segment: 77 MB of heap for the map of the
 * minified TypeScript compiler, in a thread that has little, where a flat table needs 16 MB off the heap. It
 * also takes characters that are no digits for zeros. The specs compare the two.
 *
 * @internal
 */
export function decodeMappings(mappings: string, onSegment: OnSegment): void {
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

/** At most as many segments as there are separators: the size of a table that never has to grow. */
export function countSegments(mappings: string): number {
  let count = 1;
  for (let position = 0; position < mappings.length; position++) {
    const char = mappings.charCodeAt(position);
    if (char === COMMA || char === SEMICOLON) {
      count++;
    }
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
