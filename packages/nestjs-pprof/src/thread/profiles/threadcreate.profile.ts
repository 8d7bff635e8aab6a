import { type Profile, syntheticFrame } from '../pprof/profile.model.js';
import type { ProfileKind } from './recording.kind.js';

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
    return {
      sampleTypes: [COUNT],
      periodType: COUNT,
      period: 1,
      samples: results.map(({ label }) => ({ stack: [UNKNOWN], values: [1], labels: { thread: label } })),
      startedAt: Date.now(),
      comments: [
        `worker threads: ${results.map(({ label }) => label).join(', ') || (skipped.length > 0 ? 'not known' : 'none')}`,
        ...(skipped.length > 0 ? [`threads skipped: ${skipped.join('; ')}`] : []),
      ],
      coverage: {
        origins: new Map(results.map(({ label }) => [label, COUNT.type])),
        isPartial: skipped.length > 0,
      },
    };
  },
};
