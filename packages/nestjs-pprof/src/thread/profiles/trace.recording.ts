import { Readable } from 'node:stream';
import type { Trace } from '../capture/tracer.js';
import { badValue, commentsOfIgnored, parseFractionalSeconds, refusePast } from './query.parameters.js';
import type { RecordingBody, RecordingContext, RecordingKind } from './recording.kind.js';

/**
 * What may be traced, and what it shows. Not `node` and `node.async_hooks`: they switch async hooks on, in JavaScript that
 * would run in the main thread by interrupt, and slow every promise down. Not `disabled-by-default-v8.cpu_profiler`: it
 * starts a CPU profiler in every thread of the process, also in those that are just starting or ending.
 * https://nodejs.org/api/tracing.html
 */
const CATEGORIES = {
  v8: 'garbage collection, compilation, deoptimization',
  'disabled-by-default-v8.gc': 'the phases of a garbage collection',
  'disabled-by-default-v8.compile': 'the phases of a compilation',
  'node.environment': 'timers, immediates and the start and end of threads',
  'node.http': 'each request that is served or made',
  'node.fs.sync': 'each synchronous call of node:fs, which keeps the event loop from turning',
  'node.fs.async': 'each asynchronous call of node:fs',
  'node.fs_dir.sync': 'each synchronous reading of a directory',
  'node.fs_dir.async': 'each asynchronous reading of a directory',
  'node.dns.native': 'each DNS query',
  'node.net.native': 'each connection that is made',
  'node.threadpoolwork.async':
    'work for the libuv pool (crypto, zlib, native addons), from queueing to result',
  'node.threadpoolwork.sync': 'the same, while a thread of the pool is at it',
  'node.perf': 'marks and measures of node:perf_hooks (performance.mark) and timerify',
  'node.console': 'console.time and console.count',
  'node.promises.rejections': 'the number of unhandled rejections',
  'node.vm.script': 'each use of node:vm',
  'node.module_timer': 'each module that is loaded',
} as const satisfies Readonly<Record<string, string>>;

type TraceCategory = keyof typeof CATEGORIES;

/** What explains a stall, at a few events for each request. */
const DEFAULT: readonly TraceCategory[] = [
  'v8',
  'node.environment',
  'node.http',
  'node.fs.sync',
  'node.fs_dir.sync',
  'node.dns.native',
  'node.net.native',
  'node.perf',
  'node.promises.rejections',
  'node.vm.script',
];

/** @internal */
export const traceRecording: RecordingKind = {
  name: 'trace',
  description:
    'A trace of what happens when: garbage collections, timers, requests, synchronous file access and more, of the given seconds. Open it in https://ui.perfetto.dev or chrome://tracing.',
  views: [],
  download: '?seconds=5',
  texts: [],
  prepare(query, { maxSeconds }) {
    refusePast(query);
    const ignored = commentsOfIgnored(query, ['seconds', 'categories']);
    const seconds = parseFractionalSeconds(query.seconds ?? '1', maxSeconds);
    const categories = parseTraceCategories(query.categories);
    return {
      head: { as: 'file', fileName: 'trace.json' },
      seconds,
      async record(context, signal) {
        const trace = await context.threads.tracer.record({ millis: seconds * 1000, categories, signal });
        return traceFile(trace, categories, ignored, context);
      },
    };
  },
};

/** The JSON object format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
function traceFile(
  { events, startedAt, durationMillis }: Trace,
  categories: readonly string[],
  comments: readonly string[],
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
    ...(comments.length > 0 ? { comments } : {}),
  };
  const parts = [
    Buffer.from('{"traceEvents":[\n'),
    ...events.texts(),
    Buffer.from(`\n],"displayTimeUnit":"ms","otherData":${JSON.stringify(about)}}\n`),
  ];
  const size = parts.reduce((total, { length }) => total + length, 0);
  return { size, stream: Readable.from(parts, { objectMode: false }) };
}

/** @throws {BadParameterError} naming those that may be asked for. */
function parseTraceCategories(value: string | undefined): readonly string[] {
  if (value === undefined) {
    return DEFAULT;
  }
  const categories = [...new Set(value.split(','))];
  if (!categories.every((category) => Object.hasOwn(CATEGORIES, category))) {
    const all = Object.keys(CATEGORIES).join(', ');
    throw badValue('categories', `must be one or more, separated by commas, of ${all}`);
  }
  return categories;
}
