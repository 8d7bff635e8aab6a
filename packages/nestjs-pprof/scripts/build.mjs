// Builds dist/esm and dist/cjs, file by file, each with its own type declarations.
//
// swc rather than a second run of tsc: it turns `import.meta.url` into its CommonJS equivalent, which the path of
// the profiling thread's entry file needs. Rather than a bundler: published files match the folders in src/.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const packageDir = fileURLToPath(new URL('..', import.meta.url));
const sourceDir = join(packageDir, 'src');
const distDir = join(packageDir, 'dist');

const formats = {
  esm: { type: 'module', swc: { type: 'es6' } },
  cjs: { type: 'commonjs', swc: { type: 'commonjs' } },
};

await rm(distDir, { recursive: true, force: true });

const entries = await readdir(sourceDir, { recursive: true });
const sources = entries.filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));

for (const [format, { type, swc }] of Object.entries(formats)) {
  const outDir = join(distDir, format);
  await mkdir(outDir, { recursive: true });
  await writeFile(join(outDir, 'package.json'), JSON.stringify({ type }) + '\n');
  await Promise.all(sources.map((source) => compile(source, outDir, swc)));
}

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const tscArgs = ['-p', join(packageDir, 'tsconfig.build.json'), '--outDir', join(distDir, 'esm')];
execFileSync(process.execPath, [tsc, ...tscArgs], { stdio: 'inherit' });
for (const source of sources) {
  const declaration = source.replace(/\.ts$/, '.d.ts');
  await cp(join(distDir, 'esm', declaration), join(distDir, 'cjs', declaration));
}

async function compile(source, outDir, module) {
  const sourceFile = join(sourceDir, source);
  const outFile = join(outDir, source.replace(/\.ts$/, '.js'));
  await mkdir(dirname(outFile), { recursive: true });
  const { code, map } = await transformFile(sourceFile, {
    swcrc: false,
    module,
    sourceMaps: true,
    jsc: {
      target: 'es2022',
      keepClassNames: true,
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    sourceFileName: relative(dirname(outFile), sourceFile),
  });
  await writeFile(outFile, `${code}\n//# sourceMappingURL=${outFile.split('/').pop()}.map\n`);
  await writeFile(`${outFile}.map`, map);
}
