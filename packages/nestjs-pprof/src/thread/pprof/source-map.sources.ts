import { dirname, isAbsolute, join, normalize, resolve, sep } from 'node:path';
import { stat } from '../../shared/file.system.js';
import { decodePercents, hasScheme } from './source-map.file.js';

/**
 * Turns the sources of a map into absolute paths; `null` where a source is none, but something of the bundler's own.
 *
 * A map has paths of the machine that built. So where there is no such file here, the longest ending of the path that exists
 * below the application's package is taken for it. But a path need not exist: in a container image without the sources,
 * `/app/src/app.service.ts` still says best where the code comes from.
 *
 * @param sources As written in the map, behind `sourceRoot`
 * @internal
 */
export async function resolveSources(
  sources: readonly (string | null)[],
  generatedFile: string,
  mapDirectory: string,
): Promise<(string | null)[]> {
  const disk = new Disk();
  const packages = await packagesAbove(generatedFile, disk);
  const resolved: (string | null)[] = [];
  for (const source of sources) {
    resolved.push(source ? await resolveSource(source, generatedFile, mapDirectory, packages, disk) : null);
  }
  return resolved;
}

async function resolveSource(
  source: string,
  generatedFile: string,
  mapDirectory: string,
  packages: readonly string[],
  disk: Disk,
): Promise<string | null> {
  if (/^webpack(?:-internal)?:/.test(source)) {
    const path = webpackPath(source);
    if (path === undefined) {
      return null;
    }
    const found = isOfWindows(path)
      ? path
      : await findWebpackSource(path, generatedFile, mapDirectory, packages, disk);
    return (await disk.has(found)) ? found : ((await findEnding(found, packages, disk)) ?? found);
  }
  // Of rollup's plugins, not of any file.
  if (source.startsWith('\0')) {
    return null;
  }
  const literal = resolve(mapDirectory, source);
  if (!hasScheme(source) && (await disk.has(literal))) {
    return literal;
  }
  const path = pathOf(source);
  if (path === null) {
    return null;
  }
  // By the standard sources are URLs, but compilers write plain paths: both kinds of `%20` occur.
  const absolute = isOfWindows(path)
    ? path
    : resolve(mapDirectory, hasScheme(source) ? path : decodePercents(path));
  return (await disk.has(absolute)) ? absolute : ((await findEnding(absolute, packages, disk)) ?? absolute);
}

/** A source as a path with slashes: relative, absolute, `C:/…`, or `//host/…`. */
function pathOf(source: string): string | null {
  const path = source.replaceAll('\\', '/');
  if (!hasScheme(path)) {
    return path;
  }
  const [, scheme = '', host = '', rest = ''] = /^([^:]+):(?:\/\/([^/]*))?(.*)$/s.exec(path) ?? [];
  const location = decodePercents(rest.replace(/[?#].*$/s, ''));
  switch (scheme.toLowerCase()) {
    case 'file':
      return isOfWindows(location.slice(1))
        ? location.slice(1)
        : host && host !== 'localhost'
          ? `//${host}${location}`
          : location;
    case 'turbopack': {
      // The others are its own: https://nextjs.org/docs/app/api-reference/turbopack
      const inProject = /^(?:\/?\[project\])(\/.+)$/.exec(host + location)?.[1];
      return inProject ?? null;
    }
    case 'node':
    case 'data':
      return null;
    default:
      return /^\/+$|^$/.test(location) ? null : location.replace(/^\/+(?:\.\/)*/, '/');
  }
}

/** Not of this machine, unless it runs Windows. */
function isOfWindows(path: string): boolean {
  return /^(?:[a-z]:\/|\/\/)/i.test(path);
}

/** The longest ending of the path that is a file below one of the packages; the file name alone proves nothing. */
async function findEnding(
  path: string,
  packages: readonly string[],
  disk: Disk,
): Promise<string | undefined> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let first = 0; first < parts.length - 1; first++) {
    const ending = parts.slice(first);
    for (const directory of packages) {
      if (ending[0] !== '..' && (await disk.hasBelow(directory, ending))) {
        return join(directory, ...ending);
      }
    }
  }
  return undefined;
}

/** The directories of the package that the file belongs to, and of those around it, as in a monorepo. */
async function packagesAbove(file: string, disk: Disk): Promise<string[]> {
  const packages: string[] = [];
  for (const directory of ancestors(file)) {
    if (await disk.has(join(directory, 'package.json'))) {
      packages.push(directory);
    }
  }
  return packages;
}

/**
 * `webpack://<namespace>/<path>?<hash>`, the path relative to the directory webpack ran in
 * (https://webpack.js.org/configuration/output/#outputdevtoolmodulefilenametemplate); the namespace is by default the
 * name of the package, so it can be empty or hold a slash.
 */
function webpackPath(source: string): string | undefined {
  const location =
    '/' +
    source
      .replaceAll('\\', '/')
      .replace(/^[a-z-]+:(?:\/\/)?/, '')
      .replace(/\?.*$/s, '');
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
  packages: readonly string[],
  disk: Disk,
): Promise<string> {
  if (isAbsolute(path)) {
    return normalize(path);
  }
  for (const directory of ancestors(generatedFile)) {
    if (await disk.hasBelow(directory, normalize(path).split(sep))) {
      return join(directory, path);
    }
  }
  return join(packages[0] ?? mapDirectory, path);
}

function ancestors(file: string): string[] {
  const directories: string[] = [];
  for (let directory = dirname(file); directory !== directories.at(-1); directory = dirname(directory)) {
    directories.push(directory);
  }
  return directories;
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

  /** The first part is asked for first: one answer does for all sources below `src`. */
  async hasBelow(directory: string, [first = '', ...others]: readonly string[]): Promise<boolean> {
    return (await this.has(join(directory, first))) && (await this.has(join(directory, first, ...others)));
  }
}
