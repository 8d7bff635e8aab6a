import { lstatSync, unlinkSync } from 'node:fs';

/** A unix socket that we have made. @internal */
export interface SocketFile {
  readonly path: string;
  /** With `ino` tells it from another that has taken its place. */
  readonly dev: number;
  readonly ino: number;
}

/**
 * Removes our socket; one that another process has made in its place stays. Synchronous, so that it works while the process
 * exits. Never throws: what stays behind is replaced by the next start.
 *
 * @internal
 */
export function removeSocket({ path, dev, ino }: SocketFile): void {
  try {
    const found = lstatSync(path);
    if (found.dev === dev && found.ino === ino) {
      unlinkSync(path);
    }
  } catch {
    // Gone already, or not ours to remove any more.
  }
}
