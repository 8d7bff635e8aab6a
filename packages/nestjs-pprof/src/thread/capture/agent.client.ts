import { threadId } from 'node:worker_threads';
import { NotByInterruptError } from '../../shared/agent.errors.js';
import {
  AGENTS,
  type InterruptAnswer,
  type AgentCommand,
  type AgentCommands,
  type AgentReply,
  type AgentRequest,
  type CpuSegment,
  type LoopDescription,
  monotonicMillis,
} from '../../shared/agent.protocol.js';
import { BEAT_MILLIS, lastBeatIn, newClaim, withdrawRequest } from '../../shared/shared.memory.js';
import { AnswerDeadline } from './answer.deadline.js';
import { cpuNanosOfMain } from './kernel.threads.js';
import { lastTurnIn } from './last.turn.js';
import { type Silence, AgentFailureError, LONG_TURN_NANOS, ThreadStuckError } from './threads.errors.js';
import type { ToThread } from '../../shared/thread.protocol.js';
import type { Inspector } from './inspector.connection.js';

/** An event loop that has not turned for this long may be stuck; until then it is merely late. */
const LATE_MILLIS = 1000;

/** Whatever is known of the loop, it gets this long to answer, once; less where it has not turned for a second for certain. */
const SHORTEST_WAIT_MILLIS = 250;
const SHORTEST_WAIT_FOR_STUCK_MILLIS = 120;

/** Of a segment. Its labels are the application's, and may be called anything. */
const BYTES = new Set(['profile', 'sampleLog']);

/** The profiling thread's end of the channel to the main thread. @internal */
export interface AgentChannel {
  postMessage(message: AgentRequest): void;
  on(event: 'message', listener: (message: ToThread) => void): unknown;
}

interface Pending {
  accepted(): void;
  replied(reply: AgentReply): void;
}

/** The main thread's event loop, as it is at this moment. @internal */
export interface LoopState {
  /** Whether it has not turned for a second and more, though the thread had a processor to turn on. */
  readonly stuck: boolean;
  /** Since when at the latest it has not turned, milliseconds since the epoch; of one that turns, when that was seen. */
  readonly lastTurn: number;
  /** How long a message to the loop, and the answer, took; undefined where none has come. */
  readonly delayMillis: number | undefined;
  /** What only the loop itself can tell; undefined where it has not. */
  readonly description: LoopDescription | undefined;
  /** How it was waited for, where it has not answered. */
  readonly silence: Silence | undefined;
}

/** Asks the agent in the application's main thread. Works while that thread's event loop turns. @internal */
export class AgentClient {
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = { 'worker-started': new Set<() => void>(), 'process-exiting': new Set<() => void>() };
  #nextId = 1;
  /** Of the request that was given up last: until the loop takes its next turn, nobody has to wait. */
  #silence: (Silence & { readonly lastTurn: number; readonly cpuAtFirst: number | undefined }) | undefined;

