import { allocsProfile } from './allocs.profile.js';
import { blockProfile } from './block.profile.js';
import { cpuProfile } from './cpu.profile.js';
import { goroutineProfile } from './goroutine.profile.js';
import { heapSnapshotRecording } from './heap-snapshot.recording.js';
import { heapProfile } from './heap.profile.js';
import { mutexProfile } from './mutex.profile.js';
import { profileRecording } from './profile.recording.js';
import type { ProfileKind, RecordingKind } from './recording.kind.js';
import { threadcreateProfile } from './threadcreate.profile.js';
import { traceRecording } from './trace.recording.js';

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

/** Everything that is recorded and served, in the order of the index page. @internal */
export const RECORDINGS: readonly RecordingKind[] = [
  ...PROFILE_KINDS.map(profileRecording),
  traceRecording,
  heapSnapshotRecording,
];
