import { renderDump, renderStacks, renderTop } from '../pprof/profile.text.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import type { SymbolizedProfile } from '../pprof/profile.symbolizer.js';
import { captureDelta } from './delta.profile.js';
import type { ProfileKind, ProfileRequest } from './profile.kind.js';
import { parseProfileRequest } from './profile.request.js';
import type {
  RecordingBody,
  RecordingContext,
  RecordingHead,
  RecordingKind,
  RecordingView,
} from './recording.kind.js';
import { v8FormatOf } from './v8.formats.js';

/** Serves a kind of profile in each of its formats. @internal */
export function profileRecording(kind: ProfileKind): RecordingKind {
  const { name, description } = kind;
  return {
    name,
    description,
    views: viewsOf(kind),
    prepare(query, options, signal) {
      const request = parseProfileRequest(kind, query, options, signal);
      const { seconds } = request;
      return { head: headOf(kind, request), seconds, record: (context) => record(kind, request, context) };
    },
  };
}

function viewsOf({ parameters: { seconds, formats } }: ProfileKind): RecordingView[] {
  const hasWindow = seconds?.kind === 'window' || seconds?.kind === 'optional-window';
  const query = hasWindow ? '?seconds=5' : '';
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
  if (v8FormatOf(request)) {
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
  const v8Format = v8FormatOf(request);
  if (v8Format) {
    return Buffer.from(JSON.stringify(await v8Format.capture(request, context)));
  }
  const profile = await captureProfile(kind, request, context);
  request.signal.throwIfAborted();
  if (request.debug !== 0) {
    return request.debug === 2 && kind.hasDump ? renderDump(profile) : renderStacks(profile, kind.name);
  }
  return request.format === 'text' ? renderTop(profile) : encodePprof(profile, context.process.entryScript);
}

async function captureProfile(
  kind: ProfileKind,
  request: ProfileRequest,
  { threads, symbolizer, process: { pid } }: RecordingContext,
): Promise<SymbolizedProfile> {
  const { seconds } = request;
  const profile =
    seconds !== undefined && kind.parameters.seconds?.kind === 'delta'
      ? await captureDelta(kind, { ...request, seconds }, threads)
      : await kind.capture(request, threads);
  request.signal.throwIfAborted();
  const comments = [
    `nestjs-pprof: ${kind.name} of pid ${pid}, node ${process.version} ${process.platform}-${process.arch}`,
    ...profile.comments,
  ];
  return symbolizer.symbolize({ ...profile, comments });
}
