import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { Profile as PprofProfile } from 'pprof-format';
import { monotonicMillis, SAMPLE_LOG_COLUMNS } from '../../shared/agent.protocol.js';
import { decodeAddonProfile } from '../pprof/pprof.decoder.js';
import { syntheticFrame } from '../pprof/profile.model.js';
import { IDLE, type ProfiledStack, type TimedStack } from '../pprof/v8.profiles.js';
import type { SampledSegment } from './cpu.rotation.js';

/** Of each sample: microseconds since the segment began, CPU microseconds, stack, labels; column after column, which packs well. */
type PackedLog = Int32Array<ArrayBuffer>;

const MICROS_PER_MILLI = 1000;

/** A segment with what the profiling thread itself has used meanwhile. @internal */
export interface RecordedSegment extends SampledSegment {
  /** CPU time of the profiling thread; undefined where it cannot be measured. */
  readonly profilerCpuNanos: number | undefined;
}

/** A segment of the CPU sampler, as the flight recorder keeps it: packed, outside of V8's heap. @internal */
export class RecordedWindow {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** By a clock that is never set. */
  readonly recordedAt = monotonicMillis();
  readonly #rest: Omit<RecordedSegment, 'profile' | 'sampleLog' | 'labels'>;
  readonly #packed: Buffer;
  readonly #profileBytes: number;
  readonly #logBytes: number;

  constructor({ profile, sampleLog, labels, ...rest }: RecordedSegment) {
    this.from = rest.startedAt;
    this.to = rest.startedAt + rest.durationNanos / 1e6;
    this.#rest = rest;
    this.#profileBytes = profile.length;
    const log = packLog(sampleLog, rest.startedAt);
    this.#logBytes = log.byteLength;
    const packed = deflateRawSync(
      Buffer.concat([profile, new Uint8Array(log.buffer), Buffer.from(JSON.stringify(labels))]),
    );
    // Of its own length: what zlib gives may be a part of a larger buffer.
    this.#packed = Buffer.from(Uint8Array.from(packed).buffer);
  }

  get bytes(): number {
    return this.#packed.length;
  }

