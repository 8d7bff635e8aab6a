import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Symbolizer } from '../pprof/profile.symbolizer.js';
import { SourceMaps } from '../pprof/source.maps.js';
import { RECORDINGS } from '../profiles/recording.table.js';
import type { ThreadData } from '../../shared/thread.protocol.js';
import { ApplicationThreads } from '../capture/application.threads.js';
import { runningScripts } from '../capture/running.scripts.js';
import { CaptureLimit } from './capture.limit.js';
import { CmdlineController } from './pages/cmdline.controller.js';
import { HttpErrorFilter } from './http-error.filter.js';
import { IndexController } from './pages/index.controller.js';
import { OomController } from './pages/oom.controller.js';
import { ProfileController } from './profile.controller.js';
import { ProfilerRegistry } from './processes/profiler.registry.js';
import {
  describeProcess,
  PROCESS_DESCRIPTION,
  SERVER_OPTIONS,
  type ServerOptions,
} from './profiling.tokens.js';
import { SymbolController } from './pages/symbol.controller.js';
import { VarsController } from './pages/vars.controller.js';
import { ViewerController } from './pages/viewer.controller.js';

@Module({})
export class ProfilingModule {
  static forThread(
    {
      application,
      maxSeconds,
      maxCaptures,
      block,
      profiles,
      heapSnapshot,
      socketPath,
      credentialsHash,
      outOfMemory,
    }: ThreadData,
    threads: ApplicationThreads,
    registry: ProfilerRegistry,
    viewerDirectory: string,
  ): DynamicModule {
    const description = describeProcess(application);
    const sourceMaps = new SourceMaps({ root: description.root, scriptsOf: runningScripts });
    const options: ServerOptions = {
      maxSeconds,
      thresholdMillis: block.threshold,
      heapSnapshot,
      kinds: RECORDINGS.filter(({ name }) => profiles.includes(name)),
      socketPath,
      viewerDirectory,
      needsCredentials: credentialsHash !== undefined,
      // A heap profile, too.
      oomDirectory: profiles.includes('heap') ? outOfMemory?.directory : undefined,
    };
    return {
      module: ProfilingModule,
      // The routes with a fixed name come before the one that takes any.
      controllers: [
        IndexController,
        CmdlineController,
        SymbolController,
        VarsController,
        ViewerController,
        OomController,
        ProfileController,
      ],
      providers: [
        { provide: APP_FILTER, useClass: HttpErrorFilter },
        { provide: SERVER_OPTIONS, useValue: options },
        { provide: CaptureLimit, useValue: new CaptureLimit(maxCaptures) },
        { provide: PROCESS_DESCRIPTION, useValue: description },
        { provide: ApplicationThreads, useValue: threads },
        { provide: ProfilerRegistry, useValue: registry },
        { provide: SourceMaps, useValue: sourceMaps },
        { provide: Symbolizer, useValue: new Symbolizer(sourceMaps, description.root) },
      ],
    };
  }
}
