import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SourceMaps } from '../pprof/source.maps.js';
import { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { Query as RecordingQuery, RecordingContext, RecordingKind } from '../profiles/recording.kind.js';
import { RECORDINGS } from '../profiles/recording.table.js';
import { ApplicationThreads } from '../capture/application.threads.js';
import { PprofError } from '../../shared/pprof.error.js';
import { UnknownProfileError, sendRecording, sendRecordingHead } from './http.response.js';
import { CaptureSlots } from './limits/capture.slots.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from './profiling.tokens.js';

/** Serves each kind of recording of the table under its name. @internal */
@Controller('debug/pprof')
export class ProfileController implements RecordingContext {
  constructor(
    @Inject(ApplicationThreads) readonly threads: ApplicationThreads,
    @Inject(Symbolizer) readonly symbolizer: Symbolizer,
    @Inject(SourceMaps) readonly sourceMaps: SourceMaps,
    @Inject(PROCESS_DESCRIPTION) readonly process: ProcessDescription,
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(CaptureSlots) private readonly slots: CaptureSlots,
  ) {}

  @Get(':name')
  async profile(
    @Param('name') name: string,
    @Query() query: Readonly<Record<string, string | string[]>>,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const kind = this.#kindNamed(name);
    const disconnected = abortedOnDisconnect(request, response);
    const asked = firstValues(query);
    const { head, seconds, record } = kind.prepare(asked, this.options);
    try {
      if (request.method === 'HEAD') {
        // Whether it would be answered, without the minute that the answer may take.
        sendRecordingHead(response, head);
      } else if (seconds === undefined) {
        const question = `${name} ${JSON.stringify(asked)}`;
        const body = await this.slots.runMoment(name, question, disconnected, (signal) =>
          record(this, signal),
        );
        await sendRecording(response, head, body);
      } else {
        // Until the answer is out: one that is not read has its slot, too.
        await this.slots.run(seconds, disconnected, async () =>
          sendRecording(response, head, await record(this, disconnected)),
        );
      }
    } catch (error) {
      if (!disconnected.aborted) {
        throw error;
      }
    }
  }

  #kindNamed(name: string): RecordingKind {
    const kind = RECORDINGS.find((candidate) => candidate.name === name);
    if (kind === undefined) {
      throw new UnknownProfileError();
    }
    if (!this.options.kinds.includes(kind)) {
      const off = `Unknown profile: "${name}" is switched off by the option profiles of this service`;
      throw new PprofError(404, off);
    }
    return kind;
  }
}

/** Of a repeated parameter the first value counts, as in Go; scrapers have been seen to send one twice. */
function firstValues(query: Readonly<Record<string, string | string[]>>): RecordingQuery {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? (value[0] ?? '') : value]),
  );
}

/**
 * Fires when the client disconnects before it has its answer. The connection tells, not the response: one that waits
 * behind another, as the client has sent several requests at once, hears of nothing.
 */
function abortedOnDisconnect({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  // One listener a thread that is profiled, which may be many.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort();
  // It may have disconnected while the application was being made for its request.
  if (socket.destroyed) {
    abort();
    return controller.signal;
  }
  socket.once('close', abort);
  response.once('close', () => {
    socket.off('close', abort);
    if (!response.writableFinished) {
      abort();
    }
  });
  return controller.signal;
}
