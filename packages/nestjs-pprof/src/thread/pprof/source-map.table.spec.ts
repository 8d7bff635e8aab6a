import { describe, expect, it } from '@jest/globals';
import {
  encodedMappings,
  originalPositionFor,
  presortedDecodedMap,
  type SourceMapSegment,
  TraceMap,
} from '@jridgewell/trace-mapping';
import fc from 'fast-check';
import { ScriptFunctions } from './script.functions.js';
import { parseSourceMap } from './source-map.file.js';
import { type CodePosition, SourceMapTable } from './source-map.table.js';
import { runsOf } from '../../../test-fixtures/exhaustive.js';

type Map = Record<string, unknown>;

function tableOf(map: Map, functions?: ScriptFunctions): SourceMapTable {
  const maps = parseSourceMap(JSON.stringify({ version: 3, ...map }));
  return new SourceMapTable(
    maps,
    maps.flatMap(({ sources }) => sources),
    functions,
  );
}

function encode(lines: SourceMapSegment[][]): string {
  return encodedMappings(presortedDecodedMap({ version: 3, sources: [], names: [], mappings: lines }));
}

function at(line: number, column: number, functionName = 'f'): CodePosition {
  return { functionName, file: '/dist/a.js', line, column };
}

function show(position: CodePosition | undefined): string | undefined {
  return position && `${position.functionName} ${position.file}:${position.line}:${position.column}`;
}

function part(source: string): Map {
  return {
    version: 3,
    sources: [source],
    sourceRoot: '/src/',
    names: [],
    mappings: encode([[[2, 0, 0, 0]], [[0, 0, 1, 0]]]),
  };
}

function section(line: number, column: number, map: Map): Map {
  return { offset: { line, column }, map };
}

/** Maps the token `t` of the line, with the name `original`; V8 puts the function at the `|`. */
function nameOf(marked: string, v8Name = 't', token = 't'): string | undefined {
  const text = marked.replace('|', '');
  const start = text.search(new RegExp(`(?<![\\w$.])${token.replace('$', '\\$')}(?![\\w$])`));
  expect(start).toBeGreaterThan(0);
  const mappings = encode([
    [
      [0, 0, 0, 0],
      [start, 0, 0, 0, 0],
    ],
  ]);
  const functions = new ScriptFunctions(text);
  tableOf({ sources: ['/a.ts'], names: ['original'], mappings }, functions);
  return functions.finish().nameAt(at(1, marked.indexOf('|') + 1, v8Name)).functionName;
}

