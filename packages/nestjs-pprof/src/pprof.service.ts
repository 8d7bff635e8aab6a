import { messageOf } from './error.message.js';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Agent } from './agent/agent.js';
import { resolveOptions, type ResolvedPprofOptions } from './options.validation.js';
import { describeAddress, type PprofAddress, toPprofAddress } from './pprof.address.js';
import { PPROF_OPTIONS, type PprofModuleOptions } from './pprof.options.js';
import { ProfilingThread } from './profiling-thread.js';

/** What the profiler is doing. */
export interface PprofStatus {
  /**
   * - `disabled`: switched off by the options, and not started by hand
   * - `starting`, `listening`, `stopped`: what they say
   * - `failed`: could not start or has ended by itself; `reason` says why. The application is not affected.
   */
  readonly state: 'disabled' | 'starting' | 'listening' | 'stopped' | 'failed';
  readonly address?: PprofAddress;
  readonly reason?: string;
}

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
  #thread: ProfilingThread | undefined;
  /** At module initialization, or at the first `start()` where that comes first; a failure is told of once. */
  #heapIsTried = false;
  #starting: Promise<PprofAddress | undefined> | undefined;
  #stopping: Promise<void> = Promise.resolve();
  /** Tells the start that is under way from those that `stop()` has overtaken. */
  #attempt: symbol | undefined;
  #status: PprofStatus;

  /** @throws {PprofOptionsError} where an option is not valid. */
  constructor(@Inject(PPROF_OPTIONS) options: PprofModuleOptions) {
    this.#options = resolveOptions(options);
    this.#status = { state: this.#options.enabled ? 'stopped' : 'disabled' };
  }

  /** Where the profiles are served, once `start()` has settled; undefined while they are not. */
  get address(): PprofAddress | undefined {
    return this.#status.address;
  }

  get status(): PprofStatus {
    return this.#status;
  }

  /**
   * Starts the profiler, whatever `enabled` says, and settles when it listens. Starting what runs already is fine.
   * Never rejects: where it cannot start, a warning is logged, `status` tells why and the result is undefined.
   */
  start(): Promise<PprofAddress | undefined> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Stops the profiler and frees its port, or removes its socket; captures that are running are cut off. */
  async stop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    this.#starting = undefined;
    this.#attempt = undefined;
    this.#heapIsTried = false;
    this.#agent.stop();
    if (this.#status.state === 'starting' || this.#status.state === 'listening') {
      this.#status = { state: 'stopped' };
    }
    this.#stopping = thread?.stop() ?? this.#stopping;
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

  async #start(): Promise<PprofAddress | undefined> {
    const attempt = Symbol('start');
    this.#attempt = attempt;
    this.#status = { state: 'starting' };
    this.#startHeapSampling();
    // A thread that is still ending holds the port.
    await this.#stopping;
    if (this.#attempt !== attempt) {
      return undefined;
    }
    try {
      this.#thread = new ProfilingThread(this.#options, this.#agent, {
        onCrash: (reason) => this.#onCrash(attempt, reason),
      });
      const listening = await this.#thread.listening();
      if (this.#attempt !== attempt) {
        return undefined;
      }
      const address = toPprofAddress(listening);
      this.#status = { state: 'listening', address };
      this.#logger.log(`Profiling server listening on ${describeAddress(address)}`);
      return address;
    } catch (error) {
      if (this.#attempt === attempt) {
        this.#fail(`Profiling is not available, the application goes on without it: ${messageOf(error)}`);
      }
      return undefined;
    }
  }

  #onCrash(attempt: symbol, reason: string): void {
    if (this.#attempt === attempt && this.#status.state === 'listening') {
      this.#fail(`The profiling thread has ended, the application goes on without it: ${reason}`);
    }
  }

  #fail(reason: string): void {
    void this.stop();
    this.#status = { state: 'failed', reason };
    this.#logger.warn(reason);
  }

  #startHeapSampling(): void {
    if (this.#options.heap === false || this.#heapIsTried) {
      return;
    }
    this.#heapIsTried = true;
    try {
      this.#agent.startHeapSampling(this.#options.heap);
    } catch (error) {
      this.#logger.warn(`Heap profiles are not available: ${messageOf(error)}`);
    }
  }
}
