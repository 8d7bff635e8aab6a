import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { UnknownProfileError } from '../http.errors.js';
import { redirect, sendPage } from '../http.response.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';
import { readViewerFile } from './viewer.files.js';

/** All that the viewer needs is here; a profile, which may hold names that somebody has made up, sends nothing elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  // The viewer has a decoder in WebAssembly; scripts made of text are still refused.
  "script-src 'self' 'wasm-unsafe-eval'",
  // It writes its styles with a script.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The flame graph viewer: speedscope, as its package on npm has it. Links to it carry the profile to
 * show, relative to it: `ui/#profileURL=..%2Fprofile`.
 *
 * @internal
 */
@Controller('debug/pprof/ui')
export class ViewerController {
  constructor(@Inject(SERVER_OPTIONS) private readonly options: ServerOptions) {}

  @Get()
  async index(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    if (/\/ui(?:$|\?)/.test(request.url ?? '')) {
      // Or what the page refers to would be looked for beside it.
      redirect(response, 'ui/');
      return;
    }
    await this.file('index.html', response);
  }

  @Get(':file')
  async file(@Param('file') name: string, @Res() response: ServerResponse): Promise<void> {
    const file = await readViewerFile(this.options.viewerDirectory, name);
    if (!file) {
      throw new UnknownProfileError();
    }
    response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    sendPage(response, file.content, file.contentType);
  }
}
