import type { Profile } from '../pprof/profile.model.js';
import type { ProfileKind } from './recording.kind.js';

const CONTENTIONS = { type: 'contentions', unit: 'count' };

/** There for scrapers, which ask for it by default and call a target down that does not answer. @internal */
export const mutexProfile: ProfileKind = {
  name: 'mutex',
  description:
    'Always empty: JavaScript has no mutexes to contend for. What holds up an event loop is in the block profile.',
  parameters: {
    seconds: { kind: 'delta' },
    debug: true,
    formats: ['pprof', 'text'],
  },
  capture(): Promise<Profile> {
    return Promise.resolve({
      sampleTypes: [CONTENTIONS, { type: 'delay', unit: 'nanoseconds' }],
      periodType: CONTENTIONS,
      period: 1,
      samples: [],
      startedAt: Date.now(),
      comments: [
        'JavaScript has no mutexes, and V8 does not tell of Atomics.wait: see block, or goroutine for threads that wait',
      ],
    });
  },
};
