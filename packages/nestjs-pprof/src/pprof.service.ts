import { messageOf, tried } from './shared/pprof.error.js';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  Optional,
} from '@nestjs/common';
import { Agent } from './main/agent.js';
import { runWithLabels } from './main/label.sets.js';
import { NEST_CONTAINER, NestContainer } from './main/nest.container.js';
import { handlerClassesOf, labelUntoldHandlers } from './main/nest.handlers.js';
import { isPermitted, unsupportedRuntime } from './main/process.facts.js';
import { ownPackage } from './main/own.package.js';
import { describePostMortems, isUsable, prepareOomExport } from './main/oom.export.js';
import { OomWatch } from './main/oom.watch.js';
import { resolveOptions } from './options.table.js';
import type { ResolvedPprofOptions } from './shared/thread.protocol.js';
import type { PprofLabelValues } from './pprof.labels.js';
import { PPROF_OPTIONS, type PprofModuleOptions } from './pprof.options.js';
import { describeAddress, type PprofAddress, type PprofStatus } from './pprof.status.js';
import { ProfilingThread } from './main/profiling.thread.js';
import { type Slot, type SlotHolder, takeSlot } from './main/process.registry.js';
import { RequestLabels } from './main/request.labels.js';
import { RouteLabels } from './main/route.labels.js';
import { SampleLabels } from './main/sample.labels.js';
import { ThreadSupervisor } from './main/thread.supervisor.js';

const LONGEST_TIMER_MILLIS = 2 ** 31 - 1;

/**
 * Starts and stops the profiler; it starts and stops with the application by itself.
 *
 * @example
 * // An operator's switch: profiling off by default, on when a feature flag says so.
 * flags.on('profiling', (on) => (on ? pprof.start() : pprof.stop()));
 */
