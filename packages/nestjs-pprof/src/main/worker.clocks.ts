import type { Worker } from 'node:worker_threads';

/** A worker that is in a native call answers when that has ended: it is not waited for. */
const LONGEST_WAIT_MILLIS = 100;

/** CPU time of the application's own worker threads, which Node 22.23, 24.21 and later tell. @internal */
export class WorkerClocks {
  readonly #workers = new Set<Worker>();

  add(worker: Worker): void {
    this.#workers.add(worker);
  }

  /** When it has ended. */
  delete(worker: Worker): void {
    this.#workers.delete(worker);
  }

  /** Nanoseconds by `threadId`; undefined of those that have not answered. */
  async read(): Promise<ReadonlyMap<number, number | undefined>> {
    const nanos = new Map<number, number | undefined>(
      [...this.#workers].map(({ threadId }) => [threadId, undefined]),
    );
    const asked = [...this.#workers].map(async (worker) => {
      const { threadId } = worker;
      const { user, system } = await (worker as Worker & { cpuUsage(): Promise<NodeJS.CpuUsage> }).cpuUsage();
      nanos.set(threadId, (user + system) * 1000);
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LONGEST_WAIT_MILLIS).unref();
    });
    await Promise.race([Promise.allSettled(asked), late]);
    clearTimeout(timer);
    return nanos;
  }
}
