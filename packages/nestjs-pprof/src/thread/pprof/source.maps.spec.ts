import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SourceMaps } from './source.maps.js';
import { runsOf } from '../../../test-fixtures/exhaustive.js';

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'source-maps-')));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, content: string | Buffer): string {
  const file = join(directory, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Line 2, column 1 of the generated file is line 1, column 1 of the source; line 3 is line 3. */
function map(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: 3,
    sources: ['../src/a.ts'],
    names: [],
    mappings: ';AAAA;AAEA',
    ...fields,
  });
}

function at(
  file: string,
  line = 3,
  column = 1,
): { functionName: string; file: string; line: number; column: number } {
  return { functionName: 'work', file, line, column };
}

/** Nothing is known but the file. */
function somewhereIn(file: string) {
  return { functionName: '', file, line: 0, column: 0 };
}

async function originalOf(file: string, maps = new SourceMaps()): Promise<string> {
  const original = (await maps.load([somewhereIn(file)])).original(at(file));
  return `${original.file.replace(`${directory}/`, '')}:${original.line}`;
}

async function reasonFor(file: string, maps = new SourceMaps()): Promise<string | undefined> {
  const positions = await maps.load([somewhereIn(file)]);
  // Whatever the reason, the position stays.
  expect(positions.original(at(file))).toMatchObject(at(file));
  return positions.unreadable.get(file);
}

const CODE = "'use strict';\n\nwork();\n";

describe('a generated file', () => {
  it('is mapped by the map it announces', async () => {
    write('dist/a.js.map', map());
    const file = write('dist/a.js', `${CODE}//# sourceMappingURL=a.js.map\n`);
    expect(await originalOf(file)).toBe('src/a.ts:3');
  });

  it('is mapped by the map beside it where it announces none', async () => {
    write('dist/a.js.map', map());
    expect(await originalOf(write('dist/a.js', CODE))).toBe('src/a.ts:3');
  });

  it('is mapped when it is given as a URL, and the path comes back decoded', async () => {
    write('dist/ä b.js.map', map());
    const url = pathToFileURL(write('dist/ä b.js', CODE)).href;
    expect(url).toContain('%20');
    expect(await originalOf(url)).toBe('src/a.ts:3');
  });

  it('without a map keeps its positions, but with a path', async () => {
    const file = write('dist/ä b.js', CODE);
    const positions = await new SourceMaps().load([somewhereIn(pathToFileURL(file).href)]);
    expect(positions.original(at(pathToFileURL(file).href))).toEqual(at(file));
    expect(positions.unreadable.size).toBe(0);
  });

  it('in node_modules is left as it is', async () => {
    write('node_modules/lib/dist/a.js.map', map());
    const file = write('node_modules/lib/dist/a.js', CODE);
    expect(await originalOf(file)).toBe('node_modules/lib/dist/a.js:3');
  });

  it('that is gone is left as it is', async () => {
    expect(await reasonFor(join(directory, 'gone.js'))).toBeUndefined();
  });

  it('without a name is evaluated code, of whose text nothing is known: its line says nothing', async () => {
    const positions = await new SourceMaps().load([somewhereIn('')]);
    expect(positions.original(at(''))).toMatchObject({ line: 0, column: 0 });
  });

  it.each([
    'node:fs',
    'evalmachine.<anonymous>',
    'relative/a.js',
    'webpack-internal:///./src/a.ts',
    '/\0.js',
  ])('called %j is left as it is', async (file) => {
    expect(await reasonFor(file)).toBeUndefined();
  });

  it('with a relative path, which says nothing about this process, is left as it is', async () => {
    write('dist/a.js.map', map());
    const file = relative(process.cwd(), write('dist/a.js', CODE));
    expect((await new SourceMaps().load([somewhereIn(file)])).original(at(file))).toEqual(at(file));
  });

  it.each([
    ['file:///a%2Fb.js', '/a%2Fb.js'],
    ['file:///a%ZZ.js', '/a%ZZ.js'],
    ['data:text/javascript;base64,c2VjcmV0', 'data:text/javascript;base64,…'],
    ['data:text/javascript,secret()\n,x', 'data:text/javascript,…'],
    ['file://host/a.js', '/host/a.js'],
  ])('at the malformed URL %s still gets a path', async (url, path) => {
    const positions = await new SourceMaps().load([somewhereIn(url)]);
    expect(positions.original(at(url)).file).toBe(path);
  });

  it('is not mapped where the line is unknown', async () => {
    write('dist/a.js.map', map());
    const file = write('dist/a.js', CODE);
    const positions = await new SourceMaps().load([somewhereIn(file)]);
    expect(positions.original(at(file, 0, 0))).toEqual(at(file, 0, 0));
  });
});

