import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listOomProfiles } from '../../../shared/oom-profile.files.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { Symbolizer } from '../../pprof/profile.symbolizer.js';
import { sendPage } from '../http.response.js';
import { ProfilerRegistry } from '../profiler.registry.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from '../profiling.tokens.js';
import { reportOf } from './incidents.controller.js';
import { renderIndex } from './index.page.js';
import { terminalCommands } from './terminal.commands.js';

/** Its own style and script, which are files, and what they ask for here. */
const CONTENT_SECURITY_POLICY = [
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "form-action 'self'",
].join('; ');

/** A page that waits for a loop that is stuck would be stuck itself. */
const PATIENCE_MILLIS = 300;

/** The last ones; the list has all that are kept. */
const SHOWN_INCIDENTS = 5;

/** The page a person sees first. Its links are relative, so that they work behind a tunnel. @internal */
@Controller('debug/pprof')
export class IndexController {
  constructor(
    @Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription,
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(ProfilerRegistry) private readonly registry: ProfilerRegistry,
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(Symbolizer) private readonly symbolizer: Symbolizer,
  ) {}

  @Get()
  async index(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    const { socketPath, needsCredentials, oomDirectory, recordingsDirectory } = this.options;
    const [oomProfiles, recordings, others, loop] = await Promise.all([
      oomDirectory === undefined ? [] : listOomProfiles(oomDirectory).catch(() => []),
      recordingsDirectory === undefined ? [] : listOomProfiles(recordingsDirectory, 'flight').catch(() => []),
      this.registry.others(),
      Promise.race([this.threads.observeLoop().catch(() => undefined), sleep(PATIENCE_MILLIS, undefined)]),
    ]);
    const { incidents: kept, recorder } = this.threads;
    const last = (await kept?.list(false))?.slice(0, SHOWN_INCIDENTS);
    const incidents = last && recorder && (await reportOf(last, this.symbolizer, recorder));
    const reach = {
      host: request.headers.host ?? '',
      address: request.socket.localAddress,
      port: request.socket.localPort,
      socketPath,
      needsCredentials,
    };
    const page = renderIndex({
      process: this.process,
      kinds: this.options.kinds,
      maxSeconds: this.options.maxSeconds,
      heapSnapshot: this.options.heapSnapshot,
      loop,
      lastTurn: this.threads.lastTurn,
      incidents,
      oomProfiles,
      recordings,
      others,
      commands: terminalCommands(reach),
      reach,
    });
    sendPage(response, Buffer.from(page), 'text/html; charset=utf-8', CONTENT_SECURITY_POLICY);
  }
}
