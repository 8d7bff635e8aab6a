import { lastBeatIn } from '../../shared/shared.memory.js';
import type { LoopDescription } from '../../shared/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import { ThreadStuckError } from './threads.errors.js';

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
}

/** @internal */
export class LoopObserver {
  constructor(
    private readonly agent: AgentClient,
    private readonly heartbeat: SharedArrayBuffer,
  ) {}

  async observe(): Promise<LoopState> {
    const asked = performance.now();
    try {
      const description = await this.agent.request('describeLoop', null);
      return { stuck: false, lastTurn: Date.now(), delayMillis: performance.now() - asked, description };
    } catch (error) {
      if (error instanceof ThreadStuckError) {
        const lastTurn = lastBeatIn(this.heartbeat);
        const stuck = error.silence.cause !== 'starved';
        return { stuck, lastTurn, delayMillis: undefined, description: undefined };
      }
      throw error;
    }
  }
}
