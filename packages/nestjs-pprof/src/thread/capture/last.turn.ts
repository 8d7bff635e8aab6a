import { monotonicMillis } from '../../shared/agent.protocol.js';
import { lastBeatIn } from '../../shared/shared.memory.js';

/** What the machine's clock is corrected by, as a rule, is less. */
const SET_BY_MILLIS = 100;

/** The turn that was read last has been told as this time. */
let told = { beat: Number.NaN, time: Number.NaN };

/**
 * When the main thread's event loop has turned last, in milliseconds since the epoch. A turn keeps its time, and a clock that is set
 * makes no turn of one that is longer ago.
 *
 * @internal
 */
export function lastTurnIn(heartbeat: SharedArrayBuffer): number {
  const beat = lastBeatIn(heartbeat);
  const time = Math.round(Date.now() - (monotonicMillis() - beat));
  if (beat !== told.beat || Math.abs(time - told.time) >= SET_BY_MILLIS) {
    told = { beat, time };
  }
  return told.time;
}
