import { join } from 'node:path';
import { readFile } from '../../shared/file.system.js';
import { renderPaths } from '../pprof/hot.paths.js';
import { renderMarkdown, type ReportSubject } from '../pprof/profile.markdown.js';
import { renderDump, renderStacks, renderTop } from '../pprof/profile.text.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import type { Profile } from '../pprof/profile.model.js';
import type { SymbolizedProfile } from '../pprof/profile.symbolizer.js';
import { routeOf } from '../pprof/sample.groups.js';
import type { SourceMaps } from '../pprof/source.maps.js';
import { mapCpuProfile, mapHeapProfile } from '../pprof/v8.profiles.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import { processorLimit } from '../capture/kernel.threads.js';
import type { ThreadSelection } from '../capture/thread.selection.js';
import { captureDelta } from './delta.profile.js';
import {
  BadParameterError,
  NotEnabledError,
  parseChoice,
  parseHz,
  parsePast,
  parseSeconds,
  parseThreads,
  parseThreshold,
  type Query,
  singleThread,
  type Stretch,
} from './query.parameters.js';
import type {
  ProfileFormat,
  ProfileKind,
  ProfileLimits,
  ProfileRequest,
  RecordingBody,
  RecordingContext,
  RecordingHead,
  RecordingKind,
  RecordingView,
  V8FormatName,
  V8Profile,
} from './recording.kind.js';

/** Serves a kind of profile in each of its formats. @internal */
export function profileRecording(kind: ProfileKind): RecordingKind {
  const { name, description } = kind;
  return {
    name,
    description,
    views: viewsOf(kind),
    download: windowOf(kind),
    texts: textsOf(kind),
    prepare(query, options, signal) {
      const request = parseProfileRequest(kind, query, options, signal);
      const { seconds } = request;
      return { head: headOf(kind, request), seconds, record: (context) => record(kind, request, context) };
    },
  };
}

/** What is of a window of time is of five seconds, unless somebody asks otherwise. */
function windowOf({ parameters: { seconds } }: ProfileKind): string {
  return seconds?.kind === 'window' || seconds?.kind === 'optional-window' ? '?seconds=5' : '';
}

function textsOf(kind: ProfileKind): RecordingKind['texts'] {
  const { formats } = kind.parameters;
  const withFormat = (format: ProfileFormat) =>
    `${windowOf(kind) || '?'}${windowOf(kind) && '&'}format=${format}`;
  return [
    { text: 'text', query: kind.hasDump ? '?debug=2' : withFormat('text') },
    ...(formats.includes('markdown') ? [{ text: 'report', query: withFormat('markdown') }] : []),
  ];
}

function viewsOf(kind: ProfileKind): RecordingView[] {
  const { formats } = kind.parameters;
  const query = windowOf(kind);
  const timeline: RecordingView = {
    text: 'timeline of the main thread',
    query: '?seconds=5&format=cpuprofile',
    order: 'time-ordered',
  };
  return [
    { text: 'flame graph', query, order: 'left-heavy' },
    ...(formats.includes('cpuprofile') ? [timeline] : []),
  ];
}

function headOf(kind: ProfileKind, request: ProfileRequest): RecordingHead {
  if (request.debug !== 0 || request.format === 'text') {
    return { as: 'text' };
  }
  if (request.format === 'markdown') {
    return { as: 'markdown' };
  }
  if (isV8Format(request.format)) {
    return { as: 'file', fileName: `${kind.name}.${request.format}` };
  }
  const isDelta = kind.parameters.seconds?.kind !== 'window' && request.seconds !== undefined;
  return { as: 'file', fileName: isDelta ? `${kind.name}-delta` : kind.name };
}

async function record(
  kind: ProfileKind,
  request: ProfileRequest,
  context: RecordingContext,
): Promise<RecordingBody> {
  const { threads, sourceMaps } = context;
  if (isV8Format(request.format) && kind.captureV8) {
    const captured = await kind.captureV8(request, threads);
    return Buffer.from(JSON.stringify(await mapped(captured, sourceMaps)));
  }
  const captured = await capture(kind, request, threads);
  request.signal.throwIfAborted();
  const profile = await symbolized(ofRoute(captured, request.route), kind, context);
  request.signal.throwIfAborted();
  if (request.debug !== 0) {
    return request.debug === 2 && kind.hasDump ? renderDump(profile) : renderStacks(profile, kind.name);
  }
  switch (request.format) {
    case 'text':
      return `${renderTop(profile)}${renderPaths(profile)}`;
    case 'markdown':
      return renderMarkdown(profile, await subjectOf(kind, context));
    default:
      return encodePprof(profile, context.process.entryScript);
  }
}

/** Name and version of the package in the directory, as far as it has them. */
async function serviceIn(root: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(root, 'package.json'), 'utf8');
    const { name, version } = JSON.parse(text) as Record<string, unknown>;
    return [name, version].filter((part) => typeof part === 'string').join(' ') || undefined;
  } catch {
    return undefined;
  }
}

async function subjectOf(
  { name, caveats = [] }: ProfileKind,
  { process: { pid, entryScript, root, instance } }: RecordingContext,
): Promise<ReportSubject> {
  return {
    kind: name,
    caveats,
    pid,
    entryScript,
    root,
    instance,
    service: await serviceIn(root),
    processors: processorLimit(),
  };
}

function capture(kind: ProfileKind, request: ProfileRequest, threads: ApplicationThreads): Promise<Profile> {
  const { seconds } = request;
  return seconds !== undefined && kind.parameters.seconds?.kind === 'delta'
    ? captureDelta(kind, { ...request, seconds }, threads)
    : kind.capture(request, threads);
}

