import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { sendText } from '../http.response.js';
import { ProfilerRegistry } from '../processes/profiler.registry.js';
import { PROCESS_DESCRIPTION, type ProcessDescription } from '../profiling.tokens.js';
import { maskSecrets } from './secrets.mask.js';

/**
 * Public variables of the process as JSON, like Go's expvar. What only the event loop can tell is null while it is stuck;
 * all else is told even then.
 *
 * @internal
 */
@Controller('debug/vars')
export class VarsController {
  constructor(
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription,
    @Inject(ProfilerRegistry) private readonly registry: ProfilerRegistry,
  ) {}

  @Get()
  async vars(@Res() response: ServerResponse): Promise<void> {
    const { stuck, lastTurn, delayMillis, description } = await this.threads.observeLoop();
    const { argv, execArgv, pid, title, instance } = this.process;
    const [executable = '', ...rest] = argv;
    const cpu = process.cpuUsage();
    const variables = {
      cmdline: maskSecrets([executable, ...execArgv, ...rest]),
      pid,
      title,
      instance: instance ?? null,
      uptimeSeconds: process.uptime(),
      versions: process.versions,
      cpuSeconds: { user: cpu.user / 1e6, system: cpu.system / 1e6 },
      memory: description?.memory ?? { rss: process.memoryUsage.rss() },
      heap: description?.heap ?? null,
      heapSpaces: description?.heapSpaces ?? null,
      eventLoop: {
        stuck,
        lastTurn: new Date(lastTurn).toISOString(),
        delayMillis: delayMillis ?? null,
        utilization: description?.utilization ?? null,
        activeResources: description?.activeResources ?? null,
      },
      otherProcesses: await this.registry.others(),
    };
    sendText(response, `${JSON.stringify(variables, null, 2)}\n`, 'application/json; charset=utf-8');
  }
}
