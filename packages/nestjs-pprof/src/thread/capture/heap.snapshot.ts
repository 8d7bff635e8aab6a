import { addAbortSignal, type Readable } from 'node:stream';
import { DEADLINE_MILLIS, type InspectorTarget } from './inspector.connection.js';
import { startIdleClock } from './kernel.threads.js';
import { MAIN_THREAD } from './thread.selection.js';
import { Mutex } from './mutex.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { RecordingHeldError, SnapshotStalledError, SnapshotFileError } from './threads.errors.js';
import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** While V8 collects garbage, before it begins, it gives no sign; a heap of gigabytes takes seconds, and a processor. */
const SILENCE_MILLIS = 60_000;

/** Where the loop is stuck, or waits in a call, only a V8 that does it by interrupt will begin at all. */
const SILENCE_IF_STUCK_MILLIS = 2 * DEADLINE_MILLIS;

/** Of an answer that is waited for as long as there are signs of life; the longest that a timer takes. */
const NO_DEADLINE = 2 ** 31 - 1;

interface HeapSnapshotRequest {
  /** Node's `threadId`; 0 is the main thread. */
  readonly thread: number;
  /** Nobody waits any more. V8 finishes what it has begun; the rest is dropped. */
  readonly signal: AbortSignal;
}

interface SnapshotFile {
  readonly size: number;
  readonly stream: Readable;
}

/**
 * Takes heap snapshots. V8 hands one over as fast as it can make it, while the client may be slow and this thread has little
 * memory: so it goes to a file first. (`v8.getHeapSnapshot()` would keep all of it in the memory of the thread that it is of.)
 *
 * @internal
 */
export class HeapSnapshotTaker {
  readonly #mutex = new Mutex();

  constructor(
    private readonly agent: Pick<AgentClient, 'observeLoop'>,
    private readonly threads: InspectedThreads,
    private readonly directory: string,
  ) {}

  /** @throws {RecordingHeldError | SnapshotStalledError | SnapshotFileError} or the signal's reason. */
  async take({ thread, signal }: HeapSnapshotRequest): Promise<SnapshotFile> {
    const stuck = thread === MAIN_THREAD.id && (await this.agent.observeLoop()).stuck;
    const release = this.#mutex.tryAcquire();
    if (!release) {
      throw new RecordingHeldError('heap snapshot');
    }
    try {
      const file = await this.#write(thread, stuck, signal);
      const stream = file.read();
      // Until then it takes up room on the disk.
      stream.once('close', release);
      // Of a client that has left before it was sent any of it, or does not read.
      addAbortSignal(signal, stream).on('error', () => undefined);
      return { size: file.size, stream };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #write(thread: number, stuck: boolean, signal: AbortSignal): Promise<UnlinkedFile> {
    const file = UnlinkedFile.create(this.directory);
    try {
      await this.threads.useAlone(thread, (target) => writeSnapshot(target, stuck, file), signal);
      signal.throwIfAborted();
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

/** Settles when all of it is in the file. @internal */
export function writeSnapshot(
  target: InspectorTarget,
  stuck: boolean,
  file: Pick<UnlinkedFile, 'write'>,
  startIdle = startIdleClock,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const { label } = target.thread;
    const after = (millis: number, act: () => void) => {
      clearTimeout(timer);
      timer = setTimeout(act, millis);
    };
    const giveUp = (millis: number, hasBegun: boolean) =>
      reject(new SnapshotStalledError(label, millis, hasBegun));
    const waitForMore = () => after(SILENCE_MILLIS, () => giveUp(SILENCE_MILLIS, true));
    target.on('HeapProfiler.reportHeapSnapshotProgress', waitForMore);
    target.on<{ chunk: string }>('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => {
      waitForMore();
      try {
        file.write(chunk);
      } catch (error) {
        reject(error as Error);
      }
    });
    const isIdle = startIdle(target.thread);
    after(SILENCE_IF_STUCK_MILLIS, () => {
      if (stuck || isIdle()) {
        giveUp(SILENCE_IF_STUCK_MILLIS, false);
      } else {
        after(SILENCE_MILLIS - SILENCE_IF_STUCK_MILLIS, () => giveUp(SILENCE_MILLIS, false));
      }
    });
    target
      .post('HeapProfiler.takeHeapSnapshot', { reportProgress: true }, NO_DEADLINE)
      .then(() => resolve(), reject)
      .finally(() => clearTimeout(timer));
  });
}

/** A file for what does not fit in memory: for this user only, and without a name, so that nothing is left of it. @internal */
export class UnlinkedFile {
  #size = 0;
  /** It takes nothing more: its descriptor may be that of another file by then, or of a connection. */
  #isEnded = false;

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
    if (this.#isEnded) {
      throw new SnapshotFileError(this.directory, new Error('it has been closed'));
    }
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
    this.#isEnded = true;
    return createReadStream('', { fd: this.descriptor, start: 0 });
  }

  close(): void {
    this.#isEnded = true;
    closeSync(this.descriptor);
  }
}
