import { unlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Agent } from './agent.js';
import { registerAgent, unregisterAgent } from './process.registry.js';
import { ownMillis } from '../shared/own.clocks.js';
import { WorkerStartsMemory } from '../shared/shared.memory.js';
import { LastRecording } from './last.recording.js';
import { Heartbeat } from './event.loop.js';
import { messageOf, tried } from '../shared/pprof.error.js';
import { PACKAGE } from '../shared/package.identity.js';
import type { FromThread, ResolvedPprofOptions, ToThread } from '../shared/thread.protocol.js';
import { type PprofAddress, toPprofAddress } from '../pprof.status.js';
import { isPermitted, permissionFlags, threadDataFor } from './process.facts.js';
import { holdSigprof } from './sigprof.holder.js';
import { removeSocket, type SocketFile } from '../shared/file.system.js';
import { programFile } from './own.package.js';
import { ThreadConnections } from './thread.connections.js';

/** A profile too large for this much memory ends the profiling thread, and not the application. */
const MAX_OLD_GENERATION_MB = 512;

/**
 * What the thread has left of its captures stays in its young generation while it is idle, which V8 lets grow to 48 MB and
 * more. Measured on Node 20 and 24: with this much it has the same CPU time for CPU profiles, 5 to 25 % more for heap profiles of
 * thousands of stacks, and 25 to 45 MB less.
 */
const MAX_YOUNG_GENERATION_MB = 8;

const FORBIDDEN =
  'the profiler runs in a thread of its own, and Node runs under --permission without --allow-worker. Add that, ' +
  '--allow-addons and, from Node 24 on, --allow-inspector';

/** @internal */
export interface ThreadListeners {
  onListening(address: PprofAddress): void;
  /** It waits for its port or socket, and listens when that is free. */
  onAddressTaken(message: string): void;
  /** Something that an operator has to know; it goes on. */
  onWarning(message: string): void;
  /** It will not listen; stop it. */
  onListenFailed(message: string): void;
  /** The thread has ended, by itself or as it was stopped. */
  onEnd(reason: string): void;
}

/** The thread that serves the profiles: it never keeps the process alive, and an error in there stays in there. @internal */
export class ProfilingThread {
  readonly #worker: Worker;
  readonly #connections: ThreadConnections;
  readonly #lastRecording: LastRecording | undefined;
  #lastError: string | undefined;
  #isStopping = false;
  #registryEntry: string | undefined;
  #socket: SocketFile | undefined;