  /** What of it lies in a stretch of time: two stretches that follow each other have each sample once between them. */
  unpackWithin(from: number, to: number): RecordedSegment {
    const bytes = inflateRawSync(this.#packed);
    const logEnd = this.#profileBytes + this.#logBytes;
    const log = new Int32Array(Uint8Array.from(bytes.subarray(this.#profileBytes, logEnd)).buffer);
    const profile = Uint8Array.from(bytes.subarray(0, this.#profileBytes));
    const labels = JSON.parse(bytes.toString('utf8', logEnd)) as RecordedSegment['labels'];
    const segment = { ...this.#rest, profile, labels, sampleLog: unpackLog(log, this.from) };
    return from <= this.from && to >= this.to ? segment : cut(segment, from, to);
  }
}

function packLog(sampleLog: Uint8Array, startedAt: number): PackedLog {
  const log = new Float64Array(sampleLog.slice().buffer);
  const rows = log.length / SAMPLE_LOG_COLUMNS;
  const order = Array.from({ length: rows }, (_, row) => row * SAMPLE_LOG_COLUMNS);
  order.sort((a, b) => log[a]! - log[b]!);
  const packed = new Int32Array(log.length);
  order.forEach((row, index) => {
    packed[index] = Math.round(log[row]! - startedAt * MICROS_PER_MILLI);
    packed[rows + index] = Math.round(log[row + 1]! / 1000);
    packed[2 * rows + index] = log[row + 2]!;
    packed[3 * rows + index] = log[row + 3]!;
  });
  return packed;
}

function unpackLog(packed: PackedLog, startedAt: number): Uint8Array {
  const rows = packed.length / SAMPLE_LOG_COLUMNS;
  const log = new Float64Array(packed.length);
  for (let row = 0; row < rows; row++) {
    log[row * SAMPLE_LOG_COLUMNS] = packed[row]! + startedAt * MICROS_PER_MILLI;
    log[row * SAMPLE_LOG_COLUMNS + 1] = packed[rows + row]! * 1000;
    log[row * SAMPLE_LOG_COLUMNS + 2] = packed[2 * rows + row]!;
    log[row * SAMPLE_LOG_COLUMNS + 3] = packed[3 * rows + row]!;
  }
  return new Uint8Array(log.buffer);
}

/** Cuts by the times of the samples. What has none (the addon's buffer was full) lies after the last that has. */
function cut(segment: RecordedSegment, from: number, to: number): RecordedSegment {
  const end = segment.startedAt + segment.durationNanos / 1e6;
  const [begin, stop] = [Math.max(from, segment.startedAt), Math.min(to, end)];
  const log = new Float64Array(segment.sampleLog.slice().buffer);
  const stacks = new Map<number, { all: number; within: number }>();
  const rows: number[] = [];
  let [cpu, cpuWithin, lastRow] = [0, 0, segment.startedAt];
  for (let at = 0; at < log.length; at += SAMPLE_LOG_COLUMNS) {
    const [micros, cpuNanos, stack, labels] = [log[at]!, log[at + 1]!, log[at + 2]!, log[at + 3]!];
    const seen = stacks.get(stack) ?? { all: 0, within: 0 };
    stacks.set(stack, seen);
    const time = micros / MICROS_PER_MILLI;
    lastRow = Math.max(lastRow, time);
    seen.all += 1;
    cpu += cpuNanos;
    // The first and the last are taken in at the ends: the two clocks differ by a moment.
    if ((time >= begin || begin === segment.startedAt) && (time < stop || stop === end)) {
      seen.within += 1;
      cpuWithin += cpuNanos;
      rows.push(micros, cpuNanos, stack, labels);
    }
  }
  const share = (stop - begin) / (end - segment.startedAt);
  const shareAfterLog = end > lastRow ? Math.max(0, stop - Math.max(begin, lastRow)) / (end - lastRow) : 0;
  const profile = PprofProfile.decode(segment.profile);
  profile.sample.forEach((sample, index) => {
    const { all, within } = stacks.get(index) ?? { all: 0, within: 0 };
    const count = Number(sample.value[0] ?? 0);
    const sampled = Math.max(all, count);
    const part = sampled === 0 ? share : (within + Math.max(0, count - all) * shareAfterLog) / sampled;
    sample.value = sample.value.map((value) => Math.round(Number(value) * part));
  });
  profile.durationNanos = Math.round(Number(profile.durationNanos) * share);
  const { mainCpuNanos, processCpuNanos, profilerCpuNanos } = segment;
  // Of a buffer that was full the rows tell only until then: the clock has what the thread has used since.
  const unlogged = isCutShort(segment, lastRow) ? Math.max(0, (mainCpuNanos ?? 0) - cpu) : 0;
  const sampled = cpu + unlogged;
  const cpuShare = sampled > 0 ? (cpuWithin + unlogged * shareAfterLog) / sampled : share;
  const main = mainCpuNanos === null ? null : mainCpuNanos * cpuShare;
  return {
    ...segment,
    profile: profile.encode(),
    sampleLog: new Uint8Array(Float64Array.from(rows).buffer),
    startedAt: begin,
    durationNanos: segment.durationNanos * share,
    mainCpuNanos: main,
    processCpuNanos: (main ?? 0) + (processCpuNanos - (mainCpuNanos ?? 0)) * share,
    profilerCpuNanos: profilerCpuNanos === undefined ? undefined : profilerCpuNanos * share,
  };
}

/** Samples that are missing at the end of a segment, of more than a moment. */
const MISSING_SAMPLES = 10;

function isCutShort({ startedAt, durationNanos, hz }: RecordedSegment, lastRow: number): boolean {
  return startedAt + durationNanos / 1e6 - lastRow > (MISSING_SAMPLES * MICROS_PER_MILLI) / hz;
}

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
