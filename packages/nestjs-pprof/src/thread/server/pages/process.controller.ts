import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PprofError } from '../../../shared/pprof.error.js';
import { maskSecrets } from '../../capture/secrets.mask.js';
import { residentBytes } from '../../../shared/memory.usage.js';
import type { ProcessVariables } from '../../../shared/process.variables.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { cpuNanosOfMain, kernelThreadCount, processorLimit } from '../../capture/kernel.threads.js';
import { CaptureSlots } from '../limits/capture.slots.js';
import { sendText } from '../http.response.js';
import { ProfilerRegistry } from '../profiler.registry.js';
import { PROCESS_DESCRIPTION, type ProcessDescription } from '../profiling.tokens.js';

/** Bytes of a body: some 50,000 addresses for `symbol`. @internal */
export const MAX_BODY = 1024 * 1024;

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
   * `go tool pprof` asks here for the names of bare addresses. Our profiles carry their names, so no address is known, and
   * unknown ones are left out; "num_symbols" only has to be more than 0 to say that symbol look-up works, as in Go.
   */
  @Get('pprof/symbol')
  symbol(@Res() response: ServerResponse): void {
    sendText(response, 'num_symbols: 1\n');
  }

  @Post('pprof/symbol')
  @HttpCode(200)
  async symbolOfBody(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    await skipBody(request);
    this.symbol(response);
  }

  /** Like Go's expvar. What only the event loop can tell is null while it does not answer; all else is told even then. */
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
      sampled: this.slots.taken > 0 || this.threads.isSampled,
      memory: description?.memory ?? { rss: residentBytes() },
      heap: description?.heap ?? null,
      heapSpaces: description?.heapSpaces ?? null,
      eventLoop: {
        stuck,
        lastTurn: new Date(lastTurn).toISOString(),
        sinceTurnMillis: Math.max(0, Date.now() - lastTurn),
        delayMillis: delayMillis ?? null,
        utilization: description?.utilization ?? null,
        activeResources: description?.activeResources ?? null,
      },
      otherProcesses: this.registry.others(),
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

/**
 * Reads a body and forgets it: to close a connection that holds unread bytes may take the answer with it.
 *
 * @throws {PprofError} where it is larger than `MAX_BODY`.
 * @internal
 */
export function skipBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    // Not by iteration: an iterator that is left early destroys the connection, and the answer with it.
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY) {
        request.pause();
        reject(new PprofError(413, `the body of the request is larger than ${MAX_BODY} bytes`));
      }
    });
    request.once('end', resolve);
    request.once('error', reject);
  });
}
