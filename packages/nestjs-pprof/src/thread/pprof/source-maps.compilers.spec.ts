import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decodedMappings, encodedMappings, presortedDecodedMap, TraceMap } from '@jridgewell/trace-mapping';
import { type Options, transformSync } from '@swc/core';
import ts from 'typescript';
import { rowsOf } from '../../../test-fixtures/exhaustive.js';
import { SourceMaps } from './source.maps.js';
import type { CodePosition } from './source-map.table.js';

const FIXTURES = fileURLToPath(new URL('../../../test-fixtures/source-maps/', import.meta.url));
const SOURCE = readFileSync(join(FIXTURES, 'reports.ts'), 'utf8');

let project: string;
let source: string;
let generated: string;

beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'source maps-')));
  mkdirSync(join(project, 'src'));
  mkdirSync(join(project, 'dist'));
  writeFileSync(join(project, 'package.json'), '{ "type": "commonjs" }');
  source = join(project, 'src/reports.ts');
  generated = join(project, 'dist/reports.js');
  copyFileSync(join(FIXTURES, 'reports.ts'), source);
});

afterEach(() => {
  rmSync(project, { recursive: true });
});

/** The line of the fixture that has this text. */
function lineOf(text: string): number {
  const line = SOURCE.split('\n').findIndex((candidate) => candidate.includes(text)) + 1;
  expect(line).toBeGreaterThan(0);
  return line;
}

/** What a profile of the file shows, as V8 has it and as the maps have it. */
async function profile(
  file: string,
): Promise<{ compiled: CodePosition[]; original: string[]; unreadable: string[] }> {
  const output = execFileSync(process.execPath, [join(FIXTURES, 'profile-module.mjs'), file], {
    encoding: 'utf8',
  });
  const compiled = JSON.parse(output) as CodePosition[];
  const maps = await new SourceMaps().load(compiled);
  const shown = compiled.map((position) => {
    const { functionName, file: path, line } = maps.original(position);
    return `${functionName} ${path}:${line}`;
  });
  return { compiled, original: [...new Set(shown)], unreadable: [...maps.unreadable].map(String) };
}

function expectedFunctions(file: string): string[] {
  return [
    ` ${file}:1`,
    `run ${file}:${lineOf('function run(')}`,
    `ReportService ${file}:${lineOf('constructor(')}`,
    `ReportService.format ${file}:${lineOf('format(row')}`,
    `ReportService.publish ${file}:${lineOf('publish(')}`,
    `computeTotals ${file}:${lineOf('function computeTotals')}`,
    `sortRows ${file}:${lineOf('const sortRows')}`,
    `loadRows ${file}:${lineOf('const loadRows')}`,
    `writeRows ${file}:${lineOf('const writeRows')}`,
    ` ${file}:${lineOf('rows.map(')}`,
    `spin ${file}:${lineOf('function spin')}`,
  ];
}

function compileWithTsc(options: ts.CompilerOptions): void {
  const program = ts.createProgram([source], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.CommonJS,
    rootDir: join(project, 'src'),
    outDir: join(project, 'dist'),
    noLib: true,
    types: [],
    ...options,
  });
  expect(program.emit().emitSkipped).toBe(false);
}

function compileWithSwc(options: Options): void {
  const { code, map } = transformSync(SOURCE, {
    swcrc: false,
    filename: source,
    sourceFileName: '../src/reports.ts',
    sourceMaps: true,
    module: { type: 'commonjs' },
    ...options,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' }, ...options.jsc },
  });
  if (options.sourceMaps === 'inline') {
    expect(code).toContain('sourceMappingURL=data:');
    writeFileSync(generated, code);
  } else {
    writeFileSync(generated, `${code}\n//# sourceMappingURL=reports.js.map`);
    writeFileSync(`${generated}.map`, map ?? '');
  }
}

const TSC: Array<[string, ts.CompilerOptions]> = [
  ['an external map', { sourceMap: true }],
  ['an inline map', { inlineSourceMap: true }],
  ['an inline map with sources', { inlineSourceMap: true, inlineSources: true }],
  ['a source root', { sourceMap: true, sourceRoot: '../src' }],
];

const SWC: Array<[string, Options]> = [
  ['an external map', {}],
  ['an inline map', { sourceMaps: 'inline' }],
];