  /** @param heartbeat where the main thread notes that its event loop turns */
  constructor(
    private readonly channel: AgentChannel,
    private readonly heartbeat: SharedArrayBuffer,
    private readonly inspector: Pick<Inspector, 'using'>,
  ) {
    channel.on('message', (message) => {
      this.#silence = undefined;
      if (message.type === 'worker-started' || message.type === 'process-exiting') {
        this.#listeners[message.type].forEach((listener) => listener());
        return;
      }
      if (message.type === 'handlers-found' || message.type === 'save-recording') {
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
   * @param lateMillis how long the event loop may not have turned, the time before the request included.
   * @throws {ThreadStuckError} when the request is not taken in time.
   * @throws {AgentFailureError} when it cannot be done.
   */
  request<C extends AgentCommand>(
    command: C,
    args: AgentCommands[C]['args'],
    lateMillis = LATE_MILLIS,
  ): Promise<AgentCommands[C]['result']> {
    const lastTurn = lastBeatIn(this.heartbeat);
    const sinceTurn = Math.max(0, monotonicMillis() - lastTurn);
    const silence = this.#silence;
    if (silence?.lastTurn === lastTurn && silence.cause !== 'starved' && sinceTurn >= lateMillis) {
      return Promise.reject(this.#stuck(silence));
    }
    // It may have turned until just before the next beat.
    const isCertain = sinceTurn >= LATE_MILLIS + BEAT_MILLIS;
    const shortest = isCertain ? SHORTEST_WAIT_FOR_STUCK_MILLIS : SHORTEST_WAIT_MILLIS;
    return this.#send(command, args, Math.max(shortest, lateMillis - sinceTurn));
  }

  /** Since when the event loop has not turned, in milliseconds since the epoch; undefined of one that is not even late. */
  get silentSince(): number | undefined {
    const isLate = monotonicMillis() - lastBeatIn(this.heartbeat) >= LATE_MILLIS;
    return isLate ? lastTurnIn(this.heartbeat) : undefined;
  }

  /** The main thread's event loop, as it is at this moment. */
  async observeLoop(): Promise<LoopState> {
    const asked = performance.now();
    try {
      const description = await this.request('describeLoop', null);
      const delayMillis = performance.now() - asked;
      return { stuck: false, lastTurn: Date.now(), delayMillis, description, silence: undefined };
    } catch (error) {
      if (error instanceof ThreadStuckError) {
        const { isStuck: stuck, silence } = error;
        const lastTurn = lastTurnIn(this.heartbeat);
        return { stuck, lastTurn, delayMillis: undefined, description: undefined, silence };
      }
      throw error;
    }
  }

  /** Has the agent do something whenever the main thread comes to it. @throws {AgentFailureError} when it cannot be done. */
  requestPatiently<C extends AgentCommand>(command: C, args: AgentCommands[C]['args']) {
    return this.#send(command, args, null);
  }

  /**
   * Reads what the CPU sampler of a stuck main thread has seen so far, by interrupting it; the sampler goes on.
   *
   * @throws {ThreadUnreachableError} when the thread is in a native call.
   * @throws {AgentFailureError} when it cannot be done.
   * @throws {NotByInterruptError} where it is not safe by interrupt.
   */
  async readCpuByInterrupt(): Promise<CpuSegment | null> {
    const expression = `globalThis[Symbol.for(${JSON.stringify(AGENTS.description)})]?.get(${threadId})?.readCpuByInterrupt()`;
    const { result } = await this.inspector.using(async (connection) => {
      // Answered in C++. A thread that is in a native call must not be left with JavaScript to run whenever that ends.
      await connection.post('Runtime.getIsolateId');
      return connection.post<{ result: { value?: string } }>('Runtime.evaluate', {
        expression,
        returnByValue: true,
        silent: true,
      });
    });
    const answer = JSON.parse(result.value ?? 'null', (key, value: unknown) =>
      BYTES.has(key) && hasBase64(value) ? new Uint8Array(Buffer.from(value.base64, 'base64')) : value,
    ) as InterruptAnswer | null;
    if (answer && !answer.failure) {
      return answer.result ?? null;
    }
    // It may have been silent for a native call, which has ended now that it answers: who asks next has to wait for its loop.
    this.#silence = undefined;
    throw answer?.failure ? new AgentFailureError(answer.failure) : new NotByInterruptError();
  }

  /**
   * Has something done by interrupt while the main thread waits between two turns of its event loop: nothing of the
   * application's runs then, and no time limit of its own can strike.
   *
   * @param isPatient whether a loop that does not turn is waited for, however long that takes
   * @throws {ThreadStuckError} where the loop does not turn; nothing has been done then, and nothing will be.
   */
  async betweenTurns<T>(use: () => Promise<T>, isPatient = false): Promise<T> {
    const gate = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#send('waitAtGate', gate, isPatient ? null : LATE_MILLIS, resolve).then(() => resolve(), reject);
      });
      return await use();
    } finally {
      Atomics.store(new Int32Array(gate), 0, 1);
      Atomics.notify(new Int32Array(gate), 0);
    }
  }

  /** Calls the listener whenever the main thread has started a worker thread, until the returned function is called. */
  onWorkerStarted(listener: () => void): () => void {
    this.#listeners['worker-started'].add(listener);
    return () => this.#listeners['worker-started'].delete(listener);
  }

  /** Calls the listener when the process is about to exit, or this thread to be ended; that waits a moment for what it does. */
  onExit(listener: () => void): void {
    this.#listeners['process-exiting'].add(listener);
  }

  /** What one wait cannot tell of a thread that hardly gets a processor, several can: all that it has run is one turn. */
  #withEarlier(found: Silence): Silence {
    const lastTurn = lastBeatIn(this.heartbeat);
    const cpuNanos = cpuNanosOfMain();
    const earlier = this.#silence?.lastTurn === lastTurn ? this.#silence : undefined;
    const cpuAtFirst = earlier?.cpuAtFirst ?? cpuNanos;
    const isBusy = found.cause === 'starved' && (cpuNanos ?? 0) - (cpuAtFirst ?? 0) >= LONG_TURN_NANOS;
    const silence: Silence = isBusy ? { ...found, cause: 'busy' } : found;
    this.#silence = { ...silence, lastTurn, cpuAtFirst };
    return silence;
  }

  #stuck(silence: Silence): ThreadStuckError {
    // It may have turned until just before the next beat.
    const sinceTurn = monotonicMillis() - lastBeatIn(this.heartbeat) - BEAT_MILLIS;
    return new ThreadStuckError('the main thread', silence, Math.max(silence.millis, sinceTurn));
  }

  #send<C extends AgentCommand>(
    command: C,
    args: AgentCommands[C]['args'],
    withinMillis: number | null,
    onAccepted: () => void = () => undefined,
  ): Promise<AgentCommands[C]['result']> {
    const id = this.#nextId++;
    const claim = withinMillis === null ? null : newClaim();
    return new Promise((resolve, reject) => {
      const giveUp = (silence: Silence) => {
        // One that has just been taken is waited for: the loop turns.
        if (claim && withdrawRequest(claim)) {
          this.#pending.delete(id);
          reject(this.#stuck(this.#withEarlier(silence)));
        }
      };
      const deadline =
        withinMillis === null ? undefined : new AnswerDeadline(process.pid, withinMillis, giveUp);
      this.#pending.set(id, {
        accepted: () => {
          deadline?.cancel();
          onAccepted();
        },
        replied: ({ result, failure }) => {
          deadline?.cancel();
          if (failure) {
            reject(new AgentFailureError(failure));
          } else {
            resolve(result as AgentCommands[C]['result']);
          }
        },
      });
      this.channel.postMessage({ type: 'agent-request', id, command, args, claim });
    });
  }
}

function hasBase64(value: unknown): value is { base64: string } {
  return typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string';
}
