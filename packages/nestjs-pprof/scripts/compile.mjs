import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { transformFile } from '@swc/core';
import { sourceDir } from './paths.mjs';

const FORMATS = {
  esm: { type: 'module', swc: { type: 'es6' } },
  cjs: { type: 'commonjs', swc: { type: 'commonjs' } },
};

/** Runs in threads and processes of its own, for which it is bundled: see bundle.mjs. */
const PROGRAMS = new Set(['thread', 'post-mortem', 'cli', 'page']);

/**
 * Compiles the sources file by file. swc rather than tsc, as it turns `import.meta.url` into its CommonJS equivalent.
 *
 * @param {'esm' | 'cjs'} format
 * @param {{ withPrograms?: boolean }} options whether also what is published in bundles alone
 */
export async function compileModules(format, directory, { withPrograms = false } = {}) {
  const { type, swc } = FORMATS[format];
  const sources = (await readdir(sourceDir, { recursive: true })).filter(
    (name) =>
      name.endsWith('.ts') &&
      !name.endsWith('.spec.ts') &&
      (withPrograms || !PROGRAMS.has(name.split(sep)[0])),
  );
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type }) + '\n');
  await Promise.all(sources.map((source) => compile(source, directory, swc)));
  return { directory, sources };
}

async function compile(source, directory, module) {
  const sourceFile = join(sourceDir, source);
  const outFile = join(directory, source.replace(/\.ts$/, '.js'));
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
  await writeFile(outFile, `${ownNamesOnly(code)}\n//# sourceMappingURL=${outFile.split(sep).pop()}.map\n`);
  await writeFile(`${outFile}.map`, map);
}

/**
 * What swc exports by is a loop over all names there are, inherited ones too: an application that has added something to
 * `Object.prototype` would die as it loads the package.
 */
function ownNamesOnly(code) {
  const own = code.replace('for(var name in all)Object', 'for(var name of Object.keys(all))Object');
  if (/\bfor ?\(var \w+ in all\)/.test(own)) {
    throw new Error('swc writes another loop over what is exported: see compile.mjs');
  }
  return own;
}