/** Routes that are named where the one that is asked for is not among them. */
const MAX_ROUTES_NAMED = 20;

function ofRoute(profile: Profile, route: string | undefined): Profile {
  if (route === undefined) {
    return profile;
  }
  const isMeant = (name: string | undefined) => name === route || name?.replace(/^[A-Z]+ /, '') === route;
  const samples = profile.samples.filter(({ labels = {} }) => isMeant(routeOf(labels)));
  const routes = [...new Set(profile.samples.flatMap(({ labels = {} }) => routeOf(labels) ?? []))];
  const comment =
    samples.length > 0
      ? `only what was done for requests of the route ${route}`
      : `nothing was seen of the route ${route}; routes that were: ${routes.slice(0, MAX_ROUTES_NAMED).join(', ') || 'none'}`;
  return { ...profile, samples, comments: [...profile.comments, comment] };
}

function mapped(captured: V8Profile, sourceMaps: SourceMaps): Promise<object> {
  return captured.v8 === 'cpuprofile'
    ? mapCpuProfile(captured.profile, sourceMaps)
    : mapHeapProfile(captured.profile, sourceMaps);
}

function symbolized(
  profile: Profile,
  { name }: ProfileKind,
  { symbolizer, process: { pid } }: RecordingContext,
): Promise<SymbolizedProfile> {
  const { version, platform, arch } = process;
  const comments = [
    `nestjs-pprof: ${name} of pid ${pid}, node ${version} ${platform}-${arch}`,
    ...profile.comments,
  ];
  return symbolizer.symbolize({ ...profile, comments });
}

/**
 * Checks the parameters of a request, in the order of the HTTP contract.
 *
 * @throws {BadParameterError}
 * @internal
 */
export function parseProfileRequest(
  kind: ProfileKind,
  query: Query,
  limits: ProfileLimits,
  signal: AbortSignal,
): ProfileRequest {
  const { parameters } = kind;
  const { maxSeconds, thresholdMillis, recorder } = limits;
  const past = parameters.past ? stretchOf(query, recorder) : undefined;
  const seconds = query.seconds === undefined ? undefined : parseSeconds(query.seconds, maxSeconds);
  const debug = parameters.debug ? Number(parseChoice('debug', query.debug ?? '0', ['0', '1', '2'])) : 0;
  if (seconds !== undefined && debug !== 0) {
    throw new BadParameterError('seconds and debug params are incompatible');
  }
  if (seconds !== undefined && parameters.seconds === null) {
    throw new BadParameterError('"seconds" parameter is not supported for this profile type');
  }
  const format = parseChoice('format', query.format ?? 'pprof', parameters.formats);
  const hasOneThread = debug === 0 && isV8Format(format);
  if (hasOneThread && seconds !== undefined && parameters.seconds?.kind !== 'window') {
    throw new BadParameterError(`"seconds" parameter is not supported with format=${format}`);
  }
  const window = past ? undefined : (seconds ?? defaultSeconds(parameters.seconds, maxSeconds));
  // To sample at the recorder's rate starts nothing, while V8's start at another one, and at the recorder's again afterwards,
  // holds up main: with a heap of a gigabyte for most of a second each time.
  const usesRecorder = parameters.past && recorder && !(window && isV8Format(format));
  const defaultHz = usesRecorder ? recorder.hz : (parameters.hz?.default ?? 0);
  return {
    seconds: window,
    past,
    hz: parameters.hz && query.hz !== undefined ? parseHz(query.hz) : defaultHz,
    threads: parameters.threads ? threadsOf(query, hasOneThread ? format : undefined) : 'all',
    thresholdMillis:
      parameters.threshold && query.threshold !== undefined
        ? parseThreshold(query.threshold)
        : thresholdMillis,
    // A form sends what nobody has filled in, too.
    route: (parameters.route && query.route) || undefined,
    labels:
      parameters.labels === true &&
      parseChoice('labels', query.labels ?? 'true', ['true', 'false']) === 'true',
    gc: parameters.gc === true && parseChoice('gc', query.gc ?? '0', ['0', '1']) === '1',
    debug,
    // What is to be read is text, whatever the format.
    format: debug === 0 ? format : 'text',
    signal,
  };
}

function stretchOf(query: Query, recorder: ProfileLimits['recorder']): Stretch | undefined {
  const { past, until } = query;
  if (past === undefined) {
    if (until !== undefined) {
      throw new BadParameterError('"until" parameter needs "past": the seconds before it');
    }
    return undefined;
  }
  if (!recorder) {
    throw new NotEnabledError(
      'the flight recorder is off, so nothing of the past is kept: set "flightRecorder: {}" in the options of PprofModule',
    );
  }
  const other = ['seconds', 'hz'].find((name) => query[name] !== undefined);
  if (other !== undefined) {
    throw new BadParameterError(`past and ${other} params are incompatible`);
  }
  return parsePast(past, until, recorder.minutes);
}

function threadsOf({ threads }: Query, formatOfOneThread: ProfileFormat | undefined): ThreadSelection {
  if (formatOfOneThread === undefined) {
    return parseThreads(threads ?? 'all');
  }
  const selection = parseThreads(threads ?? 'main');
  singleThread(selection, `format=${formatOfOneThread}`);
  return selection;
}

function defaultSeconds(
  seconds: ProfileKind['parameters']['seconds'],
  maxSeconds: number,
): number | undefined {
  return seconds?.kind === 'window' ? Math.min(seconds.default, maxSeconds) : undefined;
}

function isV8Format(format: ProfileFormat): format is V8FormatName {
  return format === 'cpuprofile' || format === 'heapprofile';
}
