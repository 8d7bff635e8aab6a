import type { RequestListener, ServerResponse } from 'node:http';
import { type ArgumentsHost, Catch, type DynamicModule, type ExceptionFilter, Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { Symbolizer, programPaths } from '../pprof/profile.symbolizer.js';
import { SourceMaps } from '../pprof/source.maps.js';
import { RECORDINGS } from '../profiles/recording.table.js';
import type { ThreadData } from '../../shared/thread.protocol.js';
import { ApplicationThreads } from '../capture/application.threads.js';
import { sendError } from './http.response.js';
import { CaptureSlots } from './limits/capture.slots.js';
import { IndexController } from './pages/index.controller.js';
import { IncidentsController } from './pages/incidents.controller.js';
import { OomController } from './pages/oom.controller.js';
import { ProcessController } from './pages/process.controller.js';
import { ViewerController } from './pages/viewer.controller.js';
import { ProfilerRegistry } from './profiler.registry.js';
import { ProfileController } from './profile.controller.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from './profiling.tokens.js';

/** Makes the second Nest application: the one that serves the profiles, in the profiling thread. @internal */
export async function createProfilingApplication(
  data: ThreadData,
  threads: ApplicationThreads,
  registry: ProfilerRegistry,
  viewerDirectory: string,
): Promise<RequestListener> {
  const adapter = new ExpressAdapter();
  const module = moduleFor(data, threads, registry, viewerDirectory);
  // Without the adapter, or with abortOnError, Nest would end the process rather than throw.
  const options = { abortOnError: false, bodyParser: false, logger: false } as const;
  const application = await NestFactory.create<NestExpressApplication>(module, adapter, options);
  application.disable('x-powered-by');
  application.disable('etag');
  // `go tool pprof` sends plain `name=value` pairs; nothing needs nested objects.
  application.set('query parser', 'simple');
  await application.init();
  return adapter.getInstance() as RequestListener;
}

@Module({})
class ProfilingModule {}

/** Answers every error the way `go tool pprof` shows it. */
@Catch()
class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    sendError(host.switchToHttp().getResponse<ServerResponse>(), error);
  }
}

function moduleFor(
  data: ThreadData,
  threads: ApplicationThreads,
  registry: ProfilerRegistry,
  viewerDirectory: string,
): DynamicModule {
  const { application, profiles, outOfMemory } = data;
  const { argv, cwd, execPath } = application;
  const description: ProcessDescription = { ...application, ...programPaths(argv[1], cwd, execPath) };
  const options: ServerOptions = {
    maxSeconds: data.maxSeconds,
    thresholdMillis: data.block.threshold,
    recorder: data.flightRecorder,
    heapSnapshot: data.heapSnapshot,
    kinds: RECORDINGS.filter(({ name }) => profiles.includes(name)),
    socketPath: data.socketPath,
    viewerDirectory,
    needsCredentials: data.credentialsHash !== undefined,
    // A heap profile, too.
    recordingsDirectory: profiles.includes('profile') ? data.flightRecorder?.directory : undefined,
    oomDirectory: profiles.includes('heap') ? outOfMemory?.directory : undefined,
  };
  const { root } = description;
  const sourceMaps = new SourceMaps({ root, scriptsOf: (names) => threads.runningScripts(names) });
  return {
    module: ProfilingModule,
    // The routes with a fixed name come before the one that takes any.
    controllers: [
      IndexController,
      ProcessController,
      ViewerController,
      OomController,
      IncidentsController,
      ProfileController,
    ],
    providers: [
      { provide: APP_FILTER, useClass: ErrorFilter },
      { provide: SERVER_OPTIONS, useValue: options },
      { provide: CaptureSlots, useValue: new CaptureSlots(data.maxCaptures) },
      { provide: PROCESS_DESCRIPTION, useValue: description },
      { provide: ApplicationThreads, useValue: threads },
      { provide: ProfilerRegistry, useValue: registry },
      { provide: SourceMaps, useValue: sourceMaps },
      { provide: Symbolizer, useValue: new Symbolizer(sourceMaps, root) },
    ],
  };
}
