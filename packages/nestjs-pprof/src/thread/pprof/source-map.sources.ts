import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasScheme } from './source-map.file.js';

/**
 * Turns the sources of a map into absolute paths; `null` where a source is no file on this machine.
 *
 * Where it has a choice it looks at the disk, but a path need not exist: in a container image without the
 * sources, `/app/src/app.service.ts` still says best where the code comes from.
 *
 * @param sources As written in the map, behind `sourceRoot`
 * @param generatedFile Absolute path of the generated file
 * @param mapDirectory Where the map is
 * @internal
 */
export async function resolveSources(
  sources: readonly (string | null)[],
  generatedFile: string,
  mapDirectory: string,
): Promise<(string | null)[]> {
  const disk = new Disk();
  const resolved: (string | null)[] = [];
  for (const source of sources) {
    resolved.push(source ? await resolveSource(source, generatedFile, mapDirectory, disk) : null);
  }
  return resolved;
}

async function resolveSource(
  source: string,
  generatedFile: string,
  mapDirectory: string,
  disk: Disk,
): Promise<string | null> {
  if (/^webpack(?:-internal)?:/.test(source)) {
    const path = webpackPath(source);
    return path === undefined ? null : await findWebpackSource(path, generatedFile, mapDirectory, disk);
  }
  if (source.startsWith('file:')) {
    try {
      return fileURLToPath(source);
    } catch {
      return null;
    }
  }
  if (hasScheme(source)) {
    return null;
  }
  const path = resolve(mapDirectory, source);
  // By the standard sources are URLs, but compilers write plain paths: both kinds of `%20` occur.
  return source.includes('%') && !(await disk.has(path)) ? resolve(mapDirectory, decoded(source)) : path;
}

/**
 * `webpack://<namespace>/<path>?<hash>`, the path relative to the directory webpack ran in
 * (https://webpack.js.org/configuration/output/#outputdevtoolmodulefilenametemplate); the namespace is by default the
 * name of the package, so it can be empty or hold a slash.
 */
function webpackPath(source: string): string | undefined {
  const location = '/' + source.replace(/^[a-z-]+:(?:\/\/)?/, '').replace(/\?.*$/s, '');
  const relative = location.search(/\/\.\.?\//);
  if (relative >= 0) {
    return location.slice(relative + 1);
  }
  const path = /^\/(?:@[^/]+\/)?[^/]*\/(.+)$/s.exec(location)?.[1];
  // Webpack's own: `webpack/bootstrap`, `webpack/runtime/…`, `external "fs"`, `ignored|…`, `(webpack)/buildin/…`.
  return path === undefined || /^(?:webpack\/|external |ignored\||\(webpack\))/.test(path) ? undefined : path;
}

async function findWebpackSource(
  path: string,
  generatedFile: string,
  mapDirectory: string,
  disk: Disk,
): Promise<string> {
  if (isAbsolute(path)) {
    return normalize(path);
  }
  const [firstPart = ''] = normalize(path).split(sep);
  let packageDirectory: string | undefined;
  for (const directory of ancestors(generatedFile)) {
    // Asking for the first part of the path first: one answer does for all sources below `src`.
    if ((await disk.has(join(directory, firstPart))) && (await disk.has(join(directory, path)))) {
      return join(directory, path);
    }
    if (packageDirectory === undefined && (await disk.has(join(directory, 'package.json')))) {
      packageDirectory = directory;
    }
  }
  return join(packageDirectory ?? mapDirectory, path);
}

function ancestors(file: string): string[] {
  const directories: string[] = [];
  for (let directory = dirname(file); directory !== directories.at(-1); directory = dirname(directory)) {
    directories.push(directory);
  }
  return directories;
}

function decoded(source: string): string {
  try {
    return decodeURIComponent(source);
  } catch {
    return source;
  }
}

/** Remembers what exists, for as long as one map is read. */
class Disk {
  readonly #known = new Map<string, boolean>();

  async has(path: string): Promise<boolean> {
    let known = this.#known.get(path);
    if (known === undefined) {
      known = await stat(path).then(
        () => true,
        () => false,
      );
      this.#known.set(path, known);
    }
    return known;
  }
}
