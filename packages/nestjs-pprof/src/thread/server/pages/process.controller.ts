import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { maskSecrets } from '../../../shared/secrets.mask.js';
import type { ProcessVariables } from '../../../shared/process.variables.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { cpuNanosOfMain, kernelThreadCount } from '../../capture/kernel.threads.js';
import { processorLimit } from '../../capture/processor.limit.js';
import { CaptureSlots } from '../limits/capture.slots.js';
import { sendText } from '../http.response.js';
import { ProfilerRegistry } from '../profiler.registry.js';
import { PROCESS_DESCRIPTION, type ProcessDescription } from '../profiling.tokens.js';

/** What the process tells of itself. @internal */
@Controller('debug')
export class ProcessController {
  #masked: readonly string[] | undefined;

  constructor(
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription,
    @Inject(CaptureSlots) private readonly slots: CaptureSlots,
    @Inject(ProfilerRegistry) private readonly registry: ProfilerRegistry,
  ) {}

  /** Joined by NUL bytes, as in Go. */
  @Get('pprof/cmdline')
  cmdline(@Res() response: ServerResponse): void {
    sendText(response, this.#commandLine().join('\0'));
  }

  /**
   * Public variables as JSON, like Go's expvar. What only the event loop can tell is null while it is stuck; all else is
   * told even then.
   */
  @Get('vars')
  async vars(@Res() response: ServerResponse): Promise<void> {
    const { stuck, lastTurn, delayMillis, description } = await this.threads.observeLoop();
    const { pid, title, instance } = this.process;
    const cpu = process.cpuUsage();
    const main = cpuNanosOfMain();
    const variables: ProcessVariables = {
      cmdline: this.#commandLine(),
      pid,
      title,
      instance: instance ?? null,
      uptimeSeconds: process.uptime(),
      versions: process.versions,
      cpuSeconds: {
        user: cpu.user / 1e6,
        system: cpu.system / 1e6,
        mainThread: main === undefined ? null : main / 1e9,
      },
      processors: processorLimit(),
      threads: kernelThreadCount() ?? null,
      sampled: this.slots.taken > 0,
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

  #commandLine(): readonly string[] {
    const { argv, execArgv } = this.process;
    const [executable = '', ...rest] = argv;
    this.#masked ??= maskSecrets([executable, ...execArgv, ...rest]);
    return this.#masked;
  }
}
