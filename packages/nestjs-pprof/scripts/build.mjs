// Builds dist/:
//
//   esm/, cjs/     what the application loads, file by file, once as ES modules and once as CommonJS
//   thread/        the profiling thread, a program of its own: listener.cjs, and application.cjs with Nest and Express
//   post-mortem.cjs  the process that writes a heap profile when memory has run out
//   cli.cjs        the command `nestjs-pprof`
//   viewer/        speedscope, as its package has it, and the style and script of the index page
//
// and, beside it, THIRD-PARTY-NOTICES and sbom.cdx.json: what of others is in these files.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundlePage, bundlePrograms } from './bundle.mjs';
import { compileModules } from './compile.mjs';
import { emitDeclarations } from './declarations.mjs';
import { distDir, packageDir, sourceDir } from './paths.mjs';
import { packageDirectory, writeInventory } from './third-party.mjs';

await rm(distDir, { recursive: true, force: true });

const modules = await Promise.all([
  compileModules('esm', join(distDir, 'esm')),
  compileModules('cjs', join(distDir, 'cjs')),
]);
emitDeclarations(modules.map(({ directory }) => directory));

const inputs = await bundlePrograms(distDir);
const speedscope = packageDirectory('speedscope');
await cp(join(speedscope, 'dist/release'), join(distDir, 'viewer'), { recursive: true });
const pageInputs = await bundlePage(join(distDir, 'viewer'));
await cp(join(sourceDir, 'page/page.css'), join(distDir, 'viewer/page.css'));
await writeInventory(packageDir, [...inputs, ...pageInputs, join(speedscope, 'package.json')]);
