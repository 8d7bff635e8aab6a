import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { readdir, readFile } from '../../../shared/file.system.js';
import { messageOf, PprofError } from '../../../shared/pprof.error.js';
import { UnknownProfileError, redirect, sendPage } from '../http.response.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';

/** All that the viewer needs is here; a profile, which may hold names that somebody has made up, sends nothing elsewhere. */
const CONTENT_SECURITY_POLICY = [
  // The viewer has a decoder in WebAssembly; scripts made of text are still refused.
  "script-src 'self' 'wasm-unsafe-eval'",
  // It writes its styles with a script.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  // Captures of the page's tab are shown from there.
  "connect-src 'self' blob:",
].join('; ');

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/**
 * The flame graph viewer: speedscope, as its package on npm has it; and beside it the style and script of the index page.
 * Links to it carry the profile to show, relative to it: `ui/#profileURL=..%2Fprofile`.
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
    sendPage(response, file.content, file.contentType, CONTENT_SECURITY_POLICY);
  }
}

/**
 * @returns undefined where the viewer has no such file: its name must be one of those in its directory.
 * @throws {PprofError} where a deployment has removed them: they are read when they are asked for.
 * @internal
 */
export async function readViewerFile(
  directory: string,
  name: string,
): Promise<{ readonly content: Buffer; readonly contentType: string } | undefined> {
  try {
    if (!(await readdir(directory)).includes(name)) {
      return undefined;
    }
    return {
      content: await readOnce(join(directory, name)),
      contentType: CONTENT_TYPES[extname(name)] ?? 'text/plain; charset=utf-8',
    };
  } catch (cause) {
    throw new PprofError(
      503,
      `the files of the viewer cannot be read from ${directory} (${messageOf(cause)}): they were there, or should have been, when ` +
        'this process was started. Profiles are served all the same: open one with another viewer, or restart the process',
      { cause },
    );
  }
}

/** A megabyte in all. Many may ask for a file and not read it: it is in memory once. */
const contents = new Map<string, Promise<Buffer>>();

async function readOnce(file: string): Promise<Buffer> {
  const reading = contents.get(file) ?? readFile(file);
  contents.set(file, reading);
  try {
    return await reading;
  } catch (error) {
    contents.delete(file);
    throw error;
  }
}
