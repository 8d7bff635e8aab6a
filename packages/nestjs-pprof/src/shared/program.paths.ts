import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
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

/** Name and version of the package in the directory, as far as it has them. @internal */
export async function serviceIn(root: string): Promise<string | undefined> {
  try {
    const { name, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    return [name, version].filter((part) => typeof part === 'string').join(' ') || undefined;
  } catch {
    return undefined;
  }
}
