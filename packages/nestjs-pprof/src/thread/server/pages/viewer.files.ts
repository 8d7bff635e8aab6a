import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { PprofError } from '../../../shared/pprof.error.js';

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

/** @internal */
export interface ViewerFile {
  readonly content: Buffer;
  readonly contentType: string;
}

/** Its files are read when they are asked for, and a deployment may have removed them. @internal */
export class ViewerGoneError extends PprofError {
  override readonly name = 'ViewerGoneError';
  readonly status = 503;

  constructor(directory: string, cause: unknown) {
    super(
      `the files of the viewer cannot be read from ${directory} any more: they were there, or should have been, when this ` +
        'process was started. Profiles are served all the same: open one with another viewer, or restart the process',
      { cause },
    );
  }
}

/**
 * @returns undefined where the viewer has no such file: its name must be one of those in its directory.
 * @throws {ViewerGoneError}
 * @internal
 */
export async function readViewerFile(directory: string, name: string): Promise<ViewerFile | undefined> {
  try {
    if (!(await readdir(directory)).includes(name)) {
      return undefined;
    }
    return {
      content: await readFile(join(directory, name)),
      contentType: CONTENT_TYPES[extname(name)] ?? 'text/plain; charset=utf-8',
    };
  } catch (cause) {
    throw new ViewerGoneError(directory, cause);
  }
}
