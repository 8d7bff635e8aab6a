import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PACKAGE } from '../shared/package.identity.js';
import { tried } from '../shared/pprof.error.js';

/** Where this package is installed. Its programs, and the addon, are found from there. */
interface OwnPackage {
  readonly directory: string;
  /** Whether the code that runs is the package's own file, and not a bundle of the application's. */
  readonly isUnbundled: boolean;
}

let found: OwnPackage | undefined;

/**
 * The directory of this package. In an application that was bundled into one file it is the one beside that, if it is the
 * same version: whatever else lies where our files would be is not started.
 *
 * @throws where there is none, or its programs cannot be started.
 * @internal
 */
export function ownPackage(): OwnPackage {
  found ??= unbundled() ?? besideBundle();
  if (found === undefined) {
    throw new Error(
      `the profiler starts programs of the package ${PACKAGE.name} ${PACKAGE.version}, which is not found from where this code ` +
        'runs, as in an application that is bundled into one file. Keep "nestjs-pprof" and "@datadog/pprof" external to the ' +
        'bundle, and install them beside it',
    );
  }
  if (process.versions.pnp !== undefined && /\.zip[\\/]/.test(found.directory)) {
    // Yarn Plug'n'Play has been told not to unpack this package.
    throw new Error(
      `the profiler starts programs of its own package, which lies in a zip file: ${found.directory}. Have Yarn unpack it, as it ` +
        'does unless told not to: "yarn unplug nestjs-pprof"',
    );
  }
  return found;
}

/**
 * A program of the package, for a thread or a process of its own.
 *
 * @throws as `ownPackage` does.
 * @internal
 */
export function programFile(name: 'thread/listener.cjs' | 'post-mortem.cjs'): string {
  const file = join(ownPackage().directory, 'dist', name);
  // Yarn Plug'n'Play has us load files by paths that only this thread's patched `fs` knows.
  // https://yarnpkg.com/advanced/pnpapi#resolvevirtual
  return realpathSync(file);
}

/**
 * Where the code lies that profiles the application from within its main thread, ours and the addon's: paths and URLs,
 * each with a separator at its end.
 *
 * @internal
 */
export function ownCode(): string[] {
  const { directory, isUnbundled } = ownPackage();
  const addon = tried(() => requireFrom(directory).resolve('@datadog/pprof/package.json'));
  return [isUnbundled ? thisFile() : undefined, addon]
    .filter((file) => file !== undefined)
    .map((file) => dirname(file) + sep)
    .flatMap((path) => [path, pathToFileURL(path).href]);
}

/** Node's own: test runners replace the one in scope. @internal */
export function requireFrom(directory: string): NodeJS.Require {
  return process.getBuiltinModule('node:module').createRequire(join(directory, 'package.json'));
}

/** https://nodejs.org/api/single-executable-applications.html#seaissea @internal */
export function isSingleExecutable(): boolean {
  const sea = process.getBuiltinModule('node:sea') as { isSea(): boolean } | undefined;
  return sea?.isSea() === true;
}

function unbundled(): OwnPackage | undefined {
  const file = thisFile();
  for (let at = file && dirname(file); at !== undefined && at !== dirname(at); at = dirname(at)) {
    const { name, version } = manifestIn(at);
    // dist/esm and dist/cjs have manifests that say no more than the type of their modules.
    if (name !== undefined) {
      return name === PACKAGE.name && version === PACKAGE.version
        ? { directory: at, isUnbundled: true }
        : undefined;
    }
  }
  return undefined;
}

/** From where the bundle lies, and from where that lies which was started: never the working directory. */
function besideBundle(): OwnPackage | undefined {
  for (const base of [thisFile(), isSingleExecutable() ? process.execPath : process.argv[1]]) {
    const manifest = tried(() => requireFrom(dirname(base!)).resolve(`${PACKAGE.name}/package.json`));
    if (manifest !== undefined && manifestIn(dirname(manifest)).version === PACKAGE.version) {
      return { directory: dirname(manifest), isUnbundled: false };
    }
  }
  return undefined;
}

function manifestIn(directory: string): { readonly name?: string; readonly version?: string } {
  return tried(() => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as object) ?? {};
}

/** Bundlers leave `import.meta.url`, or what it is in CommonJS, undefined, or have it name a file of their own choice. */
function thisFile(): string | undefined {
  return tried(() => fileURLToPath(import.meta.url));
}
