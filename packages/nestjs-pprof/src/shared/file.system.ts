import * as fs from 'node:fs';
import { promisify } from 'node:util';

/**
 * What the profiling thread does with files, by Node's callbacks: where a thread is ended while it begins an operation of
 * `fs/promises`, Node 20 aborts the process. An operation with a callback has its request before it begins.
 * https://github.com/nodejs/node/blob/v20.x/src/node_file-inl.h (`AsyncDestCall`, `FSReqPromise::New`)
 */

/** @internal */
export const close = promisify(fs.close);
/** @internal */
export const fstat = promisify(fs.fstat);
/** @internal */
export const lstat = promisify(fs.lstat);
/** @internal */
export const open = promisify(fs.open);
/** @internal */
export const readdir = promisify(fs.readdir);
/** @internal */
export const readFile = promisify(fs.readFile);
/** @internal */
export const rename = promisify(fs.rename);
/** @internal */
export const rm = promisify(fs.rm);
/** @internal */
export const stat = promisify(fs.stat);
/** @internal */
export const writeFile = promisify(fs.writeFile);

/** A unix socket that we have made. @internal */
export interface SocketFile {
  readonly path: string;
  /** With `ino` tells it from another that has taken its place. */
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * What is at a path, perhaps a socket; undefined for nothing. With big integers, which are read into other memory: in Node
 * 20, `realpathSync` takes what was last read into the usual one for a part of its own path, and stops where that was a
 * socket. Loading a package that is a symbolic link then fails, in the application too.
 * (https://github.com/nodejs/node/blob/v20.20.2/lib/fs.js, `isFileType(statValues, S_IFSOCK)`)
 *
 * @internal
 */
export function statOfSocket(path: string): fs.BigIntStats | undefined {
  return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/**
 * Removes our socket; one that another process has made in its place stays. Synchronous, so that it works while the process
 * exits. Never throws: what stays behind is replaced by the next start.
 *
 * @internal
 */
export function removeSocket({ path, dev, ino }: SocketFile): void {
  try {
    const found = statOfSocket(path);
    if (found?.dev === dev && found.ino === ino) {
      fs.unlinkSync(path);
    }
  } catch {
    // Gone already, or not ours to remove any more.
  }
}
