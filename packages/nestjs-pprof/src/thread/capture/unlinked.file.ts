import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SnapshotFileError } from './threads.errors.js';

/**
 * A file for what does not fit in memory: for this user only, and without a name from the beginning, so that nothing is
 * left of it, however the process ends.
 *
 * @internal
 */
export class UnlinkedFile {
  #size = 0;

  private constructor(
    private readonly directory: string,
    private readonly descriptor: number,
  ) {}

  /** @throws {SnapshotFileError} */
  static create(directory: string): UnlinkedFile {
    const path = join(directory, `nestjs-pprof-${randomUUID()}`);
    try {
      // Exclusively: not through a link that somebody has put there.
      const descriptor = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return new UnlinkedFile(directory, descriptor);
    } catch (error) {
      throw new SnapshotFileError(directory, error);
    }
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** @throws {SnapshotFileError} */
  write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let written = 0; written < bytes.length;) {
        written += writeSync(this.descriptor, bytes, written);
      }
    } catch (error) {
      throw new SnapshotFileError(this.directory, error);
    }
    this.#size += bytes.length;
  }

  /** From the beginning; closes the file when it is read, or given up. */
  read(): Readable {
    return createReadStream('', { fd: this.descriptor, start: 0 });
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
