import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SourceMaps } from './source.maps.js';
import type { CodePosition } from './source-map.table.js';
import type { RunningScript, ScriptsOf } from './running.texts.js';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'running-texts-')));
  write('package.json', '{}');
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(name: string, content: string): string {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** `run` is on line 3 of what is compiled, and on line 9 of `src/a.ts`. */
const COMPILED = "'use strict';\n\nfunction run() {}\n";
const MAP = JSON.stringify({ version: 3, sources: ['../src/a.ts'], names: [], mappings: ';;AAQA' });
const INLINE = `data:application/json;base64,${Buffer.from(MAP).toString('base64')}`;

function run(file: string, line = 3, column = 13): CodePosition {
  return { functionName: 'run', file, line, column };
}

/** V8 with these scripts in memory. */
function v8With(scripts: Readonly<Record<string, readonly RunningScript[]>>) {
  return jest.fn<ScriptsOf>((names) =>
    Promise.resolve(new Map([...names].map((name) => [name, scripts[name] ?? []]))),
  );
}

async function shown(maps: SourceMaps, position: CodePosition) {
  const originals = await maps.load([position]);
  const { file, line } = originals.original(position);
  return [`${file.replace(`${root}/`, '')}:${line}`, ...originals.describeUnused()];
}

const NO_LINES = expect.stringMatching(
  /^source map of .* not used: the text that runs is not the one on the disk \(compiled as it was loaded, or written anew since\)/,
);

describe('the text on the disk is the one that runs', () => {
  it('its map is used, and V8 is not asked', async () => {
    const scriptsOf = v8With({});
    write('dist/a.js.map', MAP);
    const file = write('dist/a.js', COMPILED);
    expect(await shown(new SourceMaps({ root, scriptsOf }), run(file))).toEqual(['src/a.ts:9']);
    expect(scriptsOf).not.toHaveBeenCalled();
  });

  it('TypeScript whose types are stripped in place has its own lines', async () => {
    const scriptsOf = v8With({});
    const file = write('src/a.ts', 'interface A {}\n\nfunction run(a: A): void {}\n');
    expect(await shown(new SourceMaps({ root, scriptsOf }), run(file))).toEqual(['src/a.ts:3']);
    expect(scriptsOf).not.toHaveBeenCalled();
  });

  it.each([
    ['is written anew', (file: string) => writeFileSync(file, `// new\n${COMPILED}`)],
    ['is gone', (file: string) => rmSync(dirname(file), { recursive: true })],
  ])('what was read while it was so stays when the file %s', async (_, change) => {
    const scriptsOf = v8With({});
    write('dist/a.js.map', MAP);
    const file = write('dist/a.js', COMPILED);
    const maps = new SourceMaps({ root, scriptsOf });
    await shown(maps, run(file));
    change(file);
    expect(await shown(maps, run(file))).toEqual(['src/a.ts:9']);
    expect(await shown(maps, run(file))).toEqual(['src/a.ts:9']);
    expect(scriptsOf).not.toHaveBeenCalled();
  });

  it('says so where the file was gone before', async () => {
    const file = join(root, 'dist/a.js');
    expect(await shown(new SourceMaps({ root }), run(file))).toEqual([
      'dist/a.js:3',
      `source map of ${file} not used: there is no such file`,
    ]);
  });

  it('an application that lies in node_modules has its maps read, packages in it have not', async () => {
    const inside = join(root, 'node_modules/svc');
    write('node_modules/svc/dist/a.js.map', MAP);
    write('node_modules/svc/node_modules/lib/dist/a.js.map', MAP);
    const own = run(write('node_modules/svc/dist/a.js', COMPILED));
    const others = run(write('node_modules/svc/node_modules/lib/dist/a.js', COMPILED));
    const maps = new SourceMaps({ root: inside });
    expect(await shown(maps, own)).toEqual(['node_modules/svc/src/a.ts:9']);
    expect(await shown(maps, others)).toEqual(['node_modules/svc/node_modules/lib/dist/a.js:3']);
  });

  it('is found where the addon has left the scheme of its URL out', async () => {
    write('my dist/a.js.map', MAP);
    write('my dist/a.js', COMPILED);
    expect(await shown(new SourceMaps({ root }), run(join(root, 'my%20dist/a.js')))).toEqual(['src/a.ts:9']);
  });

  it('is hinted at where a compiler has written it without a map', async () => {
    const built = ['a', 'b', 'c'].map((name) => run(write(`dist/${name}.js`, COMPILED)));
    const byHand = run(write('src/d.js', COMPILED));
    const files = [...built, byHand].map(({ file }) => file);
    const originals = await new SourceMaps({ root }).load([...built, byHand]);
    expect(originals.describeUnused()).toEqual([
      `no source map of ${files[0]} and 2 more: positions are those of the compiled code ("sourceMap": true in tsconfig.json makes maps)`,
    ]);
  });

  it('says in one comment that maps of many files are missing', async () => {
    const built = ['a', 'b', 'c'].map((name) =>
      run(write(`dist/${name}.js`, `${COMPILED}//# sourceMappingURL=${name}.map`)),
    );
    const files = built.map(({ file }) => file);
    const originals = await new SourceMaps({ root }).load(built);
    expect(originals.describeUnused()).toEqual([
      `source map of ${files[0]} and 2 more not used: it is missing (ENOENT)`,
    ]);
  });
});

describe('another text runs', () => {
  const SOURCE = `${'// a comment\n'.repeat(8)}function run(): void {}\n`;

  it('its map in memory is used, and kept', async () => {
    const file = write('src/a.ts', SOURCE);
    const text = `${COMPILED}//# sourceMappingURL=${INLINE}`;
    const scriptsOf = v8With({ [file]: [{ text, sourceMapUrl: INLINE }] });
    const maps = new SourceMaps({ root, scriptsOf });
    expect(await shown(maps, run(file))).toEqual(['src/a.ts:9']);
    expect(await shown(maps, run(file))).toEqual(['src/a.ts:9']);
    expect(scriptsOf).toHaveBeenCalledTimes(1);
  });

  it('of several that were loaded, the one that has the functions', async () => {
    const file = write('src/a.ts', SOURCE);
    const other = { text: 'function run() {}', sourceMapUrl: '' };
    const scriptsOf = v8With({ [file]: [other, { text: COMPILED, sourceMapUrl: INLINE }] });
    expect(await shown(new SourceMaps({ root, scriptsOf }), run(file))).toEqual(['src/a.ts:9']);
  });

  it.each<[string, RunningScript[] | undefined]>([
    ['V8 has no map of it', [{ text: COMPILED, sourceMapUrl: '' }]],
    ['its map is on the disk, of another text', [{ text: COMPILED, sourceMapUrl: 'a.js.map' }]],
    ['V8 has it no more', []],
    ['there is nobody to ask', undefined],
  ])('no line is shown, and it is said, where %s', async (_, scripts) => {
    write('dist/a.js.map', MAP);
    const file = write('dist/a.js', `// rebuilt\n${COMPILED}`);
    const scriptsOf = scripts && v8With({ [file]: scripts });
    const maps = new SourceMaps({ root, ...(scriptsOf ? { scriptsOf } : {}) });
    expect(await shown(maps, run(file))).toEqual(['dist/a.js:0', NO_LINES]);
    expect(await shown(maps, run(file))).toEqual(['dist/a.js:0', NO_LINES]);
    expect(scriptsOf?.mock.calls.length ?? 1).toBe(1);
  });

  it('why V8 could not be asked is said, and it is asked again', async () => {
    const file = write('src/a.ts', SOURCE);
    const scriptsOf = jest.fn<ScriptsOf>(() => Promise.reject(new Error('no inspector')));
    const maps = new SourceMaps({ root, scriptsOf });
    expect((await shown(maps, run(file)))[1]).toContain('V8 could not be asked for it: no inspector');
    await shown(maps, run(file));
    expect(scriptsOf).toHaveBeenCalledTimes(2);
  });

  it('a function of another name at the very position shows it', async () => {
    const file = write('dist/a.js', COMPILED.replace('run', 'ran'));
    expect(await shown(new SourceMaps({ root }), run(file))).toEqual(['dist/a.js:0', NO_LINES]);
  });

  it.each([
    ['(function (exports) { ', 3, 13],
    ['(function (exports) {\n// loaded\n', 5, 13],
  ])('what Module.wrapper puts around the text is taken off: %j', async (before, line, column) => {
    write('dist/a.js.map', MAP);
    const file = write('dist/a.js', COMPILED);
    const wrapped = { text: `${before}${COMPILED}\n})`, sourceMapUrl: '' };
    const scriptsOf = v8With({ [file]: [wrapped] });
    const module = { functionName: '', file, line: 1, column: 11 };
    const position = run(file, line, column);
    const originals = await new SourceMaps({ root, scriptsOf }).load([module, position]);
    expect(originals.describeUnused()).toEqual([]);
    expect(originals.original(position)).toMatchObject({ file: join(root, 'src/a.ts'), line: 9 });
  });

  it('where the text on the disk cannot be followed, V8 tells whether it is the same, with its types taken out', async () => {
    const text = 'interface A<> {}\n\nfunction run(a: A): void {}\n// (\nlet x = <T,>(y: T) => y; (\n';
    const file = write('src/a.ts', text);
    const stripped = text.replace('interface A<> {}', ' '.repeat(16)).replace(': A): void', '   )      ');
    const same = v8With({ [file]: [{ text: `${stripped}\n\n//# sourceURL=a`, sourceMapUrl: '' }] });
    expect(await shown(new SourceMaps({ root, scriptsOf: same }), run(file))).toEqual(['src/a.ts:3']);
    const other = v8With({ [file]: [{ text: COMPILED, sourceMapUrl: '' }] });
    expect(await shown(new SourceMaps({ root, scriptsOf: other }), run(file))).toEqual([
      'src/a.ts:0',
      NO_LINES,
    ]);
  });

  it('modules that webpack runs with eval have the path of their source, and no line without a map', async () => {
    write('src/hot.ts', SOURCE);
    const name = 'webpack-internal:///./src/hot.ts?';
    expect(await shown(new SourceMaps({ root, scriptsOf: v8With({}) }), run(name))).toEqual([
      'src/hot.ts:0',
      NO_LINES,
    ]);
    const map = MAP.replace('../src/a.ts', 'webpack://svc/./src/hot.ts');
    const sourceMapUrl = `data:application/json,${encodeURIComponent(map)}`;
    const scriptsOf = v8With({ [name]: [{ text: COMPILED, sourceMapUrl }] });
    expect(await shown(new SourceMaps({ root, scriptsOf }), run(name))).toEqual(['src/hot.ts:9']);
  });
});

it('a map that would take up too much is refused before it is parsed', async () => {
  // Not JSON: whoever parses it fails otherwise.
  write('dist/a.js.map', `{"version":3,"sources":["a.ts"],"mappings":"${'AAAA,'.repeat(1000)}"`);
  const file = write('dist/a.js', COMPILED);
  const maps = new SourceMaps({ root, cacheBytes: 10_000 });
  expect(await shown(maps, run(file))).toEqual([
    'dist/a.js:3',
    `source map of ${file} not used: it takes up more than 10000 bytes`,
  ]);
});

it('says of which functions V8 names no file', async () => {
  const position = { functionName: 'run', file: '', line: 17, column: 3 };
  expect(await shown(new SourceMaps({ root }), position)).toEqual([
    ':0',
    'source map of run not used: V8 names no file (code that eval or new Function has made)',
  ]);
});

it.each([[], [null], ['']])('says that a map names no source, %j', async (...sources) => {
  write('dist/a.js.map', JSON.stringify({ version: 3, sources, names: [], mappings: ';;AAQA' }));
  const file = write('dist/a.js', COMPILED);
  expect(await shown(new SourceMaps({ root }), run(file))).toEqual([
    'dist/a.js:3',
    `source map of ${file} not used: it names no source`,
  ]);
});