describe('positions that V8 reports', () => {
  it.each(rowsOf('are mapped in the output of tsc with', TSC, ([name]) => name === 'an external map'))(
    'are mapped in the output of tsc with %s',
    async (_name, options) => {
      compileWithTsc(options);
      const { compiled, original, unreadable } = await profile(generated);
      expect(unreadable).toEqual([]);
      expect(original).toEqual(expect.arrayContaining(expectedFunctions(source)));
      expect(original.filter((position) => !position.includes(source))).toEqual([]);
      // Or nothing was tested: the compiled lines are others.
      expect(compiled.find(({ functionName }) => functionName === 'spin')?.line).not.toBe(
        lineOf('function spin'),
      );
    },
  );

  it('are mapped in ES modules, which V8 knows by URL', async () => {
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    compileWithTsc({ sourceMap: true, module: ts.ModuleKind.ES2022 });
    const { compiled, original } = await profile(generated);
    expect(compiled[0]?.file).toMatch(/^file:\/\/.*source%20maps/);
    expect(original).toEqual(expect.arrayContaining(expectedFunctions(source)));
  });

  it.each(rowsOf('are mapped in the output of swc with', SWC, ([name]) => name === 'an inline map'))(
    'are mapped in the output of swc with %s',
    async (_name, options) => {
      compileWithSwc(options);
      const { original } = await profile(generated);
      expect(original).toEqual(expect.arrayContaining(expectedFunctions(source)));
    },
  );

  it('are mapped in minified code, and renamed functions get their names back', async () => {
    compileWithSwc({
      minify: true,
      jsc: { minify: { mangle: { toplevel: true }, compress: false, module: true } },
    });
    const code = readFileSync(generated, 'utf8');
    expect(code).not.toMatch(/computeTotals|sortRows|loadRows|writeRows/);
    const { compiled, original } = await profile(generated);
    expect(new Set(compiled.map(({ line }) => line))).toEqual(new Set([1]));
    const className = compiled.find(({ column }) =>
      code.slice(0, column - 1).endsWith('constructor'),
    )?.functionName;
    expect(className).toMatch(/^\w$/);
    expect(original).toEqual(expect.arrayContaining(expectedFunctions(source)));
  });

  it('are mapped in a webpack bundle, except those in its runtime', async () => {
    const bundle = join(project, 'dist/apps/shop/main.js');
    mkdirSync(dirname(bundle), { recursive: true });
    compileWithTsc({ sourceMap: true });
    writeFileSync(join(project, 'src/main.ts'), 'not compiled, but there');
    writeBundle(bundle);
    const { original, compiled } = await profile(bundle);
    expect(original).toEqual(
      expect.arrayContaining([
        ...expectedFunctions(source).filter(
          (position) => !position.startsWith(' ') || !position.endsWith(':1'),
        ),
        `__webpack_require__ ${bundle}:${compiled.find((p) => p.functionName === '__webpack_require__')?.line}`,
      ]),
    );
  });
});

/** In the form of webpack 5 with `devtool: 'source-map'` and mode `none`, as `nest build --webpack` has it. */
function writeBundle(bundle: string): void {
  const code = readFileSync(generated, 'utf8').replace(/\n\/\/# sourceMappingURL.*/, '');
  const map = new TraceMap(readFileSync(`${generated}.map`, 'utf8'));
  const before = [
    '/******/ (() => { // webpackBootstrap',
    '/******/ \tvar __webpack_modules__ = ([',
    '/* 0 */,',
    '/* 1 */',
    '/***/ ((module, exports) => {',
    '',
  ];
  const after = [
    '/***/ })',
    '/******/ \t]);',
    '/******/ \tfunction __webpack_require__(moduleId) {',
    '/******/ \t\tvar module = { exports: {} };',
    // The busy loop is for the profiler to see the function.
    '/******/ \t\tfor (var end = process.cpuUsage().user + 50_000; process.cpuUsage().user < end; );',
    '/******/ \t\t__webpack_modules__[moduleId](module, module.exports);',
    '/******/ \t\treturn module.exports;',
    '/******/ \t}',
    'exports.run = __webpack_require__(1).run;',
    '/******/ })();',
    '//# sourceMappingURL=main.js.map',
  ];
  writeFileSync(bundle, [...before, code, ...after].join('\n'));
  const mappings = encodedMappings(
    presortedDecodedMap({
      version: 3,
      names: [],
      sources: [],
      mappings: [
        ...before.map(() => []),
        ...decodedMappings(map).map((line) =>
          line.map(
            (segment) =>
              [segment[0], 1, segment[2] ?? 0, segment[3] ?? 0] as [number, number, number, number],
          ),
        ),
      ],
    }),
  );
  const sources = [
    'webpack://@shop/api/./src/main.ts',
    'webpack://@shop/api/./src/reports.ts?9a1f',
    'webpack://@shop/api/webpack/bootstrap',
  ];
  writeFileSync(
    `${bundle}.map`,
    JSON.stringify({ version: 3, file: 'main.js', mappings, sources, names: [], sourceRoot: '' }),
  );
}
