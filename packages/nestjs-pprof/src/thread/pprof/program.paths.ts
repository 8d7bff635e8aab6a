import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Where the application's code lies, as its profiles name it. @internal */
export interface ProgramPaths {
  /** Absolute path of the script that Node was started with; the executable where there was none (REPL, `-e`). */
  readonly entryScript: string;
  /** The directory of the package that the entry script belongs to. */
  readonly root: string;
}

/** @internal */
export function programPaths(script: string | undefined, cwd: string, execPath: string): ProgramPaths {
  const entryScript = script === undefined ? execPath : resolve(cwd, script);
  return { entryScript, root: script ? packageOf(entryScript, cwd) : cwd };
}

function packageOf(file: string, fallback: string): string {
  for (let directory = dirname(file); directory !== dirname(directory); directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) {
      return directory;
    }
  }
  return fallback;
}