describe('a position', () => {
  const positions = tableOf({
    sources: ['/a.ts', '/b.ts', null],
    mappings: encode([[], [[4, 0, 10, 2], [9, 1, 20, 0], [20], [30, 2, 0, 0]], [[0], [5, 1, 7, 7]]]),
  });

  it.each([
    ['at a segment', 2, 5, 'f /a.ts:11:3'],
    ['behind a segment', 2, 9, 'f /a.ts:11:3'],
    ['at the next segment', 2, 10, 'f /b.ts:21:1'],
    ['before the first segment of its line, which is code of the compiler', 2, 4, undefined],
    ['at a segment without a source', 2, 21, undefined],
    ['behind a segment without a source', 2, 25, undefined],
    ['at a segment whose source has no name', 2, 31, undefined],
    ['on a line without segments', 1, 5, undefined],
    ['on a line behind the last', 4, 1, undefined],
    ['of an unknown column', 2, 0, 'f /a.ts:11:3'],
    ['of an unknown column, on a line that begins without a source', 3, 0, 'f /b.ts:8:8'],
    ['of an unknown column, on a line without segments', 1, 0, undefined],
  ])('%s', (_name, line, column, expected) => {
    expect(show(positions.original(at(line, column)))).toBe(expected);
  });

  it('is the same as in @jridgewell/trace-mapping', () => {
    const index = fc.nat({ max: 2 });
    const segment = fc.oneof(
      fc.tuple(fc.nat({ max: 60 })),
      fc.tuple(fc.nat({ max: 60 }), index, fc.nat({ max: 100_000 }), fc.nat({ max: 5000 })),
      fc.tuple(fc.nat({ max: 60 }), index, fc.nat({ max: 9 }), fc.nat({ max: 9 }), index),
    );
    const lines = fc.array(fc.array(segment, { maxLength: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(lines, fc.boolean(), (decoded, sorted) => {
        const lists = decoded.map((line) => (sorted ? line.toSorted((a, b) => a[0] - b[0]) : line));
        const map = { sources: ['/a.ts', '/b.ts', '/c.ts'], names: ['x', 'y', 'z'], mappings: encode(lists) };
        const table = tableOf(map);
        const expected = new TraceMap({ version: 3, ...map });
        // One expectation of all: a hundred thousand take seconds.
        const theirs: unknown[] = [];
        const ours: unknown[] = [];
        for (let line = 1; line <= 6; line++) {
          // A name of 'f' keeps the first character from being the module's.
          for (let column = 0; column <= 62; column++) {
            const actual = table.original(at(line, column));
            // Without a column: see above.
            if (column > 0) {
              const original = originalPositionFor(expected, { line, column: column - 1 });
              theirs.push(original.source && `f ${original.source}:${original.line}:${original.column + 1}`);
              ours.push(show(actual) ?? null);
            }
          }
        }
        expect(ours).toEqual(theirs);
      }),
      runsOf(200),
    );
  });
});

describe('the code of a module, a nameless function at the first character,', () => {
  const mappings = encode([[[0, 0, 8, 0]]]);

  it('is the first line of the only source', () => {
    expect(show(tableOf({ sources: ['/a.ts'], mappings }).original(at(1, 1, '')))).toBe(' /a.ts:1:1');
    expect(show(tableOf({ sources: ['/a.ts'], mappings: '' }).original(at(1, 1, '')))).toBe(' /a.ts:1:1');
  });

  it('is that of no file where there are several', () => {
    expect(tableOf({ sources: ['/a.ts', '/b.ts'], mappings }).original(at(1, 1, ''))).toBeUndefined();
    expect(tableOf({ sources: [null], mappings }).original(at(1, 1, ''))).toBeUndefined();
  });

  it('is not mistaken for a class at the first character', () => {
    expect(show(tableOf({ sources: ['/a.ts'], mappings }).original(at(1, 1, 'A')))).toBe('A /a.ts:9:1');
  });
});

describe('an index map', () => {
  it('is mapped by its sections', () => {
    const nested = { version: 3, sections: [section(0, 5, part('c.ts')), section(3, 5, part('d.ts'))] };
    const table = tableOf({
      sections: [section(0, 0, part('a.ts')), section(1, 10, part('b.ts')), section(4, 20, nested)],
    });
    const positions = [at(1, 3), at(2, 1), at(2, 13), at(3, 1), at(5, 28), at(6, 1), at(8, 8), at(9, 1)];
    expect(positions.map((position) => show(table.original(position)))).toEqual([
      'f /src/a.ts:1:1',
      'f /src/a.ts:2:1',
      'f /src/b.ts:1:1',
      'f /src/b.ts:2:1',
      'f /src/c.ts:1:1',
      'f /src/c.ts:2:1',
      'f /src/d.ts:1:1',
      'f /src/d.ts:2:1',
    ]);
    // One column before the first segment of section c, whose offset adds up to 25 + 2.
    expect(table.original(at(5, 27))).toBeUndefined();
  });

  it('does not take a source that a section lacks from the next one', () => {
    const beyond = { ...part('a.ts'), mappings: encode([[[2, 1, 0, 0]]]) };
    const table = tableOf({ sections: [section(0, 0, beyond), section(1, 0, part('b.ts'))] });
    expect(table.original(at(1, 3))).toBeUndefined();
  });

  it('may have its sections in any order', () => {
    const table = tableOf({ sections: [section(5, 0, part('b.ts')), section(0, 0, part('a.ts'))] });
    expect(show(table.original(at(1, 3)))).toBe('f /src/a.ts:1:1');
    expect(show(table.original(at(6, 3)))).toBe('f /src/b.ts:1:1');
  });
});

describe('the source root', () => {
  it.each([
    ['src', 'a.ts', 'src/a.ts'],
    ['src/', 'a.ts', 'src/a.ts'],
    ['/', 'a.ts', '/a.ts'],
    ['', 'a.ts', 'a.ts'],
    [null, 'a.ts', 'a.ts'],
    ['src', '/a.ts', '/a.ts'],
    ['src', 'webpack://x/./a.ts', 'webpack://x/./a.ts'],
    ['src', 'file:///a.ts', 'file:///a.ts'],
    ['https://example.com', 'a.ts', 'https://example.com/a.ts'],
    ['src', '', ''],
  ])('%j before %j is %j', (sourceRoot, source, expected) => {
    const [map] = parseSourceMap(
      JSON.stringify({ version: 3, sourceRoot, sources: [source, null], mappings: '' }),
    );
    expect(map?.sources).toEqual([expected, null]);
  });
});

describe('the name of a function', () => {
  it.each([
    ' function t|(e){}',
    ' async function t|(e){}',
    ' function*t|(e){}',
    ' function * t |(e){}',
    ' let t=|(e)=>e',
    ' let t = |e => e',
    ' let t=|async e=>e',
    ' let t=|async(e)=>e',
    ' let t=function|(e){}',
    ' let t=async function|(e){}',
    ' let t=function*|(e){}',
    ' a={t|(e){}}',
    ' a={x:1,t:|e=>e}',
  ])('is given back in %s', (code) => {
    expect(nameOf(code)).toBe('original');
  });

  it('may be any identifier', () => {
    expect(nameOf(' function $é|(e){}', '$é', '$é')).toBe('original');
  });

  it.each([
    ['the token is the parameter of a nameless arrow', ' map(|t=>t)', ''],
    ['the token is the parameter', ' let e=|t=>t', 'e'],
    ['V8 has another name', ' let t=|e=>e', 'e'],
    ['V8 has a dotted name', ' let t=|e=>e', 'exports.t'],
    ['the function is somewhere else', ' let t=e=>e;let u=|t=>t', 't'],
    ['the token is called', ' t|(e)', 't'],
  ])('stays where %s', (_name, code, v8Name) => {
    expect(nameOf(code, v8Name)).toBe(v8Name);
  });

  it('stays where the map has none, or one that is no identifier', () => {
    const mappings = encode([[[10, 0, 0, 0, 0]]]);
    const text = ' function t(e){}';
    for (const names of [[], ['a name'], [''], [null, 'x']]) {
      const functions = new ScriptFunctions(text);
      tableOf({ sources: ['/a.ts'], names, mappings }, functions);
      expect(functions.finish().nameAt(at(1, 12, 't')).functionName).toBe(names[0] === null ? 'null' : 't');
    }
  });

  it('is looked for on the right line, by the line ends of JavaScript', () => {
    const text = 'a\r\nb\rc\u2028d\n function t(e){}';
    const mappings = encode([[], [], [], [], [[10, 0, 0, 0, 0]]]);
    const functions = new ScriptFunctions(text);
    tableOf({ sources: ['/a.ts'], names: ['original'], mappings }, functions);
    expect(functions.finish().nameAt(at(5, 12, 't')).functionName).toBe('original');
  });
});

it('takes little memory, and says how much', () => {
  const mappings = `AAAA${',CAAC'.repeat(9999)}`;
  expect(tableOf({ sources: ['/a.ts'], mappings }).byteLength).toBe(10_000 * 20 + 16 + 2 * '/a.ts'.length);
});
