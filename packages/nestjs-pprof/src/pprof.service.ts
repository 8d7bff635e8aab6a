import { messageOf } from './shared/error.message.js';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Agent } from './main/agent.js';
import { SamplerHeldError } from './shared/agent.errors.js';
import { hasAgents } from './main/agent.registry.js';
import { isPermitted } from './main/node.permissions.js';
import { isPackageMissing } from './main/own.package.js';
import type { HeapSampling, OomExportCommand } from './main/heap.sampler.js';
import { describeOomProfiles, describeWritableByOthers, prepareOomExport } from './main/oom.export.js';
import { resolveOptions } from './options.table.js';
import type { ResolvedPprofOptions } from './shared/resolved.options.js';
import { PPROF_OPTIONS, type PprofModuleOptions } from './pprof.options.js';
import {
  describeAddress,
  type ListeningAddress,
  type PprofAddress,
  toPprofAddress,
} from './pprof.address.js';
import type { PprofStatus } from './pprof.status.js';
import { ThreadSupervisor } from './main/thread.supervisor.js';

/**
 * Starts and stops the profiler; it starts and stops with the application by itself.
 *
 * @example
 * // An operator's switch: profiling off by default, on when a feature flag says so.
 * flags.on('profiling', (on) => (on ? pprof.start() : pprof.stop()));
 */
@Injectable()
export class PprofService implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('PprofModule');
  readonly #options: ResolvedPprofOptions;
  readonly #agent = new Agent();
  #supervisor: ThreadSupervisor | undefined;
  /** At module initialization, or at the first `start()` where that comes first; a failure is told of once. */
  #heap: 'untried' | 'held' | 'tried' = 'untried';
  #starting: Promise<PprofAddress | undefined> | undefined;
  /** Settles the start that is under way. */
  #started: ((address: PprofAddress | undefined) => void) | undefined;
  #stopping: Promise<void> = Promise.resolve();
  #status: PprofStatus;

  /** @throws {PprofOptionsError} where an option is not valid. */
  constructor(@Inject(PPROF_OPTIONS) options: PprofModuleOptions) {
    this.#options = resolveOptions(options);
    this.#status = { state: this.#options.enabled ? 'stopped' : 'disabled' };
  }

  /** Where the profiles are served; undefined while they are not. After a wait for the port, or a restart, it may change. */
  get address(): PprofAddress | undefined {
    return this.#status.address;
  }

  get status(): PprofStatus {
    return this.#status;
  }

  /**
   * Starts the profiler, whatever `enabled` says. Starting what runs already, or waits for its port, is fine.
   *
   * @returns where it listens; undefined where it does not, or not yet: a warning is logged, and `status` tells why.
   * Never rejects.
   */
  start(): Promise<PprofAddress | undefined> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Stops the profiler and frees its port, or removes its socket; captures that are running are cut off. Never rejects. */
  async stop(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = undefined;
    this.#starting = undefined;
    this.#started?.(undefined);
    this.#started = undefined;
    this.#heap = 'untried';
    this.#agent.stop();
    if (this.#status.state !== 'disabled' && this.#status.state !== 'failed') {
      this.#status = { state: 'stopped' };
    }
    this.#stopping = supervisor?.stop() ?? this.#stopping;
    await this.#stopping;
  }

  onModuleInit(): void {
    if (this.#options.enabled) {
      // Before other modules fill their caches at bootstrap: what is not seen being allocated is in no heap profile.
      this.#startHeapSampling();
    }
  }

  onApplicationBootstrap(): void {
    if (this.#options.enabled) {
      // Not awaited: the application does not wait for its profiler.
      void this.start();
    }
  }

  /** The last of the shutdown hooks: a shutdown that hangs can still be profiled. */
  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  #start(): Promise<PprofAddress | undefined> {
    this.#status = { state: 'starting' };
    if (this.#heap === 'untried') {
      this.#startHeapSampling();
    }
    const started = new Promise<PprofAddress | undefined>((resolve) => {
      this.#started = resolve;
    });
    void this.#startThreadOnceStopped();
    return started;
  }

  /** A thread that is still ending holds the port. */
  async #startThreadOnceStopped(): Promise<void> {
    const started = this.#started;
    await this.#stopping;
    // Unless stop() has come in between.
    if (this.#started === started) {
      this.#startThread();
    }
  }

  #startThread(): void {
    void this.#tellOfOutOfMemory();
    this.#supervisor = ThreadSupervisor.of(this.#options, this.#agent, {
      onListening: (address) => this.#onListening(address),
      onWaiting: (reason) => {
        this.#status = { state: 'waiting', reason };
        this.#logger.warn(`Profiling is not available yet, the application goes on without it: ${reason}`);
        this.#settleStart();
      },
      onRestarting: (reason, isFirst) => {
        this.#status = { state: 'restarting', reason: `the profiling thread has ended: ${reason}` };
        if (isFirst) {
          this.#logger.warn(
            `The profiling thread has ended and is started again, the application goes on: ${reason}`,
          );
        }
        this.#settleStart();
      },
      onFailed: (reason) => {
        this.#status = { state: 'failed', reason };
        this.#logger.warn(`Profiling is not available, the application goes on without it: ${reason}`);
        void this.stop();
      },
    });
    this.#supervisor.start();
  }

  #onListening(listening: ListeningAddress): void {
    const address = toPprofAddress(listening);
    this.#status = { state: 'listening', address };
    this.#startHeapSampling();
    this.#logger.log(`Profiling server listening on ${describeAddress(address)}`);
    this.#settleStart();
  }

  /** With what is known now; what start() gives from now on is the same. */
  #settleStart(): void {
    this.#started?.(this.address);
    this.#starting = Promise.resolve(this.address);
  }

  #startHeapSampling(): void {
    // Without threads nobody could ask for it.
    if (
      this.#options.heap === false ||
      this.#heap === 'tried' ||
      !isPermitted('worker') ||
      isPackageMissing()
    ) {
      return;
    }
    const isFirstTry = this.#heap === 'untried';
    this.#heap = 'tried';
    try {
      this.#agent.startHeapSampling(this.#options.heap, this.#prepareOomExport(this.#options.heap));
    } catch (error) {
      // By an application of this process that is just being replaced (hot reload), which lets go of it before its port.
      const isHeldByOurs = error instanceof SamplerHeldError && hasAgents();
      if (isFirstTry && isHeldByOurs) {
        this.#heap = 'held';
      } else {
        this.#logger.warn(`Heap profiles are not available: ${messageOf(error)}`);
      }
    }
  }

  #prepareOomExport(sampling: HeapSampling): OomExportCommand | undefined {
    const { outOfMemory } = this.#options;
    try {
      if (!outOfMemory) {
        return undefined;
      }
      const command = prepareOomExport(outOfMemory, sampling);
      const warning = describeWritableByOthers(outOfMemory.directory);
      if (warning !== undefined) {
        this.#logger.warn(warning);
      }
      return command;
    } catch (error) {
      this.#logger.warn(`Heap profiles on running out of memory: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #tellOfOutOfMemory(): Promise<void> {
    const { outOfMemory } = this.#options;
    const text = outOfMemory && (await describeOomProfiles(outOfMemory.directory).catch(() => undefined));
    if (text) {
      this.#logger.log(text);
    }
  }
}
