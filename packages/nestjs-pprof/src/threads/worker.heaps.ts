import { messageOf } from '../error.message.js';
import type { HeapSampling } from '../agent/heap.sampler.js';
import { allocationNodeOf, type V8HeapProfile } from '../pprof/v8-heap-profile.js';
import type { FromThreads } from './inspected.workers.js';
import { InspectorConnection } from './inspector.connection.js';
import type { InspectorTarget } from './inspector.target.js';
import { collectGarbage, type ThreadHeap } from './thread.heap.js';
import { isSelected, selectsWorkers, type ThreadSelection } from './thread.info.js';
import { ThreadEndedError } from './threads.errors.js';
import { attachingIsRisky, WorkerTargets } from './worker.targets.js';

interface SampledWorker {
  readonly target: InspectorTarget;
  readonly since: number;
  readonly started: Promise<unknown>;
}

/**
 * The heaps of the worker threads, sampled from the first time they are asked for: V8 stops what an inspector session
 * has started when the session ends, so that one stays open for as long as there are workers.
 *
 * @internal
 */
export class WorkerHeaps {
  #connection: InspectorConnection | undefined;
  #workers = new Map<InspectorTarget, SampledWorker>();
  #attaching: Promise<void> | undefined;

  constructor(private readonly sampling: HeapSampling | false) {}

  async sample(selection: ThreadSelection, gc: boolean): Promise<FromThreads<ThreadHeap>> {
    const results: ThreadHeap[] = [];
    const skipped: string[] = [];
    if (this.sampling === false || !selectsWorkers(selection)) {
      return { results, skipped };
    }
    try {
      await this.#attach(this.sampling);
    } catch (error) {
      skipped.push(`worker threads, if there are any: ${messageOf(error)}`);
    }
    const selected = [...this.#workers.values()].filter(({ target }) => isSelected(selection, target.thread));
    await Promise.all(
      selected.map(async (worker) => {
        const { thread } = worker.target;
        try {
          results.push(await sampleWorker(worker, gc));
        } catch (error) {
          if (error instanceof ThreadEndedError) {
            this.#workers.delete(worker.target);
          } else {
            skipped.push(`${thread.label}: ${messageOf(error)}`);
          }
        }
      }),
    );
    if (this.#workers.size === 0) {
      this.#connection?.close();
    }
    return { results, skipped };
  }

  #attach(sampling: HeapSampling): Promise<void> {
    this.#attaching ??= this.#open(sampling).catch((error: unknown) => {
      this.#connection?.close();
      throw error;
    });
    return this.#attaching;
  }

  async #open({ samplingInterval }: HeapSampling): Promise<void> {
    const connection = InspectorConnection.open();
    this.#connection = connection;
    connection.onClose(() => {
      this.#workers.clear();
      this.#attaching = undefined;
      this.#connection = undefined;
    });
    const sampleFromNowOn = (target: InspectorTarget) => {
      if (attachingIsRisky()) {
        connection.close();
        return;
      }
      const started = target.post('HeapProfiler.startSampling', { samplingInterval });
      // Whoever asks for the sample hears of it.
      started.catch(() => undefined);
      this.#workers.set(target, { target, since: Date.now(), started });
    };
    await WorkerTargets.attach(connection, sampleFromNowOn, () => connection.close());
  }
}

async function sampleWorker({ target, since, started }: SampledWorker, gc: boolean): Promise<ThreadHeap> {
  await started;
  const collected = gc && (await collectGarbage(target));
  const { profile } = await target.post<{ profile: V8HeapProfile }>('HeapProfiler.getSamplingProfile');
  const root = allocationNodeOf(profile.head);
  return {
    thread: target.thread,
    way: 'inspector',
    root,
    since,
    memory: undefined,
    collected,
    v8Profile: profile,
  };
}
