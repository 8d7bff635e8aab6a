import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openOomProfile } from '../../../shared/oom-profile.files.js';
import { UnknownProfileError } from '../http.errors.js';
import { sendRecording, sendRecordingHead } from '../http.response.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';

/** Serves the heap profiles that processes have left behind when they ran out of memory. @internal */
@Controller('debug/pprof/oom')
export class OomController {
  constructor(@Inject(SERVER_OPTIONS) private readonly options: ServerOptions) {}

  @Get(':file')
  async profile(
    @Param('file') name: string,
    @Req() { method }: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const { oomDirectory } = this.options;
    const file = oomDirectory === undefined ? undefined : await openOomProfile(oomDirectory, name);
    if (file === undefined) {
      throw new UnknownProfileError();
    }
    const head = { as: 'file', fileName: name } as const;
    if (method === 'HEAD') {
      file.stream.destroy();
      sendRecordingHead(response, head);
      return;
    }
    await sendRecording(response, head, file);
  }
}
