import { PROFILE_NAMES, type PprofProfileName } from '../shared/profile.names.js';
import type { PprofModuleOptions } from '../pprof.options.js';
import { inspect, wrong } from './option.checks.js';

/** What is served. @internal */
export interface ServedOptions {
  readonly profiles: readonly PprofProfileName[];
  readonly heapSnapshot: boolean;
}

/** @internal */
export const SERVED_OPTIONS = ['profiles', 'heapSnapshot'];

/** @internal */
export function resolveServed(options: PprofModuleOptions, problems: string[]): ServedOptions {
  const { heapSnapshot = false } = options;
  if (typeof heapSnapshot !== 'boolean') {
    problems.push(
      wrong('heapSnapshot', heapSnapshot, 'true or false', `"${String(heapSnapshot)}" === "true"`),
    );
  }
  return { profiles: resolveProfiles(options, problems), heapSnapshot };
}

function resolveProfiles({ profiles }: PprofModuleOptions, problems: string[]): readonly PprofProfileName[] {
  const given: unknown = profiles ?? PROFILE_NAMES;
  const takes = `an array of names: ${PROFILE_NAMES.join(', ')}`;
  if (!Array.isArray(given) || profiles === null) {
    problems.push(`option "profiles" is ${inspect(profiles)}, it takes ${takes}`);
    return PROFILE_NAMES;
  }
  for (const name of given as unknown[]) {
    if (!(PROFILE_NAMES as readonly unknown[]).includes(name)) {
      problems.push(`option "profiles" has ${inspect(name)}, it takes ${takes}`);
    }
  }
  return given as PprofProfileName[];
}
