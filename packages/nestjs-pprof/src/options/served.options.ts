import { PROFILE_NAMES, type PprofProfileName } from '../profile.names.js';
import type { PprofModuleOptions } from '../pprof.options.js';
import { inspect } from './option.checks.js';

/** What is served. @internal */
export interface ServedOptions {
  readonly profiles: readonly PprofProfileName[];
}

/** @internal */
export const SERVED_OPTIONS = ['profiles'];

/** @internal */
export function resolveServed({ profiles }: PprofModuleOptions, problems: string[]): ServedOptions {
  const given: unknown = profiles ?? PROFILE_NAMES;
  const takes = `an array of names: ${PROFILE_NAMES.join(', ')}`;
  if (!Array.isArray(given) || profiles === null) {
    problems.push(`option "profiles" is ${inspect(profiles)}, it takes ${takes}`);
    return { profiles: PROFILE_NAMES };
  }
  for (const name of given as unknown[]) {
    if (!(PROFILE_NAMES as readonly unknown[]).includes(name)) {
      problems.push(`option "profiles" has ${inspect(name)}, it takes ${takes}`);
    }
  }
  return { profiles: given as PprofProfileName[] };
}
