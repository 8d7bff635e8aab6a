import { allocsProfile } from './allocs.profile.js';
import { blockProfile } from './block.profile.js';
import { cpuProfile } from './cpu.profile.js';
import { goroutineProfile } from './goroutine.profile.js';
import { heapProfile } from './heap.profile.js';
import { mutexProfile } from './mutex.profile.js';
import type { ProfileKind } from './profile.kind.js';
import { threadcreateProfile } from './threadcreate.profile.js';

/** Every kind of profile that is served, in the order of the index page. To add one, add its file here. @internal */
export const PROFILE_KINDS: readonly ProfileKind[] = [
  cpuProfile,
  heapProfile,
  allocsProfile,
  goroutineProfile,
  threadcreateProfile,
  blockProfile,
  mutexProfile,
];
