import type { Worker } from 'node:worker_threads';

/** A worker that is in a native call answers when that has ended: it is not waited for. */
const LONGEST_WAIT_MILLIS = 100;

type Asked = Worker & { cpuUsage(): Promise<NodeJS.CpuUsage> };

/** CPU time of the application's own worker threads, which Node 22.23, 24.21 and later tell. @internal */
export class WorkerClocks {
  readonly #workers = new Set<Worker>();
  /** One question at a time: Node keeps each, more than a kilobyte, until the worker comes to it. */
  readonly #unanswered = new Set<Worker>();

  add(worker: Worker): void {
    this.#workers.add(worker);
  }

  /** When it has ended. */
  delete(worker: Worker): void {
    this.#workers.delete(worker);
    this.#unanswered.delete(worker);
  }

  /** Nanoseconds by `threadId`; undefined of those that have not answered. */
  async read(): Promise<ReadonlyMap<number, number | undefined>> {
    const nanos = new Map<number, number | undefined>(
      [...this.#workers].map(({ threadId }) => [threadId, undefined]),
    );
    const free = [...this.#workers].filter((worker) => !this.#unanswered.has(worker));
    const asked = free.map(async (worker) => {
      const { threadId } = worker;
      this.#unanswered.add(worker);
      try {
        const { user, system } = await (worker as Asked).cpuUsage();
        nanos.set(threadId, (user + system) * 1000);
      } finally {
        this.#unanswered.delete(worker);
      }
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
