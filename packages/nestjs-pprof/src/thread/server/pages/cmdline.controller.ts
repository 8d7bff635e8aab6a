import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { sendText } from '../http.response.js';
import { PROCESS_DESCRIPTION, type ProcessDescription } from '../profiling.tokens.js';
import { maskSecrets } from './secrets.mask.js';

/** The command line of the process, joined by NUL bytes, as in Go. @internal */
@Controller('debug/pprof/cmdline')
export class CmdlineController {
  constructor(@Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription) {}

  @Get()
  cmdline(@Res() response: ServerResponse): void {
    const { argv, execArgv } = this.process;
    const [executable = '', ...rest] = argv;
    sendText(response, maskSecrets([executable, ...execArgv, ...rest]).join('\0'));
  }
}
