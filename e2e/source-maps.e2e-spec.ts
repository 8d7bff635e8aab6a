import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { AppProcess, killProcesses } from './support/app.process.js';
import { profilingUrl } from './support/example.app.js';
import { describeWithGo, goToolPprof } from './support/go.tool.js';
import { NestProject } from './support/nest.project.js';
import { patience, windowOf } from './support/patience.js';
import { framesNamed, takeProfile } from './support/pprof.profile.js';

/** A cold run of webpack takes its time on a small machine. */
const BUILD_TIMEOUT = patience(180_000);

const SOURCE = 'src/primes.service.ts';

function start(project: NestProject): Promise<string> {
  return profilingUrl(new AppProcess(project.path('dist/main.js')));
}

/** Nest's own webpack configuration makes no maps: whoever debugs the bundle has such a file. */
async function buildWithWebpack(project: NestProject, devtool: string): Promise<void> {
  const config = `module.exports = (options) => ({ ...options, devtool: '${devtool}' });\n`;
  await project.write('webpack.config.js', config);
  await project.nestBuild('--webpack');
}

interface Build {
  readonly name: string;
  readonly build: (project: NestProject) => Promise<void>;
  readonly output: string;
  readonly map: RegExp;
}

const TSC: Build = {
  name: 'nest build (tsc), external maps',
  build: (project) => project.nestBuild(),
  output: 'dist/primes.service.js',
  map: /^\/\/# sourceMappingURL=primes\.service\.js\.map/m,
};

const WEBPACK: Build = {
  name: 'nest build --webpack, external maps',
  build: (project) => buildWithWebpack(project, 'source-map'),
  output: 'dist/main.js',
  map: /^\/\/# sourceMappingURL=main\.js\.map/m,
};

const BUILDS: readonly Build[] = [
  TSC,
  {
    name: 'nest build (tsc), inline maps',
    build: async (project) => {
      await project.setCompilerOptions({ sourceMap: false, inlineSourceMap: true });
      await project.nestBuild();
    },
    output: 'dist/primes.service.js',
    map: /^\/\/# sourceMappingURL=data:application\/json/m,
  },
  {
    name: 'swc, external maps',
    build: (project) => project.swcBuild({}),
    output: 'dist/primes.service.js',
    map: /^\/\/# sourceMappingURL=primes\.service\.js\.map/m,
  },
  {
    name: 'swc, inline maps',
    build: (project) => project.swcBuild({ sourceMaps: 'inline' }),
    output: 'dist/primes.service.js',
    map: /^\/\/# sourceMappingURL=data:application\/json/m,
  },
  WEBPACK,
  {
    name: 'nest build --webpack, inline maps',
    build: (project) => buildWithWebpack(project, 'inline-source-map'),
    output: 'dist/main.js',
    map: /^\/\/# sourceMappingURL=data:application\/json/m,
  },
];

/** The compiler that people use, and a fast one; webpack takes as long as all else here, and its form is in the unit tests. */
const isEssential = (build: Build) => build === TSC || build.name === 'swc, inline maps';

