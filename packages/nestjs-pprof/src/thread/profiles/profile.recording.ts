import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFile } from '../../shared/file.system.js';
import { PprofError } from '../../shared/pprof.error.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import { renderPaths } from '../pprof/hot.paths.js';
import { renderMarkdown } from '../pprof/profile.markdown.js';
import { renderDump, renderStacks, renderTop, routeOf } from '../pprof/profile.text.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import type { Coverage, Profile, StackSample } from '../pprof/profile.model.js';
import { mapV8Profile } from '../pprof/v8.profiles.js';
import { processorLimit } from '../capture/kernel.threads.js';
import { commentsOfIgnored, isV8Format, parameterNames, parseProfileRequest } from './query.parameters.js';
import type {
  CheckedRequest,
  ProfileFormat,
  ProfileKind,
  ProfileRequest,
  RecordingBody,
  RecordingContext,
  RecordingHead,
  RecordingKind,
  RecordingView,
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
    prepare(query, options) {
      const ignored = commentsOfIgnored(query, parameterNames(kind.parameters));
      const request = parseProfileRequest(kind, query, options);
      return {
        head: headOf(kind, request),
        seconds: request.seconds,
        record: (context, signal) => record(kind, { ...request, signal }, context, ignored),
      };
    },
  };
}

/** What is of a window of time is of five seconds, unless somebody asks otherwise. */
function windowOf({ parameters: { seconds } }: ProfileKind): string {
  return seconds.kind === 'delta' ? '' : '?seconds=5';
}

function textsOf(kind: ProfileKind): RecordingKind['texts'] {
  const { formats } = kind.parameters;
  const window = windowOf(kind);
  const withFormat = (format: ProfileFormat) => `${window ? `${window}&` : '?'}format=${format}`;
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

function headOf(kind: ProfileKind, request: CheckedRequest): RecordingHead {
  if (request.debug !== 0 || request.format === 'text') {
    return { as: 'text' };
  }
  if (request.format === 'markdown') {
    return { as: 'markdown' };
  }
  if (isV8Format(request.format)) {
    return { as: 'file', fileName: `${kind.name}.${request.format}` };
  }
  const isDelta = kind.parameters.seconds.kind !== 'window' && request.seconds !== undefined;
  return { as: 'file', fileName: isDelta ? `${kind.name}-delta` : kind.name };
}

async function record(
  kind: ProfileKind,
  request: ProfileRequest,
  { threads, sourceMaps, symbolizer, process: of }: RecordingContext,
  ignored: readonly string[],
): Promise<RecordingBody> {
  const { seconds, route, debug, format, signal } = request;
  if (isV8Format(format) && kind.captureV8) {
    const captured = await kind.captureV8(request, threads);
    const mapped = await mapV8Profile(captured, sourceMaps);
    const comments = [...ignored, ...(mapped.comments ?? [])];
    return comments.length > 0
      ? { bytes: Buffer.from(JSON.stringify({ ...mapped, comments })), comments }
      : Buffer.from(JSON.stringify(mapped));
  }
  const captured =
    seconds !== undefined && kind.parameters.seconds.kind === 'delta'
      ? await captureDelta(kind, { ...request, seconds }, threads)
      : await kind.capture(request, threads);
  signal.throwIfAborted();
  const asked = ofRoute(captured, route);
  const { version, platform, arch } = process;
  const heading = `nestjs-pprof: ${kind.name} of pid ${of.pid}, node ${version} ${platform}-${arch}`;
  const profile = await symbolizer.symbolize({
    ...asked,
    comments: [heading, ...ignored, ...asked.comments],
  });
  signal.throwIfAborted();
  if (debug !== 0) {
    return debug === 2 && kind.hasDump ? renderDump(profile) : renderStacks(profile, kind.name);
  }
  switch (format) {
    case 'text':
      return `${renderTop(profile)}${renderPaths(profile)}`;
    case 'markdown':
      return renderMarkdown(profile, {
        ...of,
        kind: kind.name,
        caveats: kind.caveats ?? [],
        service: await serviceIn(of.root),
        processors: processorLimit(),
      });
    default:
      return encodePprof(profile, of.entryScript);
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

/** Routes that are named where the one that is asked for is not among them. */
const MAX_ROUTES_NAMED = 20;

function ofRoute(profile: Profile, route: string | undefined): Profile {
  if (route === undefined) {
    return profile;
  }
  const isMeant = (name: string | undefined) => name === route || name?.replace(/^[A-Z]+ /, '') === route;
  const samples = profile.samples.filter(
    ({ labels = {} }) => isMeant(routeOf(labels)) || isMeant(labels['route']),
  );
  const routes = [...new Set(profile.samples.flatMap(({ labels = {} }) => routeOf(labels) ?? []))];
  const comment =
    samples.length > 0
      ? `only what was done for requests of the route ${route}`
      : `nothing was seen of the route ${route}; routes that were: ${routes.slice(0, MAX_ROUTES_NAMED).join(', ') || 'none'}`;
  return { ...profile, samples, comments: [...profile.comments, comment] };
}

/**
 * The difference that so many seconds make to a profile of a moment, as in Go: what has gone has negative values. Threads of
 * which what is counted has started anew in between are left out and named.
 *
 * @throws {PprofError} where no thread is left.
 * @internal
 */
export async function captureDelta(
  kind: ProfileKind,
  request: ProfileRequest & { readonly seconds: number },
  threads: ApplicationThreads,
): Promise<Profile> {
  const { seconds, signal } = request;
  const began = process.hrtime.bigint();
  const before = await kind.capture(request, threads);
  await sleep(seconds * 1000, undefined, { signal });
  const durationNanos = Number(process.hrtime.bigint() - began);
  const after = await kind.capture(request, threads);
  const excluded = incomparable(before.coverage, after.coverage);
  const isCompared = ({ labels }: StackSample) => !excluded.has(labels?.['thread'] ?? '');
  const gone = before.samples.map((sample) => ({ ...sample, values: sample.values.map((value) => -value) }));
  return {
    ...after,
    samples: [...after.samples, ...gone].filter(isCompared),
    startedAt: before.startedAt,
    durationNanos,
    comments:
      excluded.size === 0
        ? after.comments
        : [...after.comments, `threads left out of the difference: ${[...excluded.values()].join('; ')}`],
  };
}

/** The threads (by the value of their label) that cannot be compared, with the reason. */
function incomparable(before: Coverage | undefined, after: Coverage | undefined): Map<string, string> {
  const excluded = new Map<string, string>();
  if (!before || !after) {
    return excluded;
  }
  const all = new Set([...before.origins.keys(), ...after.origins.keys()]);
  for (const thread of all) {
    const reason = reasonAgainst(thread, before, after);
    if (reason !== undefined) {
      excluded.set(thread, `${thread}: ${reason}`);
    }
  }
  if (excluded.size > 0 && excluded.size === all.size) {
    const reasons = [...excluded.values()].join('; ');
    throw new PprofError(409, `there is no difference to report, ask again: ${reasons}`);
  }
  return excluded;
}

function reasonAgainst(thread: string, before: Coverage, after: Coverage): string | undefined {
  if (!before.origins.has(thread)) {
    return before.isPartial ? 'it could not be taken at the beginning' : undefined;
  }
  if (!after.origins.has(thread)) {
    return after.isPartial ? 'it could not be taken at the end' : undefined;
  }
  const origin = before.origins.get(thread);
  return origin !== undefined && origin === after.origins.get(thread)
    ? undefined
    : 'what is counted was not the same at both moments, as an allocs?seconds= capture came in between, or the event loop did not answer at one of them';
}
