import { setMaxListeners } from 'node:events';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { untilAborted } from './single.flight.js';
import { kernelThreadsOf, processorWaits, timesThrottled } from './kernel.threads.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.selection.js';
import { ThreadUnreachableError } from './threads.errors.js';

/**
 * Scrapers give up at ten seconds. Where this thread itself hardly gets a processor, the request was a second on its way
 * here, the time is over a second too late, and what was found takes another two to be written.
 */
const MOMENT_MILLIS = 5000;

/** Where none has answered until then, the first that does ends it: better late than with nothing. */
const LONGEST_MILLIS = 7000;

/** From then on what has been found of a thread is not looked into any further. */
const HURRY_MILLIS = 3500;

/** Threads have usually answered until then, and the kernel need not be asked. */
const FIRST_MEASURED_MILLIS = 500;

/**
 * The time limit of a whole request for what threads do at this moment: the answer has those that have answered until then. Each
 * step has a limit of its own (`AnswerDeadline`), but a thread that hardly gets a processor can take long for each of them.
 *
 * @internal
 */
export class MomentDeadline {
  readonly #startedAt = monotonicMillis();
  readonly #over = new AbortController();
  readonly #hurry = new AbortController();
  readonly #signal: AbortSignal;
  readonly #timers: NodeJS.Timeout[];
  #waitsAtFirst: ReadonlyMap<number, number> = new Map();
  #throttledAtFirst = 0;
  #hasAnswer = false;
  #isLate = false;

  private constructor(private readonly clientSignal: AbortSignal) {
    this.#signal = AbortSignal.any([clientSignal, this.#over.signal]);
    // One listener a thread that is asked, which may be many.
    setMaxListeners(0, this.#signal, this.#hurry.signal);
    const first = () => {
      this.#waitsAtFirst = processorWaits();
      this.#throttledAtFirst = timesThrottled();
    };
    // Through setImmediate: answers that came in while this thread itself had no processor are handled first.
    this.#timers = [
      setTimeout(first, FIRST_MEASURED_MILLIS),
      setTimeout(() => this.#hurry.abort(), HURRY_MILLIS),
      setTimeout(() => setImmediate(() => this.#endWithAnswer()), MOMENT_MILLIS),
      setTimeout(() => setImmediate(() => this.#end()), LONGEST_MILLIS),
    ];
  }

  /** @param signal fires when nobody waits for the answer any more */
  static async during<T>(signal: AbortSignal, use: (deadline: MomentDeadline) => Promise<T>): Promise<T> {
    const deadline = new MomentDeadline(signal);
    try {
      return await use(deadline);
    } finally {
      deadline.#timers.forEach(clearTimeout);
    }
  }

  /** Fires some time before it is over: whoever has an answer by then gives it. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /**
   * @param ask its signal fires when nobody waits any more
   * @param workers those there are, among which the kernel's number of the thread is found
   * @throws {ThreadUnreachableError} when the time is over, the reason of the client's signal as soon as that fires, and what `ask` does.
   */
  async answerOf<T>(
    thread: ThreadInfo,
    ask: (signal: AbortSignal) => Promise<T>,
    workers: () => readonly ThreadInfo[] = () => [],
  ): Promise<T> {
    const answer = await this.within(thread, ask, workers);
    this.#hasAnswer = true;
    if (this.#isLate) {
      setImmediate(() => this.#end());
    }
    return answer;
  }

  /** The same of what is no answer yet, such as the session to the workers. */
  async within<T>(
    thread: ThreadInfo,
    ask: (signal: AbortSignal) => Promise<T>,
    workers: () => readonly ThreadInfo[] = () => [],
  ): Promise<T> {
    try {
      return await untilAborted(this.#signal, ask(this.#signal));
    } catch (error) {
      this.clientSignal.throwIfAborted();
      throw error === this.#over.signal.reason ? this.#unreachable(thread, workers()) : error;
    }
  }

  #endWithAnswer(): void {
    this.#isLate = true;
    if (this.#hasAnswer) {
      this.#end();
    }
  }

  #end(): void {
    this.#over.abort();
  }

  /** Blames no call: the thread may have answered step after step, and a worker is reached through the main thread. */
  #unreachable(thread: ThreadInfo, workers: readonly ThreadInfo[]): ThreadUnreachableError {
    const millis = monotonicMillis() - this.#startedAt;
    const tid = thread.id === MAIN_THREAD.id ? process.pid : kernelThreadsOf(workers)?.get(thread.id);
    const waits = [...processorWaits()]
      .filter(([other]) => other === (tid ?? other))
      .map(([other, nanos]) => (nanos - (this.#waitsAtFirst.get(other) ?? nanos)) / 1e6);
    const withoutProcessorMillis = Math.min(Math.max(0, ...waits), millis);
    return new ThreadUnreachableError(thread.label, {
      millis,
      cause: tid !== undefined && withoutProcessorMillis >= millis / 2 ? 'starved' : 'unknown',
      withoutProcessorMillis,
      isOfAnyThread: tid === undefined,
      throttled: timesThrottled() > this.#throttledAtFirst,
    });
  }
}
