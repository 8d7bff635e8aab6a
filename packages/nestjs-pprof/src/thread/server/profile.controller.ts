import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SourceMaps } from '../pprof/source.maps.js';
import { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { PreparedRecording, RecordingBody, RecordingKind } from '../profiles/recording.kind.js';
import { RECORDINGS } from '../profiles/recording.table.js';
import { ApplicationThreads } from '../capture/application.threads.js';
import { CaptureLimit } from './capture.limit.js';
import { ProfileOffError, UnknownProfileError } from './http.errors.js';
import { sendRecording } from './http.response.js';
import { firstValues, type RawQuery } from './query.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from './profiling.tokens.js';

/** Serves each kind of recording of the table under its name. @internal */
@Controller('debug/pprof')
export class ProfileController {
  constructor(
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(Symbolizer) private readonly symbolizer: Symbolizer,
    @Inject(SourceMaps) private readonly sourceMaps: SourceMaps,
    @Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription,
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(CaptureLimit) private readonly limit: CaptureLimit,
  ) {}

  @Get(':name')
  async profile(
    @Param('name') name: string,
    @Query() query: RawQuery,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const kind = this.#kindNamed(name);
    const gone = abortedWhenGone(request, response);
    const prepared = kind.prepare(firstValues(query), this.options, gone);
    if (request.method === 'HEAD') {
      // Whether it would be answered, without the minute that the answer may take.
      await sendRecording(response, prepared.head, '');
      return;
    }
    try {
      await sendRecording(response, prepared.head, await this.#record(prepared, gone));
    } catch (error) {
      if (!gone.aborted) {
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
      throw new ProfileOffError(name);
    }
    return kind;
  }

  /** The one place where anything is recorded. What is of this moment is quick to answer and needs no place. */
  #record(prepared: PreparedRecording, gone: AbortSignal): Promise<RecordingBody> {
    const { threads, symbolizer, sourceMaps, process } = this;
    const record = () => prepared.record({ threads, symbolizer, sourceMaps, process });
    return prepared.seconds === undefined ? record() : this.limit.run(prepared.seconds, gone, record);
  }
}

/**
 * A signal that fires when the client goes away before it has its answer. It is the connection that tells, and not the
 * response: one whose turn has not come, as the client has sent several requests at once, hears of nothing.
 */
function abortedWhenGone({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  // One listener a thread that is profiled, which may be many.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort();
  // It may have gone while the application was being made for its request.
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