describe('a map that cannot be read is named with the reason:', () => {
  it.each([
    ['missing', 'gone.js.map', /missing \(ENOENT\)/],
    [
      'on a server',
      'https://cdn.example.com/a.js.map',
      'it is at https://cdn.example.com/a.js.map, which is not fetched',
    ],
    ['a directory', '.', /is not a file/],
    ['a data: URL without data', 'data:application/json;base64', 'it is a malformed data: URL'],
    ['inline, and not base64', 'data:application/json;base64,!!!!', 'it is not valid JSON'],
    ['inline, and wrongly encoded', 'data:application/json,%7B%ZZ', 'it is not valid JSON'],
    ['at a malformed file: URL', 'file:///a%2Fb.map', /File URL path/],
  ])('%s', async (_name, url, reason) => {
    const file = write('dist/a.js', `${CODE}//# sourceMappingURL=${url}`);
    expect(await reasonFor(file)).toEqual(reason instanceof RegExp ? expect.stringMatching(reason) : reason);
  });

  it.each([
    ['no JSON', '<!doctype html>', 'it is not valid JSON'],
    ['empty', '', 'it is not valid JSON'],
    ['null', 'null', 'it is not a source map of version 3'],
    ['a list', '[]', 'it is not a source map of version 3'],
    ['version 2', map({ version: 2 }), 'it is not a source map of version 3'],
    ['no mappings', map({ mappings: undefined }), 'it lacks mappings or sources'],
    ['decoded mappings', map({ mappings: [[[0, 0, 0, 0]]] }), 'it lacks mappings or sources'],
    ['no sources', map({ sources: null }), 'it lacks mappings or sources'],
    [
      'characters that are no digits',
      map({ mappings: ';AA!A' }),
      'its mappings are malformed at character 3',
    ],
    ['a number cut off', map({ mappings: ';AAAg' }), 'its mappings are malformed at character 5'],
    ['a segment of two fields', map({ mappings: ';AA;AACA' }), 'its mappings are malformed at character 3'],
    ['a segment of six fields', map({ mappings: ';AAAAAA' }), 'its mappings are malformed at character 6'],
    ['a negative column', map({ mappings: ';DAAA' }), 'its mappings are malformed at character 1'],
    ['a number too large', map({ mappings: ';gggggggA' }), 'its mappings are malformed at character 7'],
    ['sections that are none', map({ sections: {} }), 'its sections are not a list'],
    ['a section without offset', map({ sections: [{ map: {} }] }), 'a section of it has no offset'],
    [
      'a section of billions of lines',
      map({ sections: [{ offset: { line: 1e12, column: 0 }, map: {} }] }),
      'a section of it has no offset',
    ],
    [
      'a section by URL',
      map({ sections: [{ offset: { line: 0, column: 0 }, url: 'b.js.map' }] }),
      'it is not a source map of version 3',
    ],
  ])('%s', async (_name, content, reason) => {
    write('dist/a.js.map', content);
    expect(await reasonFor(write('dist/a.js', CODE))).toBe(reason);
  });

  it('too large', async () => {
    const content = map();
    const mapFile = write('dist/a.js.map', content);
    const file = write('dist/a.js', CODE);
    const reason = `${mapFile} is larger than ${content.length - 1} bytes`;
    expect(await reasonFor(file, new SourceMaps({ fileBytes: content.length - 1 }))).toBe(reason);
    expect(await originalOf(file, new SourceMaps({ fileBytes: content.length }))).toBe('src/a.ts:3');
  });

  it('sections nested without end', async () => {
    const depth = 20_000;
    const section = '{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":';
    write('dist/a.js.map', section.repeat(depth) + 'null' + '}]}'.repeat(depth));
    expect(await reasonFor(write('dist/a.js', CODE))).toEqual(expect.any(String));
  });

  it('more maps in one profile than the limit', async () => {
    const files = ['a', 'b', 'c'].map((name) => {
      write(`dist/${name}.js.map`, map({ sources: [`${name.repeat(4000)}.ts`] }));
      return write(`dist/${name}.js`, CODE);
    });
    const positions = await new SourceMaps({ cacheBytes: 20_000 }).load(files.map(somewhereIn));
    expect(positions.unreadable.size).toBe(1);
    expect([...positions.unreadable.values()][0]).toBe(
      'the source maps of this profile take up more than 20000 bytes',
    );
    expect(files.filter((file) => positions.original(at(file)).file.endsWith('.ts'))).toHaveLength(2);
  });

  it('a map larger than the limit of the cache', async () => {
    write('dist/a.js.map', map({ sources: [`${'a'.repeat(4000)}.ts`] }));
    const file = write('dist/a.js', CODE);
    expect(await reasonFor(file, new SourceMaps({ cacheBytes: 5000 }))).toBe(
      'it takes up more than 5000 bytes',
    );
  });

  it('but no other file of an earlier profile', async () => {
    const bad = write('dist/bad.js', `${CODE}//# sourceMappingURL=gone.map`);
    const good = write('dist/good.js', CODE);
    const maps = new SourceMaps();
    expect((await maps.load([somewhereIn(bad)])).unreadable.size).toBe(1);
    expect((await maps.load([somewhereIn(good)])).unreadable.size).toBe(0);
    expect((await maps.load([somewhereIn(bad), somewhereIn(good)])).unreadable.size).toBe(1);
  });
});

