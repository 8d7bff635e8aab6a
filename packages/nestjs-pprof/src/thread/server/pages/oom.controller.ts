import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openOomProfile } from '../../../shared/oom-profile.files.js';
import { UnknownProfileError, sendRecording, sendRecordingHead } from '../http.response.js';
import { CaptureSlots } from '../limits/capture.slots.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';

/** Serves the heap profiles that processes have left behind when they ran out of memory. @internal */
@Controller('debug/pprof/oom')
export class OomController {
  constructor(
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(CaptureSlots) private readonly slots: CaptureSlots,
  ) {}

  @Get(':file')
  async profile(
    @Param('file') name: string,
    @Req() { method }: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    // Each has a file descriptor until it is read, and the application has no more of them than it needs.
    // Sending ends by itself where the client leaves.
    await this.slots.run(undefined, new AbortController().signal, async () => {
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
    });
  }
}
