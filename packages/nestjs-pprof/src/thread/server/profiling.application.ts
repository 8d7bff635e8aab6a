import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadData } from '../../shared/thread.protocol.js';
import type { ProfilerRegistry } from './processes/profiler.registry.js';
import { ProfilingModule } from './profiling.module.js';

/** Makes the second Nest application: the one that serves the profiles, in the profiling thread. @internal */
export async function createProfilingApplication(
  data: ThreadData,
  threads: ApplicationThreads,
  registry: ProfilerRegistry,
  viewerDirectory: string,
): Promise<RequestListener> {
  const adapter = new ExpressAdapter();
  const application = await NestFactory.create<NestExpressApplication>(
    ProfilingModule.forThread(data, threads, registry, viewerDirectory),
    adapter,
    // Without the adapter, or with abortOnError, Nest would end the process rather than throw.
    { abortOnError: false, bodyParser: false, logger: false },
  );
  application.disable('x-powered-by');
  application.disable('etag');
  // `go tool pprof` sends plain `name=value` pairs; nothing needs nested objects.
  application.set('query parser', 'simple');
  await application.init();
  return adapter.getInstance() as RequestListener;
}
