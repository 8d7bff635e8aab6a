import type * as pprof from '@datadog/pprof';
import { AddonUnavailableError } from '../shared/agent.errors.js';
import { tried } from '../shared/pprof.error.js';
import { workingDirectory } from '../shared/process.variables.js';
import { ownPackage, requireFrom } from './own.package.js';
import { dirname, join, sep } from 'node:path';

/** @internal */
export type Addon = typeof pprof;

let addon: Addon | undefined;

/**
 * Loads `@datadog/pprof`, at the first call, through Node's own `require`: test runners replace the one in scope and
 * would load a second copy of the addon, which then cannot install its signal handler.
 *
 * @throws {AddonUnavailableError} where there is no build of the addon for this platform or Node version.
 * @internal
 */
export function loadAddon(): Addon {
  if (addon === undefined) {
    try {
      addon = withoutDeprecations(() => requireFrom(ownPackage().directory)('@datadog/pprof') as Addon);
    } catch (cause) {
      throw new AddonUnavailableError(cause);
    }
  }
  return addon;
}

/** It asks for `module.parent` as it is loaded: with `--throw-deprecation --pending-deprecation` that ends the process. */
function withoutDeprecations<T>(task: () => T): T {
  const { noDeprecation = false } = process;
  // With `--no-deprecation` it cannot be written, and an assignment would throw.
  Reflect.set(process, 'noDeprecation', true);
  try {
    return task();
  } finally {
    Reflect.set(process, 'noDeprecation', noDeprecation);
  }
}

/** @internal */
export function addonIfLoaded(): Addon | undefined {
  return addon;
}

/** Packages that bring a profiler of their own, by the name that an operator knows them under. */
const KNOWN_PROFILERS = [
  'dd-trace',
  '@pyroscope/nodejs',
  '@google-cloud/profiler',
  '@splunk/otel',
  'newrelic',
  'elastic-apm-node',
];

/** Built copies of the addon, and of the `pprof` package that it is derived from. */
const ADDON_BINARY = /[\\/](dd_)?pprof[^\\/]*\.node$/;
const ADDON_ENTRY = join(sep, '@datadog', 'pprof', 'out', 'src', 'index.js');

/**
 * Whether there is another copy of the addon, one that an APM agent has brought along: V8's samplers are the same for all
 * copies, but no copy knows of what the others have started.
 *
 * @internal
 */
export function isOtherAddonLoaded(): boolean {
  const loaded = loadedModules();
  const own = Object.keys(loaded).find((file) => isOwnEntry(loaded, file));
  const ownDirectory = own?.slice(0, -join('out', 'src', 'index.js').length);
  return Object.keys(loaded).some(
    (file) => ADDON_BINARY.test(file) && !(ownDirectory && file.startsWith(ownDirectory)),
  );
}

/**
 * Whether another copy of the addon samples the CPU; two at a time take each other's signals. With 5000 modules it takes 0.3 ms.
 *
 * @internal
 */
export function isCpuSampledByOther(): boolean {
  const loaded = loadedModules();
  return Object.keys(loaded).some(
    (file) =>
      file.endsWith(ADDON_ENTRY) &&
      !isOwnEntry(loaded, file) &&
      (loaded[file]?.exports as Addon | undefined)?.time?.isStarted?.() === true,
  );
}

/** Flags that have Node itself profile a process until its end, each by the sampler that it holds. */
const OWN_PROFILERS = { CPU: '--cpu-prof', heap: '--heap-prof' };

/** The profilers that this process is known to have, to name whoever holds a sampler. Slow: for errors. @internal */
export function otherProfilers(sampler: 'CPU' | 'heap'): string[] {
  const flag = OWN_PROFILERS[sampler];
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  return [...(flags.includes(flag) ? [`Node's own ${flag}`] : []), ...loadedProfilers()];
}

function loadedProfilers(): string[] {
  const loaded = Object.keys(loadedModules());
  const copies = new Set(loaded.filter((file) => file.endsWith(ADDON_ENTRY)));
  return KNOWN_PROFILERS.filter(
    (name) =>
      loaded.some((file) => file.includes(join(sep, 'node_modules', name, sep))) ||
      copies.has(addonEntryOf(name) ?? ''),
  );
}

/** An ES module leaves no trace in `require.cache`, but the addon that it uses does. */
function addonEntryOf(packageName: string): string | undefined {
  const { createRequire } = process.getBuiltinModule('node:module');
  const application = process.argv[1] ?? join(workingDirectory(), 'index.js');
  return tried(() => {
    const entry = createRequire(application).resolve(packageName);
    return createRequire(join(dirname(entry), 'index.js')).resolve('@datadog/pprof');
  });
}

function isOwnEntry(loaded: NodeJS.Require['cache'], file: string): boolean {
  const own = addonIfLoaded();
  return own !== undefined && file.endsWith(ADDON_ENTRY) && loaded[file]?.exports === own;
}

/** Of Node's own loader: test runners have another `require`. */
function loadedModules(): NodeJS.Require['cache'] {
  return process.getBuiltinModule('node:module').createRequire(process.execPath).cache;
}