  /** @throws where the thread cannot be started, such as under `--permission` without `--allow-worker`. */
  constructor(
    options: ResolvedPprofOptions,
    previousPort: number | undefined,
    agent: Agent,
    listeners: ThreadListeners,
  ) {
    const connections = new ThreadConnections(() => tell({ type: 'process-exiting' }));
    const heartbeat = new Heartbeat();
    const workerStarts = new WorkerStartsMemory();
    const shared = {
      heartbeat: heartbeat.memory,
      connections: connections.memory,
      workerStarts: workerStarts.buffer,
      restarted: agent.hasLostThread,
    };
    let worker: Worker;
    try {
      worker = startWorker(threadDataFor(options, previousPort, shared));
    } catch (error) {
      heartbeat.stop();
      throw isPermitted('worker') ? error : new Error(FORBIDDEN);
    }
    this.#worker = worker;
    const { threadId } = worker;
    registerAgent(threadId, agent);
    const tell = (message: ToThread) => worker.postMessage(message);
    /** What a listener throws ends the application, which may have broken what it needs (`setTimeout`). */
    const guarded =
      <A extends unknown[]>(listener: (...args: A) => void) =>
      (...args: A) => {
        try {
          listener(...args);
        } catch (error) {
          listeners.onWarning(`the profiler has failed: ${messageOf(error)}`);
        }
      };
    agent.onHandlers((classes) => tell({ type: 'handlers-found', classes }));
    this.#connections = connections;
    const onWorker = guarded((started: Worker) => {
      const startedAt = ownMillis();
      workerStarts.note(started.threadId, startedAt);
      agent.workerClocks.add(started);
      // One listener: Node warns of more than ten, and the application has its own.
      started.once('exit', () => {
        agent.workerClocks.delete(started);
        workerStarts.noteEnd(startedAt, ownMillis());
      });
      tell({ type: 'worker-started' });
    });
    if (options.flightRecorder?.directory !== undefined) {
      this.#lastRecording = new LastRecording(agent, tell);
    }
    const onProcessExit = guarded(() => {
      this.#lastRecording?.onExit();
      this.#removeFiles();
      connections.closeNow();
    });
    const releaseSigprof = holdSigprof();
    process.on('worker', onWorker);
    // The addon stops its sampler when the process exits, and forgets what that has seen.
    process.prependListener('exit', onProcessExit);
    const handshake = new ThreadHandshake((message) => listeners.onListenFailed(message));
    const onMessage = (message: FromThread) => {
      if (!handshake.admits(message)) {
        return;
      }
      switch (message.type) {
        case 'agent-request':
          // What began now would not be ended.
          return this.#isStopping ? undefined : agent.answer(message, worker);
        case 'listening':
          return listeners.onListening(toPprofAddress(message));
        case 'listening-on-socket':
          this.#socket = message.socket;
          return listeners.onListening(toPprofAddress({ socketPath: message.socket.path }));
        case 'address-taken':
          return listeners.onAddressTaken(message.message);
        case 'warning':
          return listeners.onWarning(message.message);
        case 'listen-failed':
          return listeners.onListenFailed(message.message);
        case 'registered':
          this.#registryEntry = message.entry;
      }
    };
    worker.on('message', guarded(onMessage));
    worker.on('error', (error: unknown) => {
      this.#lastError = messageOf(error);
    });
    const onEnd = (code: number) => {
      const steps = [
        () => handshake.stop(),
        () => this.#removeFiles(),
        () => heartbeat.stop(),
        releaseSigprof,
        () => process.off('worker', onWorker),
        () => process.off('exit', onProcessExit),
        () => this.#lastRecording?.stop(),
        () => unregisterAgent(threadId),
        () => agent.abandonCaptures(),
      ];
      // Whatever fails of these: the thread is not there any more, and is started again.
      steps.forEach((step) => tried<unknown>(step));
      listeners.onEnd(this.#lastError ?? `exit code ${code}`);
    };
    worker.on('exit', guarded(onEnd));
    // After the listeners: adding one for messages refs the thread's port again.
    worker.unref();
  }

  /** Has what the flight recorder holds written, where the options say so, before the process dies. */
  saveRecording(cause: string): void {
    this.#lastRecording?.save(cause);
  }

  /**
   * Ends the thread, with whatever it is doing. Captures that run are cut off: shutting down does not wait for them, but for up to a
   * second until its sessions are closed, which as a rule takes a millisecond or two.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    try {
      // Nothing else may keep the process alive until then.
      this.#worker.ref();
      const ended = new Promise<void>((resolve) => {
        this.#worker.once('exit', () => resolve());
      });
      await Promise.race([this.#connections.close(), ended]);
    } finally {
      await this.#worker.terminate();
    }
  }

  /** Not done by the thread itself, which may end at any point of what it does. */
  #removeFiles(): void {
    if (this.#socket) {
      removeSocket(this.#socket);
      this.#socket = undefined;
    }
    try {
      if (this.#registryEntry !== undefined) {
        unlinkSync(this.#registryEntry);
        this.#registryEntry = undefined;
      }
    } catch {
      // Whoever reads the registry sees that the process is gone.
    }
  }
}

function startWorker(workerData: unknown): Worker {
  return new Worker(programFile('thread/listener.cjs'), {
    name: 'nestjs-pprof',
    workerData,
    // Without these, the thread would load the user's preloads (APM agents, TypeScript loaders) a second time. Node
    // reads NODE_OPTIONS from the env given here; nothing else of it is needed, so no secret is handed on.
    execArgv: permissionFlags(),
    env: { NODE_ENV: 'production' },
    resourceLimits: {
      maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB,
      maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB,
    },
  });
}

/** Long, as a thread needs a second of CPU time at the most, and a container may have a fiftieth of a processor. */
const PATIENCE_SECONDS = 30;

/**
 * Gives the profiling thread up where it does not say that it is ours. Seconds are counted in turns of this thread's event loop:
 * where that is starved or stopped, the other may be, too.
 *
 * @internal
 */
export class ThreadHandshake {
  readonly #timer: NodeJS.Timeout;
  #remainingSeconds = PATIENCE_SECONDS;
  #isDone = false;
  /** Of one that is not known to the `clearInterval` which the application has put there meanwhile. */
  #isStopped = false;

  constructor(giveUp: (message: string) => void) {
    this.#timer = setInterval(() => {
      this.#remainingSeconds -= 1;
      if (this.#remainingSeconds === 0 && !this.#isStopped) {
        this.stop();
        giveUp(
          `the profiling thread has not reported within ${PATIENCE_SECONDS} s of its start, and is given up`,
        );
      }
    }, 1000);
    this.#timer.unref();
  }

  /** Whether the message is to be handled: it comes from our own program, which has introduced itself before. */
  admits(message: FromThread): boolean {
    if (!this.#isDone && message.type === 'hello') {
      this.#isDone = message.name === PACKAGE.name && message.version === PACKAGE.version;
      if (this.#isDone) {
        this.stop();
      }
    }
    return this.#isDone;
  }

  stop(): void {
    this.#isStopped = true;
    tried(() => clearInterval(this.#timer));
  }
}
