import { type Profile, syntheticFrame } from '../pprof/profile.model.js';
import type { ProfileKind } from './recording.kind.js';
import { commentsOfSkipped, coverageOf } from './threads.comments.js';

const COUNT = { type: 'threadcreate', unit: 'count' };

/** V8 does not remember where a thread was created. */
const UNKNOWN = syntheticFrame('(created by application)');

/** @internal */
export const threadcreateProfile: ProfileKind = {
  name: 'threadcreate',
  description: 'The worker threads there are; where they were created is not known.',
  parameters: {
    seconds: { kind: 'delta' },
    debug: true,
    formats: ['pprof', 'text'],
  },
  async capture({ signal }, threads): Promise<Profile> {
    const { results, skipped } = await threads.listWorkers(signal);
    const workers = results.map(({ label }) => label);
    return {
      sampleTypes: [COUNT],
      periodType: COUNT,
      period: 1,
      samples: workers.map((thread) => ({ stack: [UNKNOWN], values: [1], labels: { thread } })),
      startedAt: Date.now(),
      comments: [
        `worker threads: ${workers.join(', ') || (skipped.length > 0 ? 'not known' : 'none')}`,
        ...commentsOfSkipped(skipped),
      ],
      coverage: coverageOf({ results: results.map((thread) => ({ thread })), skipped }),
    };
  },
};
