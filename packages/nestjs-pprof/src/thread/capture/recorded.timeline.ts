import { SAMPLE_LOG_COLUMNS } from '../../shared/agent.protocol.js';
import { decodeAddonProfile } from '../pprof/addon-profile.decoder.js';
import { syntheticFrame } from '../pprof/profile.model.js';
import { IDLE, type ProfiledStack, type TimedStack } from '../pprof/v8.profiles.js';
import type { SampledSegment } from './cpu.rotation.js';

const IDLE_STACK: ProfiledStack = { frames: [syntheticFrame(IDLE)], lines: [] };

/** The samples of segments one after the other, in microseconds since the epoch; each stands for the time until the next. @internal */
export function timelineOfSegments(segments: readonly SampledSegment[]): TimedStack[] {
  return segments.flatMap((segment) => {
    const log = new Float64Array(segment.sampleLog.slice().buffer);
    const stacks = decodeAddonProfile(segment.profile).samples.map(({ stack }) => stack);
    const seen = new Map<string, ProfiledStack>();
    const stackOf = (index: number, labels: number): ProfiledStack => {
      const frames = stacks[index];
      const key = `${index} ${labels}`;
      const known = seen.get(key);
      if (known || !frames) {
        return known ?? IDLE_STACK;
      }
      const set = segment.labels?.sets[labels];
      const stack = { frames, lines: [], ...(set ? { labels: set } : {}) };
      seen.set(key, stack);
      return stack;
    };
    const rows = Array.from({ length: log.length / SAMPLE_LOG_COLUMNS }, (_, row) => {
      const at = row * SAMPLE_LOG_COLUMNS;
      return { time: log[at]!, stack: stackOf(log[at + 2]!, log[at + 3]!) };
    }).toSorted((a, b) => a.time - b.time);
    const end = segment.startedAt * 1000 + segment.durationNanos / 1000;
    return rows.map(({ time, stack }, index) => ({
      stack,
      from: time,
      to: Math.max(time, rows[index + 1]?.time ?? end),
    }));
  });
}
