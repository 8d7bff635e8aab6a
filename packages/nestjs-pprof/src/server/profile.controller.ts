import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { renderDump } from '../pprof/dump.text.js';
import { encodePprof } from '../pprof/encoder.js';
import { renderStacks } from '../pprof/stacks.text.js';
import { Symbolizer } from '../pprof/symbolizer.js';
import { renderTop } from '../pprof/top.text.js';
import { captureDelta } from '../profiles/delta.profile.js';
import { goroutineProfile } from '../profiles/goroutine.profile.js';
import type { ProfileKind, ProfileRequest } from '../profiles/profile.kind.js';
import { PROFILE_KINDS } from '../profiles/profile.kinds.js';
import { parseProfileRequest } from '../profiles/profile.request.js';
import { ApplicationThreads } from '../threads/application.threads.js';
import { ProfileOffError, UnknownProfileError } from './http.errors.js';
import { sendAttachment, sendText } from './http.response.js';
import { firstValues, type RawQuery } from './query.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from './profiling.tokens.js';

/** Serves each kind of profile of the table under its name. @internal */
@Controller('debug/pprof')
export class ProfileController {
  constructor(
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(Symbolizer) private readonly symbolizer: Symbolizer,
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
    const profileRequest = parseProfileRequest(kind, firstValues(query), this.options, gone);
    if (request.method === 'HEAD') {
      // Whether it would be answered, without the minute that the answer may take.
      send(response, kind, profileRequest, { text: '', pprof: Buffer.alloc(0) });
      return;
    }
    try {
      const body = await this.#capture(kind, profileRequest);
      send(response, kind, profileRequest, body);
    } catch (error) {
      if (!gone.aborted) {
        throw error;
      }
    }
  }

  #kindNamed(name: string): ProfileKind {
    const kind = PROFILE_KINDS.find((candidate) => candidate.name === name);
    if (kind === undefined) {
      throw new UnknownProfileError();
    }
    if (!this.options.kinds.includes(kind)) {
      throw new ProfileOffError(name);
    }
    return kind;
  }

  async #capture(kind: ProfileKind, request: ProfileRequest): Promise<Body> {
    const { seconds } = request;
    const profile =
      seconds !== undefined && kind.parameters.seconds?.kind === 'delta'
        ? await captureDelta(kind, { ...request, seconds }, this.threads)
        : await kind.capture(request, this.threads);
    const comments = [
      `nestjs-pprof: ${kind.name} of pid ${this.process.pid}, node ${process.version} ${process.platform}-${process.arch}`,
      ...profile.comments,
    ];
    const symbolized = await this.symbolizer.symbolize({ ...profile, comments });
    if (request.debug !== 0) {
      const isDump = request.debug === 2 && kind.name === goroutineProfile.name;
      return { text: isDump ? renderDump(symbolized) : renderStacks(symbolized, kind.name) };
    }
    return request.format === 'text'
      ? { text: renderTop(symbolized) }
      : { pprof: await encodePprof(symbolized, this.process.entryScript) };
  }
}

type Body = { readonly text?: string; readonly pprof?: Buffer };

function send(response: ServerResponse, kind: ProfileKind, request: ProfileRequest, body: Body): void {
  if (request.debug !== 0 || request.format === 'text') {
    sendText(response, body.text ?? '');
  } else {
    const isDelta = kind.parameters.seconds?.kind !== 'window' && request.seconds !== undefined;
    sendAttachment(response, isDelta ? `${kind.name}-delta` : kind.name, body.pprof ?? Buffer.alloc(0));
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
