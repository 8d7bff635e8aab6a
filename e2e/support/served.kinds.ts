import type { ProfileKind } from '../../packages/nestjs-pprof/src/thread/profiles/recording.kind.js';
import { PROFILE_KINDS } from '../../packages/nestjs-pprof/src/thread/profiles/recording.table.js';

/** The library's own table: what is added there is tested here. */
export const KINDS: readonly ProfileKind[] = PROFILE_KINDS;