it('tolerates what is only odd in a map', async () => {
  const odd = {
    sources: [null, '../src/a.ts'],
    names: null,
    mappings: ';AAAA,CCAA,CEAA,,;ADEA;',
    version: '3',
  };
  write('dist/a.js.map', `)]}'\n${map(odd)}`);
  const file = write('dist/a.js', CODE);
  const positions = await new SourceMaps().load([somewhereIn(file)]);
  expect([...positions.unreadable]).toEqual([]);
  // Line 2 begins with a source without a name, and ends with one that does not exist.
  expect([1, 2, 3].map((column) => positions.original(at(file, 2, column)).file)).toEqual([
    file,
    join(directory, 'src/a.ts'),
    file,
  ]);
});

it.each([")]}'\n", ")]}'", ")]}',\n", '\uFEFF', "\uFEFF)]}'\n"])('skips %j before a map', async (prefix) => {
  write('dist/a.js.map', prefix + map());
  expect(await originalOf(write('dist/a.js', CODE))).toBe('src/a.ts:3');
});

/** Rewrites a file so that its name and size stay; only the time tells. */
function rewrite(file: string, from: string, to: string): void {
  const { atime, mtimeMs } = statSync(file);
  const content = readFileSync(file, 'utf8');
  expect(content).toContain(from);
  writeFileSync(file, content.replace(from, to));
  utimesSync(file, atime, new Date(mtimeMs + 5000));
}

/** Changes a file behind the cache's back: whoever reads it again sees `b.ts`. */
function tamper(file: string): void {
  const { atime, mtime } = statSync(file);
  writeFileSync(file, readFileSync(file, 'utf8').replace('a.ts', 'b.ts'));
  utimesSync(file, atime, mtime);
}

/** A whole second: what utimes sets is what stat gives back. */
function settle(...files: string[]): void {
  for (const file of files) {
    utimesSync(file, 1_700_000_000, 1_700_000_000);
  }
}

