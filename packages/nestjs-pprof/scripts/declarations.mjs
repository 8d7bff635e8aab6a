import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageDir } from './paths.mjs';

/** Puts the declarations of the public API, and what they refer to, into each of the directories. */
export function emitDeclarations(directories) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const temporary = mkdtempSync(join(packageDir, 'node_modules/.declarations-'));
  try {
    const args = ['-p', join(packageDir, 'tsconfig.build.json'), '--outDir', temporary];
    execFileSync(process.execPath, [tsc, ...args], { stdio: 'inherit' });
    for (const declaration of reachable(temporary)) {
      for (const directory of directories) {
        mkdirSync(dirname(join(directory, declaration)), { recursive: true });
        copyFileSync(join(temporary, declaration), join(directory, declaration));
      }
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** From index.d.ts, by relative imports. */
function reachable(directory) {
  const found = new Set(['index.d.ts']);
  for (const declaration of found) {
    const text = readFileSync(join(directory, declaration), 'utf8');
    for (const [, file] of text.matchAll(/\bfrom '(\.[^']+)\.js'|\bimport\("(\.[^"]+)\.js"\)/g)) {
      found.add(join(dirname(declaration), `${file}.d.ts`));
    }
  }
  return found;
}
