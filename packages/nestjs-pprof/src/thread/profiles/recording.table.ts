import { heapSnapshotRecording } from './heap-snapshot.recording.js';
import { profileRecording } from './profile.recording.js';
import { PROFILE_KINDS } from './profile.kinds.js';
import type { RecordingKind } from './recording.kind.js';
import { traceRecording } from './trace.recording.js';

/** Everything that is recorded and served, in the order of the index page. @internal */
export const RECORDINGS: readonly RecordingKind[] = [
  ...PROFILE_KINDS.map(profileRecording),
  traceRecording,
  heapSnapshotRecording,
];