@Injectable()
export class PprofService implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #logger = new Logger('PprofModule');
  readonly #warn = (text: string) => this.#log('warn', text);
  readonly #options: ResolvedPprofOptions;
  readonly #agent: Agent;
  readonly #holder: SlotHolder;
  /** Where it is ours: until it is, nothing of ours runs. */
  #slot: Slot | undefined;
  /** Where it is another's. */
  #shared: Slot | undefined;
  #supervisor: ThreadSupervisor | undefined;
  #starting: Promise<PprofAddress | undefined> | undefined;
  /** Settles the start that is under way. */
  #started: ((address: PprofAddress | undefined) => void) | undefined;
  #stopping: Promise<void> = Promise.resolve();
  #status: PprofStatus;

  /**
   * Starts it, unless it is disabled: a start of the application that hangs, or takes long, can be profiled; nor does every
   * way to run Nest call the hooks of its lifecycle (a hybrid application without `listen` does not).
   *
   * @throws {PprofOptionsError} where an option is not valid.
   */
  constructor(
    @Inject(PPROF_OPTIONS) options: PprofModuleOptions,
    /** @internal */
    @Optional() @Inject(NEST_CONTAINER) found?: { readonly container: unknown },
  ) {
    this.#options = resolveOptions(options);
    const container = found?.container instanceof NestContainer ? found.container : undefined;
    this.#agent = this.#options.labels ? this.#labellingAgent(container) : new Agent();
    this.#holder = {
      options: JSON.stringify(this.#options),
      status: () => this.#status,
      listening: () => this.#starting ?? Promise.resolve(undefined),
    };
    this.#status = { state: this.#options.enabled ? 'stopped' : 'disabled' };
    if (this.#options.enabled) {
      // Not awaited: the application does not wait for its profiler.
      void this.#start();
    } else {
      this.#log('debug', 'Profiling is off: the option "enabled" is false');
    }
  }

  /** Where the profiles are served; undefined while they are not. After a wait for the port, or a restart, it may change. */
  get address(): PprofAddress | undefined {
    return this.status.address;
  }

  /** Where another `PprofModule` of this process profiles it: of that one. */
  get status(): PprofStatus {
    return this.#shared?.holder.status() ?? this.#status;
  }

  /**
   * Starts the profiler, whatever `enabled` says. Starting what runs already, or waits for its port, is fine. Until it
   * settles the process does not end by itself, as nothing else may keep it: what comes after an `await` of it runs.
   *
   * @returns where it listens; undefined where it does not, or not yet: a warning is logged, and `status` tells why.
   * Never rejects.
   */
  start(): Promise<PprofAddress | undefined> {
    const started = this.#starting ?? this.#start();
    // Its thread keeps no process alive.
    const hold = tried(() => setInterval(() => undefined, LONGEST_TIMER_MILLIS));
    void started.then(() => tried(() => clearInterval(hold)));
    return started;
  }

  /** Stops the profiler and frees its port, or removes its socket; captures that are running are cut off. Never rejects. */
  async stop(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = undefined;
    this.#shared = undefined;
    this.#starting = undefined;
    this.#started?.(undefined);
    this.#started = undefined;
    // Nest ends an application whose shutdown hook fails in another way than the signal would have.
    tried(() => this.#agent.stop());
    if (this.#status.state !== 'disabled' && this.#status.state !== 'failed') {
      this.#status = { state: 'stopped' };
    }
    this.#stopping = supervisor?.stop().catch(() => undefined) ?? this.#stopping;
    await this.#stopping;
    // Unless start() has come in between.
    if (this.#starting === undefined) {
      this.#slot?.free();
      this.#slot = undefined;
    }
  }

  /**
   * Runs a task, and labels the CPU samples that are taken while it runs, also after an `await`, as Go's `pprof.Do` does. Labels
   * of a task within a task add to those around it, and the inner ones win. While nobody captures, the task is called and
   * that is all.
   *
   * @example
   * await this.pprof.withLabels({ tenant: tenant.id }, () => this.reports.build(tenant));
   *
   * @returns what the task returns; what it throws is thrown
   */
  withLabels<R>(labels: PprofLabelValues, task: () => R): R {
    return runWithLabels(labels, task);
  }

  /** What is stuck can be named from then on. */
  onApplicationBootstrap(): void {
    this.#agent.tellHandlers();
  }

  /** Before the profiler that it shares is stopped by the last of the hooks, as it would start its own then. */
  async onModuleDestroy(): Promise<void> {
    if (this.#shared) {
      await this.stop();
    }
  }

  /** The last of the shutdown hooks: a shutdown that hangs can still be profiled. */
  onApplicationShutdown(signal?: string): Promise<void> {
    if (signal !== undefined) {
      this.#supervisor?.saveRecording(signal);
    }
    return this.stop();
  }

  #start(): Promise<PprofAddress | undefined> {
    const unsupported = unsupportedRuntime();
    if (unsupported !== undefined) {
      this.#fail(unsupported);
      return Promise.resolve(undefined);
    }
    const started = new Promise<PprofAddress | undefined>((resolve) => {
      this.#started = resolve;
    });
    this.#starting = started;
    const slot = takeSlot(this.#holder);
    if (slot.holder === this.#holder) {
      this.#slot = slot;
      this.#status = { state: 'starting' };
      const recordings = this.#options.flightRecorder?.directory;
      if (recordings !== undefined) {
        // Made before the profiling thread looks for it.
        isUsable('flightRecorder.directory', recordings, this.#warn);
      }
      this.#startHeapSampling();
      void this.#startThreadOnceStopped();
    } else {
      // It may be of another version of this package.
      this.#share(slot).catch((error: unknown) =>
        this.#fail(
          `another PprofModule of this process has its profiler, and cannot be asked: ${messageOf(error)}`,
        ),
      );
    }
    return started;
  }

  /** Another PprofModule of this process profiles it; what this one wants is done when that has ended. */
  async #share(slot: Slot): Promise<void> {
    this.#shared = slot;
    const address = await slot.holder.listening();
    const isSharing = () => this.#shared === slot;
    const { state } = slot.holder.status();
    // One that is just ending, in a hot reload, is nothing to tell of.
    if (isSharing() && state !== 'stopped' && state !== 'failed') {
      this.#logSharing(slot.holder, address);
      this.#settleStart();
    }
    await slot.freed;
    if (isSharing()) {
      this.#shared = undefined;
      const started = this.#started;
      void this.#start().then((own) => started?.(own));
    }
  }

  #logSharing({ options }: SlotHolder, address: PprofAddress | undefined): void {
    const theirs = JSON.parse(options) as Readonly<Record<string, unknown>>;
    const differing = Object.entries(JSON.parse(this.#holder.options) as Readonly<Record<string, unknown>>)
      .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(theirs[name]))
      .map(([name]) => (name === 'credentialsHash' ? 'auth' : name));
    const where = address === undefined ? '' : ` on ${describeAddress(address)}`;
    const text = `Another PprofModule of this process has its profiler already${where}, and both use that`;
    if (differing.length === 0) {
      this.#log('log', text);
    } else {
      this.#log('warn', `${text}: with its options, which differ in ${differing.join(', ')}`);
    }
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
    void this.#logPostMortems();
    const supervisor = new ThreadSupervisor(
      (previousPort, listeners) => new ProfilingThread(this.#options, previousPort, this.#agent, listeners),
      {
        onListening: (address) => {
          this.#status = { state: 'listening', address };
          this.#log('log', `Profiling server listening on ${describeAddress(address)}`);
          this.#settleStart();
        },
        onWaiting: (reason) => {
          this.#status = { state: 'waiting', reason };
          this.#log('warn', `Profiling is not available yet, the application goes on without it: ${reason}`);
          this.#settleStart();
        },
        onRestarting: (reason, isFirst) => {
          this.#status = { state: 'restarting', reason: `the profiling thread has ended: ${reason}` };
          if (isFirst) {
            this.#log(
              'warn',
              `The profiling thread has ended and is started again, the application goes on: ${reason}`,
            );
          }
          this.#settleStart();
        },
        onWarning: this.#warn,
        onFailed: (reason) => this.#fail(reason),
      },
    );
    this.#supervisor = supervisor;
    supervisor.start();
  }

  /** The logger is the application's. What it throws, from a timer or as a message comes in, would end the process. */
  #log(level: 'log' | 'warn' | 'debug', text: string): void {
    tried(() => this.#logger[level](text));
  }

  #fail(reason: string): void {
    this.#status = { state: 'failed', reason };
    this.#log('warn', `Profiling is not available, the application goes on without it: ${reason}`);
    void this.stop();
  }

  /** With what is known now; what start() gives from now on is the same. */
  #settleStart(): void {
    this.#started?.(this.address);
    this.#starting = Promise.resolve(this.address);
  }

  #labellingAgent(container: NestContainer | undefined): Agent {
    if (this.#options.enabled && container && this.#options.labels && this.#options.labels.everything) {
      try {
        labelUntoldHandlers(container);
      } catch (error) {
        this.#log('warn', `Not every handler is labelled in CPU profiles: ${messageOf(error)}`);
      }
    }
    const labels = new SampleLabels(new RequestLabels(new RouteLabels(container)), (reason) =>
      this.#log('debug', `CPU samples are not labelled by what they were taken for: ${reason}`),
    );
    return new Agent(labels, () => (container ? handlerClassesOf(container) : []));
  }

  #startHeapSampling(): void {
    const { heap } = this.#options;
    // Without threads nobody could ask for it.
    if (heap === false || !isPermitted('worker') || tried(ownPackage) === undefined) {
      return;
    }
    try {
      const oomExport = prepareOomExport(this.#options, heap, this.#warn);
      this.#agent.startHeapSampling(heap, oomExport && new OomWatch(oomExport, this.#warn));
    } catch (error) {
      this.#log('warn', `Heap profiles are not available: ${messageOf(error)}`);
    }
  }

  async #logPostMortems(): Promise<void> {
    const { outOfMemory, flightRecorder } = this.#options;
    const texts = [
      outOfMemory && (await describePostMortems(outOfMemory.directory, 'oom')),
      flightRecorder?.directory && (await describePostMortems(flightRecorder.directory, 'flight')),
    ];
    texts.forEach((text) => text && this.#log('log', text));
  }
}
