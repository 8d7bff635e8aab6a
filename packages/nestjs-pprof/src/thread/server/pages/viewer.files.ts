import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';

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

/** @returns undefined where the viewer has no such file: its name must be one of those in its directory. @internal */
export async function readViewerFile(name: string): Promise<ViewerFile | undefined> {
  const manifest = createRequire(import.meta.url).resolve('speedscope/package.json');
  const directory = join(dirname(manifest), 'dist', 'release');
  if (!(await readdir(directory)).includes(name)) {
    return undefined;
  }
  return {
    content: await readFile(join(directory, name)),
    contentType: CONTENT_TYPES[extname(name)] ?? 'text/plain; charset=utf-8',
  };
}
