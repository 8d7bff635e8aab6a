import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type PostMortem, openOomProfile } from '../../../shared/oom-profile.files.js';
import { UnknownProfileError, sendRecording, sendRecordingHead } from '../http.response.js';
import { CaptureSlots } from '../limits/capture.slots.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';

/** Serves what processes have left behind: heap profiles, and the last minutes of the flight recorder. @internal */
@Controller('debug/pprof')
export class OomController {
  constructor(
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(CaptureSlots) private readonly slots: CaptureSlots,
  ) {}

  @Get('oom/:file')
  heap(
    @Param('file') name: string,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.#send(this.options.oomDirectory, name, 'oom', request, response);
  }

  @Get('incidents/:file')
  recording(
    @Param('file') name: string,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.#send(this.options.recordingsDirectory, name, 'flight', request, response);
  }

  async #send(
    directory: string | undefined,
    name: string,
    kind: PostMortem,
    { method }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    // Each has a file descriptor until it is read, and the application has no more of them than it needs.
    // Sending ends by itself where the client disconnects.
    await this.slots.run(undefined, new AbortController().signal, async () => {
      const file = directory === undefined ? undefined : await openOomProfile(directory, name, kind);
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
