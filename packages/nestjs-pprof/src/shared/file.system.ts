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
