import { monotonicMillis } from '../shared/agent.protocol.js';

/** The profiling thread needs a millisecond or two; where it is too busy for that, what is left open is put up with. */
const LONGEST_WAIT_MILLIS = 50;

/**
 * Has the profiling thread close its inspector sessions, if any is open, and waits until it has. Node prints `Waiting for
 * the debugger to disconnect...` for those that are open when a process exits; and those to worker threads stay open, with
 * the profilers that run in them, when the profiling thread is ended.
 *
 * @param connections memory in which the profiling thread counts its open sessions
 * @param tell asks the profiling thread to close them
 * @internal
 */
export function closeConnections(connections: SharedArrayBuffer, tell: () => void): void {
  const count = new Int32Array(connections);
  if (Atomics.load(count, 0) === 0) {
    return;
  }
  tell();
  const deadline = monotonicMillis() + LONGEST_WAIT_MILLIS;
  let left = LONGEST_WAIT_MILLIS;
  for (let open = Atomics.load(count, 0); open > 0 && left > 0; open = Atomics.load(count, 0)) {
    Atomics.wait(count, 0, open, left);
    left = deadline - monotonicMillis();
  }
}