describe('the cache', () => {
  let file: string;
  let mapFile: string;

  beforeEach(() => {
    mapFile = write('dist/a.js.map', map());
    file = write('dist/a.js', `${CODE}//# sourceMappingURL=a.js.map\n`);
    settle(file, mapFile);
  });

  it('reads a map once', async () => {
    const maps = new SourceMaps();
    expect(await originalOf(file, maps)).toBe('src/a.ts:3');
    tamper(mapFile);
    expect(await originalOf(file, maps)).toBe('src/a.ts:3');
    expect(await originalOf(file, new SourceMaps())).toBe('src/b.ts:3');
  });

  it('reads a map again when it is written again', async () => {
    const maps = new SourceMaps();
    await originalOf(file, maps);
    rewrite(mapFile, 'a.ts', 'b.ts');
    expect(await originalOf(file, maps)).toBe('src/b.ts:3');
  });

  it('reads a map again when the generated file is written again', async () => {
    const maps = new SourceMaps();
    await originalOf(file, maps);
    write('dist/b.js.map', map({ sources: ['b.ts'] }));
    rewrite(file, 'a.js.map', 'b.js.map');
    expect(await originalOf(file, maps)).toBe('dist/b.ts:3');
  });

  it('sees a map that appears later, announced or not', async () => {
    const maps = new SourceMaps();
    const silent = write('dist/silent.js', CODE);
    rmSync(mapFile);
    expect(await reasonFor(file, maps)).toContain('ENOENT');
    expect(await originalOf(silent, maps)).toBe('dist/silent.js:3');
    write('dist/a.js.map', map());
    write('dist/silent.js.map', map());
    expect(await originalOf(file, maps)).toBe('src/a.ts:3');
    expect(await originalOf(silent, maps)).toBe('src/a.ts:3');
  });

  it('sees a generated file that appears later, and one that disappears', async () => {
    const maps = new SourceMaps();
    const later = join(directory, 'dist/later.js');
    expect(await originalOf(later, maps)).toBe('dist/later.js:3');
    write('dist/later.js', `${CODE}//# sourceMappingURL=a.js.map`);
    expect(await originalOf(later, maps)).toBe('src/a.ts:3');
    rmSync(later);
    expect(await originalOf(later, maps)).toBe('dist/later.js:3');
  });

  it('forgets the map that was not used for longest', async () => {
    const files = ['a', 'b', 'c'].map((name) => {
      const generated = write(`dist/${name}.js`, `${CODE}//# sourceMappingURL=${name}.js.map\n`);
      settle(generated, write(`dist/${name}.js.map`, map()));
      return generated;
    });
    const [a, b, c] = files as [string, string, string];
    // Room for two: each takes between 600 and 800 bytes, depending on the length of its source's path.
    const maps = new SourceMaps({ cacheBytes: 1700 });
    await maps.load([somewhereIn(a)]);
    await maps.load([somewhereIn(b)]);
    await maps.load([somewhereIn(a)]);
    await maps.load([somewhereIn(c)]);
    for (const each of files) {
      tamper(`${each}.map`);
    }
    expect(await originalOf(a, maps)).toBe('src/a.ts:3');
    expect(await originalOf(c, maps)).toBe('src/a.ts:3');
    expect(await originalOf(b, maps)).toBe('src/b.ts:3');
  });

  it('shares one read between profiles made at the same time', async () => {
    const maps = new SourceMaps();
    const loads = Array.from({ length: 20 }, () =>
      maps.load([somewhereIn(file), somewhereIn(pathToFileURL(file).href)]),
    );
    const tables = (await Promise.all(loads)).map(
      (positions) => positions['scripts'].get(file)?.script.table,
    );
    expect(tables[0]).toBeDefined();
    expect(new Set(tables).size).toBe(1);
  });

  it('leaves the positions of a profile alone when the file changes', async () => {
    const maps = new SourceMaps();
    const positions = await maps.load([somewhereIn(file)]);
    rewrite(mapFile, 'a.ts', 'b.ts');
    await maps.load([somewhereIn(file)]);
    expect(basename(positions.original(at(file)).file)).toBe('a.ts');
  });
});

describe('garbage never throws', () => {
  // Parts of real maps and annotations: random text alone would fail at the first character.
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '//# sourceMappingURL=',
      '/*@ sourceMappingURL=',
      '*/',
      '\n',
      '\r\n',
      ' ',
      "'",
      'data:',
      ';base64,',
    ),
    fc.constantFrom(
      'data:application/json,',
      'data:application/json;charset=utf-8;base64,',
      'file://',
      'a.js.map',
      '%',
    ),
    fc.constantFrom(
      map(),
      Buffer.from(map()).toString('base64'),
      encodeURIComponent(map()),
      'https://',
      '../',
      '\0',
    ),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const source = fc.oneof(
    text,
    fc.constant(null),
    fc.constantFrom(
      'webpack://',
      'webpack:///',
      'webpack://@a/b/./c?d',
      'webpack:',
      'file:',
      'file://%',
      '/',
      '\0',
      '%ZZ',
    ),
  );
  const number = fc.oneof(fc.integer(), fc.double(), fc.constant(0));
  const garbageMap = fc.letrec((tie) => ({
    map: fc.record(
      {
        version: fc.oneof({ weight: 9, arbitrary: fc.constant(3) }, { weight: 1, arbitrary: fc.anything() }),
        sources: fc.oneof(fc.array(source), fc.anything()),
        names: fc.oneof(fc.array(fc.oneof(text, number)), fc.anything()),
        sourceRoot: source,
        mappings: fc.oneof(fc.string({ unit: fc.constantFrom(...'AACDEgh+/9,;;,') }), text),
        sections: fc.oneof(
          { maxDepth: 2 },
          fc.constant(undefined),
          fc.array(fc.record({ offset: fc.record({ line: number, column: number }), map: tie('map') }), {
            maxLength: 3,
          }),
          fc.anything(),
        ),
      },
      { requiredKeys: ['version', 'sources', 'mappings'] },
    ),
  })).map;

  it('as an annotation, as a map', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.oneof(text, garbageMap), async (tail, content) => {
        write('dist/a.js.map', typeof content === 'string' ? content : (JSON.stringify(content) ?? ''));
        const file = write('dist/a.js', `${CODE}${tail}`);
        const positions = await new SourceMaps().load([somewhereIn(file)]);
        for (const line of [0, 1, 2, 3, 1000]) {
          for (const column of [0, 1, 2, 1000]) {
            const original = positions.original(at(file, line, column));
            expect(original.file).not.toMatch(/^file:/);
            expect(original.line).toBeGreaterThanOrEqual(0);
          }
        }
      }),
      runsOf(300),
    );
  });
});
