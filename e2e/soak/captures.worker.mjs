// The profiling thread of captures.mjs: what the controllers do with a request, without HTTP.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';

const { packageDirectory, ...shared } = workerData;
const load = (file) => import(pathToFileURL(join(packageDirectory, 'dist/esm', file)).href);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

// From the beginning: what nobody listens to is kept, and keeps the thread alive.
const requests = [];
let wake = () => undefined;
parentPort.on('message', (message) => {
  if (message.type === 'take') {
    requests.push(message);
    wake();
  }
});

const { ApplicationThreads } = await load('thread/capture/application.threads.js');
const { cpuProfile } = await load('profiles/cpu.profile.js');
const { Symbolizer } = await load('pprof/symbolizer.js');
const { SourceMaps } = await load('pprof/source-maps.js');
const { encodePprof } = await load('pprof/encoder.js');

const threads = new ApplicationThreads(parentPort, shared);
const symbolizer = new Symbolizer(new SourceMaps(), process.cwd());

async function takeOne(seconds) {
  const request = { seconds, hz: 1000, threads: 'all', signal: new AbortController().signal };
  const profile = await cpuProfile.capture(request, threads);
  const body = await encodePprof(await symbolizer.symbolize(profile), process.argv[1]);
  const skipped = profile.comments.filter((comment) => comment.startsWith('threads skipped'));
  return { samples: profile.samples.length, bytes: body.length, skipped };
}

for (;;) {
  const next = requests.shift();
  if (next === undefined) {
    await new Promise((resolve) => (wake = resolve));
    continue;
  }
  let last;
  for (let left = next.count; left > 0; left -= next.parallel) {
    const batch = Array.from({ length: Math.min(left, next.parallel) }, () =>
      takeOne(next.milliseconds / 1000),
    );
    last = (await Promise.all(batch)).at(-1);
  }
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  parentPort.postMessage({ type: 'taken', heapUsed, resources: process.getActiveResourcesInfo(), ...last });
}
