import type * as pprof from '@datadog/pprof';
import { AddonUnavailableError } from '../shared/agent.errors.js';
import { ownPackage, requireFrom } from './own.package.js';

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
      addon = requireFrom(ownPackage().directory)('@datadog/pprof') as Addon;
    } catch (cause) {
      throw new AddonUnavailableError(cause);
    }
  }
  return addon;
}

/** @internal */
export function addonIfLoaded(): Addon | undefined {
  return addon;
}
