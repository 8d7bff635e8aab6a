import { messageOf } from './error.message.js';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Agent } from './agent/agent.js';
import { registerAgent, unregisterAgent } from './agent/agent.registry.js';
import { closeConnectionsAtExit } from './agent/exit.handler.js';
import { monotonicMillis } from './agent/agent.protocol.js';
import { WorkerStartsMemory } from './agent/worker-starts.memory.js';
import { Heartbeat } from './agent/heartbeat.js';
import type { ResolvedPprofOptions } from './options.validation.js';
import type { ListeningAddress } from './pprof.address.js';
import { PprofStartError } from './pprof.errors.js';
import { removeSocket, type SocketFile } from './socket.removal.js';
import type { FromThread, ThreadData, ToThread } from './thread.protocol.js';

const ENTRY = fileURLToPath(new URL('./server/main.js', import.meta.url));

/** A profile too large for this much memory ends the profiling thread, and not the application. */
const MAX_OLD_GENERATION_MB = 512;

/** @internal */
export interface ThreadListeners {
  /** The thread has ended by itself. */
  onCrash(reason: string): void;
}

/**
 * The application's handle on the thread that serves the profiles. It never keeps the process alive, and an error in
 * there stays in there.
 *
 * @internal
 */
export class ProfilingThread {
  readonly #worker: Worker;
  readonly #listening: Promise<ListeningAddress>;
  #stopping = false;
  #lastError: string | undefined;
  #socket: SocketFile | undefined;

  /** @throws where Node refuses to start a thread, for example under `--permission` without `--allow-worker`. */
  constructor(options: ResolvedPprofOptions, agent: Agent, listeners: ThreadListeners) {
    const heartbeat = new Heartbeat();
    const connections = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const workerStarts = new WorkerStartsMemory();
    const worker = new Worker(ENTRY, {
      name: 'nestjs-pprof',
      workerData: threadData(options, {
        heartbeat: heartbeat.memory,
        connections,
        workerStarts: workerStarts.buffer,
      }),
      // Without these, the thread would load the user's preloads (APM agents, TypeScript loaders) a second time. Node
      // reads NODE_OPTIONS from the env given here; nothing else of it is needed, so no secret is handed on.
      execArgv: [],
      env: { NODE_ENV: 'production' },
      resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB },
    });
    this.#worker = worker;
    const { threadId } = worker;
    registerAgent(threadId, agent);
    const tell = (message: ToThread) => worker.postMessage(message);
    const onWorker = (started: Worker) => {
      const startedAt = monotonicMillis();
      workerStarts.note(started.threadId, startedAt);
      started.once('exit', () => workerStarts.noteEnd(startedAt, monotonicMillis()));
      tell({ type: 'worker-started' });
    };
    const onProcessExit = () => {
      this.#removeSocket();
      closeConnectionsAtExit(connections, () => tell({ type: 'process-exiting' }));
    };
    process.on('worker', onWorker);
    process.on('exit', onProcessExit);
    this.#listening = new Promise((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        if (message.type === 'agent-request') {
          agent.answer(message, worker);
        } else if (message.type === 'listening') {
          resolve({ host: message.host, port: message.port });
        } else if (message.type === 'listening-on-socket') {
          this.#socket = message.socket;
          resolve({ socketPath: message.socket.path });
        } else {
          reject(new PprofStartError(message.message));
        }
      });
      worker.on('error', (error: unknown) => {
        this.#lastError = messageOf(error);
      });
      worker.on('exit', (code) => {
        this.#removeSocket();
        heartbeat.stop();
        process.off('worker', onWorker);
        process.off('exit', onProcessExit);
        unregisterAgent(threadId);
        agent.abandonCaptures();
        const reason = this.#lastError ?? `exit code ${code}`;
        reject(new PprofStartError(`the profiling thread has ended: ${reason}`));
        if (!this.#stopping) {
          listeners.onCrash(reason);
        }
      });
    });
    // After the listeners: adding one for messages refs the thread's port again.
    worker.unref();
    // Whoever calls listening() hears of a failure; until then it is not an unhandled rejection.
    this.#listening.catch(() => undefined);
  }

  /**
   * Settles once the thread listens.
   *
   * @throws {PprofStartError} where it does not come to that, with cause and remedy.
   */
  listening(): Promise<ListeningAddress> {
    return this.#listening;
  }

  /** Ends the thread, with whatever it is doing. Captures that run are cut off: shutting down does not wait for them. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#worker.terminate();
  }

  /** Not done by the thread itself, which may end at any point of what it does. */
  #removeSocket(): void {
    if (this.#socket) {
      removeSocket(this.#socket);
      this.#socket = undefined;
    }
  }
}

function threadData(
  options: ResolvedPprofOptions,
  shared: Pick<ThreadData, 'heartbeat' | 'connections' | 'workerStarts'>,
): ThreadData {
  return {
    host: options.host,
    port: options.port,
    socketPath: options.socketPath,
    allowedHosts: options.allowedHosts,
    auth: options.auth,
    profiles: options.profiles,
    maxSeconds: options.maxSeconds,
    inspector: mayInspect(),
    heap: options.heap,
    block: options.block,
    ...shared,
    application: {
      pid: process.pid,
      title: process.title,
      argv: process.argv,
      execPath: process.execPath,
      execArgv: process.execArgv,
      cwd: process.cwd(),
    },
  };
}

function mayInspect(): boolean {
  const { permission, features } = process as {
    permission?: { has(scope: string): boolean };
    features: { inspector: boolean };
  };
  return features.inspector && (permission === undefined || permission.has('inspector'));
}
