import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { packageDir, sourceDir } from './paths.mjs';

const PROGRAMS = {
  'thread/listener': 'thread/server/main.ts',
  'thread/application': 'thread/server/deferred.main.ts',
  'post-mortem': 'post-mortem/main.ts',
  cli: 'cli/main.ts',
};

/** What Nest loads where it is used or installed. In the profiling thread it never is, see `deferred.program.ts`. */
const NEVER_LOADED = [
  '@nestjs/microservices',
  '@nestjs/microservices/*',
  '@nestjs/websockets/*',
  'class-validator',
  'class-transformer',
  'file-type',
];

/** What Nest and Express load but only use for the bodies of requests: the profiling thread has no body parser. */
const withoutBodies = {
  name: 'without request bodies',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(body-parser|multer)$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** Nest uses little of it: as ES modules the rest is left out. Its manifest has Node take the others. */
const rxjs = dirname(createRequire(import.meta.url).resolve('rxjs/package.json'));
const alias = {
  rxjs: join(rxjs, 'dist/esm/index.js'),
  'rxjs/operators': join(rxjs, 'dist/esm/operators/index.js'),
};

/**
 * Bundles the script of the index page, to be read as it is by whoever wonders what it does.
 *
 * @returns the files it is made of
 */
export async function bundlePage(directory) {
  const { metafile } = await build({
    absWorkingDir: packageDir,
    entryPoints: { page: join(sourceDir, 'page/page.main.ts') },
    outdir: directory,
    bundle: true,
    platform: 'browser',
    target: ['chrome120', 'firefox120', 'safari17.5'],
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  return filesOf(metafile);
}

/** Bundles each program into one file that needs nothing but Node. Returns the files they are made of. */
export async function bundlePrograms(directory) {
  const { metafile } = await build({
    absWorkingDir: packageDir,
    entryPoints: Object.entries(PROGRAMS).map(([out, source]) => ({ in: join(sourceDir, source), out })),
    outdir: directory,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    charset: 'ascii',
    minify: true,
    // Nest tells providers, and people errors, by the names of classes.
    keepNames: true,
    external: NEVER_LOADED,
    plugins: [withoutBodies],
    alias,
    // Of the file that is run. Nest asks for its own URL to look for packages that there are none of.
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '""' },
    // Evaluated from text, a program has no `import()`: it becomes a `require` that finds what is in the bundle.
    supported: { 'dynamic-import': false },
    legalComments: 'none',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  return filesOf(metafile);
}

function filesOf(metafile) {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.keys(inputs)
      .filter((input) => inputs[input].bytesInOutput > 0)
      .map((input) => resolve(packageDir, input)),
  );
}
