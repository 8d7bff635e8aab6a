import { threadId } from 'node:worker_threads';
import { NotByInterruptError } from '../../shared/agent.errors.js';
import {
  AGENTS,
  type InterruptAnswer,
  monotonicMillis,
  type AgentAccepted,
  type AgentCommand,
  type AgentCommands,
  type AgentReply,
  type AgentRequest,
  type ProcessExiting,
  type WorkerStarted,
} from '../../shared/agent.protocol.js';
import { InspectorConnection } from './inspector.connection.js';
import { AgentFailureError, ThreadStuckError } from './threads.errors.js';

/** An event loop that has not turned for this long is called stuck. */
const STUCK_AFTER_MILLIS = 200;

/** For the word that a request has been taken in the last moment to arrive. */
const GRACE_MILLIS = 50;

type ToProfilingThread = AgentAccepted | AgentReply | WorkerStarted | ProcessExiting;

/** The profiling thread's end of the channel to the main thread. @internal */
export interface AgentChannel {
  postMessage(message: AgentRequest): void;
  on(event: 'message', listener: (message: ToProfilingThread) => void): unknown;
}

interface Pending {
  accepted(): void;
  replied(reply: AgentReply): void;
}

/** Asks the agent in the application's main thread. Works while that thread's event loop turns. @internal */
export class AgentClient {
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = { 'worker-started': new Set<() => void>(), 'process-exiting': new Set<() => void>() };
  #nextId = 1;

  constructor(private readonly channel: AgentChannel) {
    channel.on('message', (message) => {
      if (message.type === 'worker-started' || message.type === 'process-exiting') {
        this.#listeners[message.type].forEach((listener) => listener());
        return;
      }
      const pending = this.#pending.get(message.id);
      if (message.type === 'agent-accepted') {
        pending?.accepted();
      } else {
        this.#pending.delete(message.id);
        pending?.replied(message);
      }
    });
  }

  /**
   * Has the agent do something, unless the main thread is stuck: then it is not done later either.
   *
   * @param withinMillis how long the event loop may take to come to it. Longer where there is no other way to the thread:
   *   a loop that is only late is not worth an error.
   * @throws {ThreadStuckError} when the request is not taken in time.
   * @throws {AgentFailureError} when it cannot be done.
   */
  request<C extends AgentCommand>(
    command: C,
    args: AgentCommands[C]['args'],
    withinMillis = STUCK_AFTER_MILLIS,
  ) {
    return this.#send(command, args, withinMillis);
  }

  /**
   * Has the agent do something as soon as the main thread comes to it, which is when a stuck one goes on.
   *
   * @throws {AgentFailureError} when it cannot be done.
   */
  requestPatiently<C extends AgentCommand>(command: C, args: AgentCommands[C]['args']) {
    return this.#send(command, args, null);
  }

  /**
   * Has the agent do something on a stuck main thread, by interrupting it.
   *
   * @throws {ThreadUnreachableError} when the thread is in a native call.
   * @throws {AgentFailureError} when it cannot be done.
   * @throws {NotByInterruptError} where it is not safe by interrupt.
   */
  async requestByInterrupt<C extends AgentCommand>(
    command: C,
    args: AgentCommands[C]['args'],
  ): Promise<AgentCommands[C]['result']> {
    const agent = `globalThis[Symbol.for(${JSON.stringify(AGENTS.description)})]?.get(${threadId})`;
    const expression = `${agent}?.answerByInterrupt(${JSON.stringify(command)}, ${JSON.stringify(args)})`;
    const { result } = await InspectorConnection.using((connection) =>
      connection.post<{ result: { value?: string } }>('Runtime.evaluate', {
        expression,
        returnByValue: true,
        silent: true,
      }),
    );
    if (result.value === undefined) {
      throw new NotByInterruptError();
    }
    const answer = JSON.parse(result.value, (_, value: unknown) =>
      hasBase64(value) ? new Uint8Array(Buffer.from(value.base64, 'base64')) : value,
    ) as InterruptAnswer;
    if (answer.failure) {
      throw new AgentFailureError(answer.failure);
    }
    return answer.result as AgentCommands[C]['result'];
  }

  /** Calls the listener whenever the main thread has started a worker thread, until the returned function is called. */
  onWorkerStarted(listener: () => void): () => void {
    this.#listeners['worker-started'].add(listener);
    return () => this.#listeners['worker-started'].delete(listener);
  }

  /** Calls the listener when the process is about to exit; the main thread waits a moment for what it does. */
  onExit(listener: () => void): void {
    this.#listeners['process-exiting'].add(listener);
  }

  #send<C extends AgentCommand>(
    command: C,
    args: AgentCommands[C]['args'],
    withinMillis: number | null,
  ): Promise<AgentCommands[C]['result']> {
    const id = this.#nextId++;
    const expiresAt = withinMillis === null ? null : monotonicMillis() + withinMillis;
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        if (this.#pending.delete(id)) {
          reject(new ThreadStuckError('the main thread', withinMillis ?? 0));
        }
      };
      // Through setImmediate: answers that came in while this thread itself was busy are handled first.
      let timer: NodeJS.Timeout | undefined;
      if (withinMillis !== null) {
        timer = setTimeout(() => setImmediate(() => timer && giveUp()), withinMillis + GRACE_MILLIS);
      }
      this.#pending.set(id, {
        accepted: () => {
          clearTimeout(timer);
          timer = undefined;
        },
        replied: ({ result, failure }) => {
          if (failure) {
            reject(new AgentFailureError(failure));
          } else {
            resolve(result as AgentCommands[C]['result']);
          }
        },
      });
      this.channel.postMessage({ type: 'agent-request', id, command, args, expiresAt });
    });
  }
}

function hasBase64(value: unknown): value is { base64: string } {
  return typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string';
}
