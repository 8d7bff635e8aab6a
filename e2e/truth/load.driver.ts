import { connect } from 'node:net';
import { once } from 'node:events';
import type { AppProcess } from '../support/app.process.js';

/** What a turn of the fixture does: which function, and for how many milliseconds of CPU time. */
export interface Job {
  readonly name: 'alpha' | 'beta';
  readonly millis: number;
  /** How many of them there are in a cycle of all jobs; 1 unless it is given. */
  readonly times?: number;
}

/**
 * Asks a process for turns, from outside and at random, until the returned function is called. Turns arrive as requests do:
 * independently of each other and of whether the process keeps up.
 *
 * @param utilization the share of a processor that they take
 */
export async function drive(app: AppProcess, jobs: readonly Job[], utilization: number): Promise<() => void> {
  await app.call('setJobs', jobs);
  const cycle = jobs.flatMap(({ times = 1 }, index) => Array<number>(times).fill(index));
  const meanMillis = jobs.reduce((total, { millis, times = 1 }) => total + millis * times, 0) / cycle.length;
  const meanGap = meanMillis / utilization;
  const socket = connect(await app.call<number>('port'), '127.0.0.1').setNoDelay();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  let due = performance.now();
  let order: number[] = [];
  let timer: NodeJS.Timeout;
  const send = () => {
    const bytes: number[] = [];
    while (due <= performance.now()) {
      // In random order, so that no function has the same one before it each time; each cycle has all.
      order = order.length > 0 ? order : shuffled(cycle);
      bytes.push(order.pop()!);
      due += -Math.log(1 - Math.random()) * meanGap;
    }
    socket.write(Uint8Array.from(bytes));
    timer = setTimeout(send, Math.max(0, due - performance.now()));
  };
  send();
  return () => {
    clearTimeout(timer);
    socket.destroy();
  };
}

function shuffled(items: readonly number[]): number[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
