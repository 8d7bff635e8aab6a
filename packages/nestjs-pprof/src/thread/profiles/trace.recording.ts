import { Readable } from 'node:stream';
import type { Trace } from '../capture/tracer.js';
import { parseFractionalSeconds } from './query.parameters.js';
import type { RecordingBody, RecordingContext, RecordingKind } from './recording.kind.js';
import { parseTraceCategories } from './trace.categories.js';

const MILLIS_PER_SECOND = 1000;

/** @internal */
export const traceRecording: RecordingKind = {
  name: 'trace',
  description:
    'A trace of what happens when: garbage collections, timers, requests, synchronous file access and more, of the given seconds. Open it in https://ui.perfetto.dev or chrome://tracing.',
  views: [],
  prepare(query, { maxSeconds }, signal) {
    const seconds = parseFractionalSeconds(query.seconds ?? '1', maxSeconds);
    const categories = parseTraceCategories(query.categories);
    return {
      head: { as: 'file', fileName: 'trace.json' },
      seconds,
      async record(context) {
        const millis = seconds * MILLIS_PER_SECOND;
        const trace = await context.threads.v8.recordTrace({ millis, categories, signal });
        return traceFile(trace, categories, context);
      },
    };
  },
};

/** The JSON object format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
function traceFile(
  { events, startedAt, durationMillis }: Trace,
  categories: readonly string[],
  { process: { pid, entryScript } }: RecordingContext,
): RecordingBody {
  const about = {
    application: entryScript,
    pid,
    node: process.version,
    categories: categories.join(', '),
    startedAt: new Date(startedAt).toISOString(),
    durationMillis: Math.round(durationMillis),
    complete:
      events.lost === undefined
        ? 'as far as V8 had room: it drops events that come faster than the main thread hands them on'
        : `no, ended early: there was no room for another ${events.lost} events. Ask for fewer categories or seconds`,
  };
  const parts = [
    Buffer.from('{"traceEvents":[\n'),
    ...events.texts(),
    Buffer.from(`\n],"displayTimeUnit":"ms","otherData":${JSON.stringify(about)}}\n`),
  ];
  const size = parts.reduce((total, { length }) => total + length, 0);
  return { size, stream: Readable.from(parts, { objectMode: false }) };
}
