import { setMaxListeners } from 'node:events';
import { DutyCycle } from '../../capture/duty.cycle.js';
import type { CaptureSlots } from './capture.slots.js';

/** A look at a thread that is stuck takes seconds; whoever asks next does not wait for as long again. */
const LONGEST_REST_MILLIS = 1000;

interface Flight {
  readonly answer: Promise<unknown>;
  readonly abandon: AbortController;
  waiting: number;
}

/**
 * Captures of this moment: one at a time of each kind, with a rest in between, so that they cannot stop the application
 * by being asked for over and over. The same question, asked before it is answered, has one answer (single flight), and
 * takes one slot.
 *
 * @internal
 */
export class MomentCaptures {
  readonly #cycles = new Map<string, DutyCycle>();
  readonly #flights = new Map<string, Flight>();

  constructor(private readonly slots: CaptureSlots) {}

  /**
   * @param kind captures of the same kind are made one after the other.
   * @param question the same one has the same answer.
   * @param gone of this asker.
   * @param capture its signal tells that no asker is left.
   * @throws what the capture does, TooManyCapturesError, or the reason of `gone`.
   */
  async take<T>(
    kind: string,
    question: string,
    gone: AbortSignal,
    capture: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    gone.throwIfAborted();
    const flight = this.#flights.get(question) ?? this.#begin(kind, question, capture);
    flight.waiting += 1;
    const leave = () => {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        // Whoever asks now does not get what is being given up.
        this.#land(question, flight);
        flight.abandon.abort();
      }
    };
    gone.addEventListener('abort', leave, { once: true });
    try {
      return (await flight.answer) as T;
    } finally {
      gone.removeEventListener('abort', leave);
    }
  }

  #begin(kind: string, question: string, capture: (signal: AbortSignal) => Promise<unknown>): Flight {
    const cycle = this.#cycles.get(kind) ?? new DutyCycle(LONGEST_REST_MILLIS);
    this.#cycles.set(kind, cycle);
    const abandon = new AbortController();
    const { signal } = abandon;
    // One listener a thread that is profiled, which may be many.
    setMaxListeners(0, signal);
    const inTurn = () =>
      cycle.run(() => {
        signal.throwIfAborted();
        return capture(signal);
      });
    const answer = this.slots.run(undefined, signal, inTurn);
    const flight: Flight = { answer, abandon, waiting: 0 };
    answer.finally(() => this.#land(question, flight)).catch(() => undefined);
    this.#flights.set(question, flight);
    return flight;
  }

  #land(question: string, flight: Flight): void {
    if (this.#flights.get(question) === flight) {
      this.#flights.delete(question);
    }
  }
}
