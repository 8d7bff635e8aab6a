import { failureOf, NotByInterruptError } from '../shared/agent.errors.js';
import type {
  AgentCommand,
  AgentCommands,
  AgentReply,
  AgentRequest,
  CpuSegment,
  HandlerClass,
  HeapSampling,
} from '../shared/agent.protocol.js';
import { ownMillis } from '../shared/own.clocks.js';
import { tried } from '../shared/pprof.error.js';
import { takeRequest } from '../shared/shared.memory.js';
import { CpuSampler } from './cpu.sampler.js';
import type { SampleLabels } from './sample.labels.js';
import { describeLoop, LoopWatch } from './event.loop.js';
import { HeapSampler } from './heap.sampler.js';
import type { OomWatch } from './oom.watch.js';
import { WorkerClocks } from './worker.clocks.js';

/** What is waited for takes a millisecond or two; a profiling thread that is held up must not hold up the application. */
const LONGEST_WAIT_MILLIS = 50;

/** Where the agent's answers go: the profiling thread. @internal */
export interface AgentPort {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** Starts and stops the samplers of the main thread when the profiling thread asks, and hands over what they saw. @internal */
export class Agent {
  readonly #cpu: CpuSampler;
  #handlers: readonly HandlerClass[] | undefined;
  #onHandlers: ((classes: readonly HandlerClass[]) => void) | undefined;
  readonly #heap = new HeapSampler();
  readonly #loopWatch = new LoopWatch();
  readonly workerClocks = new WorkerClocks();
  /** Whether a profiling thread has ended, with what it had recorded. */
  hasLostThread = false;
  /** Whether a segment has been read at a point where the thread was not in the middle of something. */
  #hasReadCpu = false;

  readonly #commands: {
    [C in AgentCommand]: (
      args: AgentCommands[C]['args'],
    ) => AgentCommands[C]['result'] | Promise<AgentCommands[C]['result']>;
  } = {
    rotateCpu: (next) => {
      // Not every way to run Nest calls a hook when the application is put together.
      this.tellHandlers();
      const segment = this.#cpu.rotate(next);
      this.#hasReadCpu ||= segment !== null;
      return segment;
    },
    startLoopWatch: (request) => {
      this.#loopWatch.start(request);
      return null;
    },
    stopLoopWatch: (id) => {
      this.#loopWatch.stop(id);
      return null;
    },
    describeLoop,
    waitAtGate: (gate) => {
      Atomics.wait(new Int32Array(gate), 0, 0, LONGEST_WAIT_MILLIS);
      return null;
    },
    readWorkerClocks: () => this.workerClocks.read(),
    sampleHeap: () => this.#heap.sample(),
    beginAllocations: (sampling) => this.#heap.beginAllocations(sampling),
    readAllocations: () => this.#heap.readAllocations(),
    endAllocations: () => this.#heap.endAllocations(),
  };

  /**
   * @param labels undefined where the application wants none
   * @param findHandlers what stacks are labelled with; asked once, when the application is put together
   */
  constructor(
    labels?: SampleLabels,
    private readonly findHandlers?: () => readonly HandlerClass[],
  ) {
    this.#cpu = new CpuSampler(labels);
  }

  /** Tells who listens of the handlers now, if they are known, or when they are. */
  onHandlers(listener: (classes: readonly HandlerClass[]) => void): void {
    this.#onHandlers = listener;
    if (this.#handlers) {
      listener(this.#handlers);
    }
  }

  /** To be called when the application is put together; again does nothing. */
  tellHandlers(): void {
    if (!this.#handlers && this.#onHandlers && this.findHandlers) {
      this.#handlers = this.findHandlers();
      this.#onHandlers(this.#handlers);
    }
  }

  /** @throws {AgentError} where the heap cannot be sampled; the profiling thread is told the same when it asks. */
  startHeapSampling(sampling: HeapSampling, oomWatch?: OomWatch): void {
    this.#heap.start(sampling, oomWatch);
  }

  /** Answers one request; never throws. */
  answer<C extends AgentCommand>(request: AgentRequest<C>, port: AgentPort): void {
    const { id, claim } = request;
    if (claim && !takeRequest(claim)) {
      return;
    }
    const begunAt = ownMillis();
    port.postMessage({ type: 'agent-accepted', id });
    const reply = (result: unknown) =>
      port.postMessage({ type: 'agent-reply', id, result } satisfies AgentReply, transferableIn(result));
    const fail = (error: unknown) =>
      port.postMessage({ type: 'agent-reply', id, failure: failureOf(error) } satisfies AgentReply);
    try {
      const result = this.#commands[request.command](request.args);
      if (result instanceof Promise) {
        void result.then(reply, fail);
      } else {
        reply(result);
      }
    } catch (error) {
      fail(error);
    }
    this.#loopWatch.exclude(ownMillis() - begunAt);
  }

  /**
   * Hands over what the CPU sampler has seen so far, by interrupt: in the middle of whatever the thread is stuck in, and
   * not through its event loop. Only where that has been done before in the regular way: code that is being loaded or set
   * up for the first time may be just what was interrupted.
   *
   * @returns JSON of an `InterruptAnswer`.
   */
  readCpuByInterrupt(): string {
    const begunAt = ownMillis();
    try {
      if (!this.#hasReadCpu) {
        throw new NotByInterruptError();
      }
      const result = this.#cpu.readOn();
      return JSON.stringify({ result }, (_, value: unknown) =>
        value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
      );
    } catch (error) {
      return JSON.stringify({ failure: failureOf(error) });
    } finally {
      this.#loopWatch.exclude(ownMillis() - begunAt);
    }
  }

  /** What the CPU sampler has seen last, as the process dies: it stops. */
  takeLastSegment(): CpuSegment | null {
    return tried(() => this.#cpu.rotate(null)) ?? null;
  }

  /** Ends the captures whose taker is gone. */
  abandonCaptures(): void {
    this.hasLostThread = true;
    this.#cpu.abandon();
    this.#loopWatch.stopAll();
    this.#heap.endAllocations();
  }

  stop(): void {
    this.#heap.stop();
    this.abandonCaptures();
  }
}

/** The bytes in a result. A view on a part of a pooled buffer cannot be transferred without its neighbours; it is copied. */
function transferableIn(result: unknown): ArrayBuffer[] {
  return Object.values(result ?? {}).flatMap((bytes: unknown) =>
    bytes instanceof Uint8Array && bytes.byteLength > 0 && bytes.byteLength === bytes.buffer.byteLength
      ? [bytes.buffer as ArrayBuffer]
      : [],
  );
}
