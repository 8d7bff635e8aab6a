/**
 * Names of the profiles, for the main thread: checking the options there must not load what makes the profiles. A kind of
 * profile that is not named here is refused by the compiler. Part of the published declarations, as the type is made of it.
 */
export const PROFILE_NAMES = [
  'profile',
  'heap',
  'allocs',
  'goroutine',
  'threadcreate',
  'block',
  'mutex',
  'trace',
  'heapsnapshot',
] as const;

/** The last part of a profile's path: `/debug/pprof/<name>`. */
export type PprofProfileName = (typeof PROFILE_NAMES)[number];
