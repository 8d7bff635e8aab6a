// The profiling thread of captures.mjs, which bundles it: what the controllers do with a request, without HTTP.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { ApplicationThreads } from '../../packages/nestjs-pprof/src/thread/capture/application.threads.js';
import { encodePprof } from '../../packages/nestjs-pprof/src/thread/pprof/pprof.encoder.js';
import { Symbolizer } from '../../packages/nestjs-pprof/src/thread/pprof/profile.symbolizer.js';
import { SourceMaps } from '../../packages/nestjs-pprof/src/thread/pprof/source.maps.js';
import { cpuProfile } from '../../packages/nestjs-pprof/src/thread/profiles/cpu.profile.js';
import type { SharedWithMain } from '../../packages/nestjs-pprof/src/shared/thread.protocol.js';

interface Batch {
  readonly type: 'take';
  readonly count: number;
  readonly milliseconds: number;
  readonly parallel: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const channel = parentPort!;
// From the beginning: what nobody listens to is kept, and keeps the thread alive.
channel.on('message', (message: Batch | { readonly type: string }) => {
  if (message.type === 'take') {
    void take(message as Batch);
  }
});

const threads = new ApplicationThreads(channel, { ...(workerData as SharedWithMain), handlers: [] });
const symbolizer = new Symbolizer(new SourceMaps(), process.cwd());

async function takeOne(seconds: number) {
  const { signal } = new AbortController();
  const request = {
    seconds,
    hz: 1000,
    thresholdMillis: 20,
    labels: true,
    route: undefined,
    gc: false,
    debug: 0,
    format: 'pprof',
    signal,
  } as const;
  const profile = await cpuProfile.capture({ ...request, threads: 'all' }, threads);
  const body = await encodePprof(await symbolizer.symbolize(profile), process.argv[1] ?? '');
  const skipped = profile.comments.filter((comment) => comment.startsWith('threads skipped'));
  return { samples: profile.samples.length, bytes: body.length, skipped };
}

/** One batch at a time: captures.mjs asks again when it has its answer. */
async function take({ count, milliseconds, parallel }: Batch): Promise<void> {
  let last;
  for (let left = count; left > 0; left -= parallel) {
    const batch = Array.from({ length: Math.min(left, parallel) }, () => takeOne(milliseconds / 1000));
    last = (await Promise.all(batch)).at(-1);
  }
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  channel.postMessage({ type: 'taken', heapUsed, resources: process.getActiveResourcesInfo(), ...last });
}
