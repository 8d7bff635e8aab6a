import { PprofError } from '../../shared/pprof.error.js';
import { commentsOfIgnored, parseThreads, refusePast, singleThread } from './query.parameters.js';
import type { RecordingKind } from './recording.kind.js';

/** @internal */
export const heapSnapshotRecording: RecordingKind = {
  name: 'heapsnapshot',
  description:
    'The whole heap of a thread, for Chrome DevTools. It stops the thread while it is taken and holds every string of the heap, secrets included; off unless "heapSnapshot: true" is set.',
  views: [],
  download: '',
  texts: [],
  prepare(query, { heapSnapshot }) {
    if (!heapSnapshot) {
      throw new PprofError(
        404,
        'heap snapshots are off. Set "heapSnapshot: true" in the options of PprofModule to have them; know that one holds ' +
          'every string of the heap, passwords and keys included, stops the thread while it is taken (seconds for each ' +
          '100 MB of heap), and needs about ten times the memory of the heap meanwhile',
      );
    }
    refusePast(query);
    commentsOfIgnored(query, ['threads']);
    const thread = singleThread(parseThreads(query.threads ?? 'main'), 'a heap snapshot');
    return {
      head: { as: 'file', fileName: 'heap.heapsnapshot' },
      seconds: 0,
      record: ({ threads: { snapshots } }, signal) => snapshots.take({ thread, signal }),
    };
  },
};
