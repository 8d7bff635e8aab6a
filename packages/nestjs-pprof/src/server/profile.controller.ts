import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SourceMaps } from '../pprof/source-maps.js';
import { Symbolizer } from '../pprof/symbolizer.js';
import type { PreparedRecording, RecordingBody, RecordingKind } from '../profiles/recording.kind.js';
import { RECORDINGS } from '../profiles/recordings.js';
import { ApplicationThreads } from '../threads/application.threads.js';
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
  ) {}

  @Get(':name')
  async profile(
    @Param('name') name: string,
    @Query() query: RawQuery,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const kind = this.#kindNamed(name);
    const gone = abortedWhenGone(response);
    const prepared = kind.prepare(firstValues(query), this.options, gone);
    if (request.method === 'HEAD') {
      // Whether it would be answered, without the minute that the answer may take.
      await sendRecording(response, prepared.head, '');
      return;
    }
    try {
      await sendRecording(response, prepared.head, await this.#record(prepared));
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

  /** The one place where anything is recorded. */
  #record(prepared: PreparedRecording): Promise<RecordingBody> {
    const { threads, symbolizer, sourceMaps, process } = this;
    return prepared.record({ threads, symbolizer, sourceMaps, process });
  }
}

/** A signal that fires when the client goes away before it has its answer. */
function abortedWhenGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  // One listener a thread that is profiled, which may be many.
  setMaxListeners(0, controller.signal);
  response.once('close', () => {
    if (!response.writableFinished) {
      controller.abort();
    }
  });
  return controller.signal;
}
