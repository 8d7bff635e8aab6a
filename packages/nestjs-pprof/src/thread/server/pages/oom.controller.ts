import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { isOomProfileName } from '../../../shared/oom-profile.files.js';
import { UnknownProfileError } from '../http.errors.js';
import { sendRecording } from '../http.response.js';
import { SERVER_OPTIONS, type ServerOptions } from '../profiling.tokens.js';

/** Serves the heap profiles that processes have left behind when they ran out of memory. @internal */
@Controller('debug/pprof/oom')
export class OomController {
  constructor(@Inject(SERVER_OPTIONS) private readonly options: ServerOptions) {}

  @Get(':file')
  async profile(@Param('file') name: string, @Res() response: ServerResponse): Promise<void> {
    const { oomDirectory } = this.options;
    // Only what has the form of our own names: no path leads out of the directory, nor to anything else in it.
    if (oomDirectory === undefined || !isOomProfileName(name)) {
      throw new UnknownProfileError();
    }
    const head = { as: 'file', fileName: name } as const;
    await sendRecording(response, head, await readRegularFile(join(oomDirectory, name)));
  }
}

/** @throws {UnknownProfileError} where there is no such file, or it is a link. */
async function readRegularFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' || error.code === 'ELOOP' ? new UnknownProfileError() : error;
    },
  );
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}