describe.each(rowsOf('the output of', BUILDS, isEssential))('the output of $name', (build) => {
  const { output, map } = build;
  let project: NestProject;
  let url: string;

  beforeAll(async () => {
    project = await NestProject.create();
    await build.build(project);
    url = await start(project);
  }, BUILD_TIMEOUT);

  afterAll(killProcesses);

  const framesOf = async (origin: string, name: RegExp) =>
    framesNamed(await takeProfile(`${origin}/debug/pprof/profile?seconds=${windowOf(1)}&hz=500`), name);

  it('is shown as the TypeScript it was made from', async () => {
    expect(await readFile(project.path(output), 'utf8')).toMatch(map);
    const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=${windowOf(1)}&hz=500`);

    const source = (await readFile(project.path(SOURCE), 'utf8')).split('\n');
    const lineOf = (part: string) => source.findIndex((line) => line.includes(part)) + 1;
    const file = project.path(SOURCE);
    for (const [name, startLine] of [
      ['isPrime', lineOf('const isPrime')],
      ['countPrimes', lineOf('function countPrimes')],
      ['PrimesService.work', lineOf('  work(): void {')],
    ] as const) {
      expect(framesNamed(profile, new RegExp(`^${name.replace('.', '\\.')} `))).toEqual([
        { name: `${name} (${SOURCE})`, file, startLine },
      ]);
    }
    // The compiled line is another, or nothing has been shown.
    const compiled = (await readFile(project.path(output), 'utf8')).split('\n');
    expect(compiled.findIndex((line) => line.includes('function countPrimes')) + 1).not.toBe(
      lineOf('function countPrimes'),
    );
    expect(profile.comments.filter((comment) => comment.includes('source map'))).toEqual([]);
  });

  if (build === TSC || build === WEBPACK) {
    describeWithGo('in go tool pprof', () => {
      it('has the lines of its TypeScript source in -list', async () => {
        const { stdout, warnings } = await goToolPprof('-list', '^isPrime', '-seconds', '1', url);
        expect(warnings).toEqual([]);
        expect(stdout).toContain(` isPrime (${SOURCE}) in ${project.path(SOURCE)}`);
        expect(stdout).toMatch(/^ +\S+ +\S+ +\d+:const isPrime = \(n: number\): boolean => \{$/m);
      });
    });
  }

  if (build === TSC) {
    it('that was rebuilt under the running process gives no line, what was read before stays', async () => {
      const compiled = await readFile(project.path(output), 'utf8');
      const unknown = await start(project);
      const before = await framesOf(url, /^countPrimes /);
      await writeFile(project.path(output), `// another build\n${compiled}`);
      try {
        expect(await framesOf(url, /^countPrimes /)).toEqual(before);
        expect(await framesOf(unknown, /^countPrimes /)).toEqual([
          { name: `countPrimes (${output})`, file: project.path(output), startLine: 0 },
        ]);
      } finally {
        await writeFile(project.path(output), compiled);
      }
    });
  }
});

/** Compiles TypeScript as it is loaded, as ts-node, tsx and others do. */
const compileOnLoad = (sourceMaps: 'inline' | false) => `
const { readFileSync } = require('node:fs');
const { transformSync } = require(${JSON.stringify(createRequire(import.meta.url).resolve('@swc/core'))});
require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    swcrc: false,
    filename,
    sourceMaps: ${JSON.stringify(sourceMaps)},
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
  });
  module._compile(code, filename);
};
`;

describe('code that is compiled as it is loaded', () => {
  afterEach(killProcesses);

  const profileOf = async (sourceMaps: 'inline' | false) => {
    const project = await NestProject.create();
    await project.write('compile.cjs', compileOnLoad(sourceMaps));
    const execArgv = ['--require', project.path('compile.cjs')];
    const url = await profilingUrl(new AppProcess(project.path('src/main.ts'), { execArgv }));
    const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=${windowOf(1)}&hz=500`);
    const comments = profile.comments.filter((comment) => comment.includes('source map'));
    return { project, comments, frames: framesNamed(profile, /^countPrimes /) };
  };

  it('has the lines of its source, by the map that V8 has in memory', async () => {
    const { project, comments, frames } = await profileOf('inline');
    const source = (await readFile(project.path(SOURCE), 'utf8')).split('\n');
    const startLine = source.findIndex((line) => line.includes('function countPrimes')) + 1;
    expect(comments).toEqual([]);
    expect(frames).toEqual([{ name: `countPrimes (${SOURCE})`, file: project.path(SOURCE), startLine }]);
  });

  it('has no lines where there is no map, and a comment that says so', async () => {
    const { project, comments, frames } = await profileOf(false);
    expect(frames).toEqual([{ name: `countPrimes (${SOURCE})`, file: project.path(SOURCE), startLine: 0 }]);
    expect(comments).toEqual([expect.stringContaining('the text that runs is not the one on the disk')]);
  });
});
