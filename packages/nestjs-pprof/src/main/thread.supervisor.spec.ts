import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ThreadListeners } from './profiling.thread.js';
import { ThreadSupervisor } from './thread.supervisor.js';

const ADDRESS = { host: '127.0.0.1', port: 6060, url: 'http://127.0.0.1:6060/debug/pprof/' };
const FIVE_MINUTES = 300_000;

let threads: Array<{ previousPort: number | undefined; listeners: ThreadListeners; stopped: boolean }>;
let reports: string[];
let refusal: Error | undefined;
let supervisor: ThreadSupervisor;

beforeEach(() => {
  jest.useFakeTimers();
  threads = [];
  reports = [];
  refusal = undefined;
  supervisor = new ThreadSupervisor(
    (previousPort, listeners) => {
      if (refusal) {
        throw refusal;
      }
      const thread = { previousPort, listeners, stopped: false };
      threads.push(thread);
      return {
        stop: () => {
          thread.stopped = true;
          return Promise.resolve();
        },
      };
    },
    {
      onListening: (address) => void reports.push(`listening ${'port' in address && address.port}`),
      onWaiting: (reason) => void reports.push(`waiting ${reason}`),
      onRestarting: (reason, isFirst) => void reports.push(`restarting ${reason} ${isFirst}`),
      onWarning: (message) => void reports.push(`warning ${message}`),
      onFailed: (reason) => void reports.push(`failed ${reason}`),
    },
  );
});

afterEach(() => {
  jest.useRealTimers();
});

function latest(): ThreadListeners {
  return threads.at(-1)!.listeners;
}

/** The latest thread listens for so long, then ends. */
function serveThenEnd(millis = 0): void {
  latest().onListening(ADDRESS);
  jest.advanceTimersByTime(millis);
  latest().onEnd('gone');
}

/** Milliseconds until the next thread is started. */
function pause(): number {
  const { length } = threads;
  let millis = 0;
  while (threads.length === length && millis < 1e6) {
    jest.advanceTimersByTime(100);
    millis += 100;
  }
  return millis;
}

describe('ThreadSupervisor', () => {
  it('starts a thread that has ended again, with growing pauses, on the port that it had', () => {
    supervisor.start();
    const pauses = Array.from({ length: 9 }, () => {
      serveThenEnd();
      return pause();
    });
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(threads.map(({ previousPort }) => previousPort).slice(0, 3)).toEqual([undefined, 6060, 6060]);
  });

  it('tells the first end of a series from those that follow', () => {
    supervisor.start();
    serveThenEnd();
    pause();
    serveThenEnd();
    expect(reports).toEqual([
      'listening 6060',
      'restarting gone true',
      'listening 6060',
      'restarting gone false',
    ]);
  });

  it('begins anew when the thread has been well for a while, and not before', () => {
    supervisor.start();
    serveThenEnd();
    pause();
    serveThenEnd(FIVE_MINUTES - 1);
    expect([reports.at(-1), pause()]).toEqual(['restarting gone false', 2000]);
    serveThenEnd(FIVE_MINUTES);
    expect([reports.at(-1), pause()]).toEqual(['restarting gone true', 1000]);
  });

  it('goes on trying where a thread could be started once, and cannot any more', () => {
    supervisor.start();
    serveThenEnd();
    refusal = new Error('no more threads');
    jest.advanceTimersByTime(10_000);
    expect(reports.slice(2)).toEqual([
      'restarting no more threads false',
      'restarting no more threads false',
      'restarting no more threads false',
    ]);
    refusal = undefined;
    pause();
    expect(threads).toHaveLength(2);
  });

  it('does not start again what has never run', () => {
    supervisor.start();
    latest().onEnd('cannot load');
    jest.advanceTimersByTime(FIVE_MINUTES);
    expect([reports, threads.length]).toEqual([['failed cannot load'], 1]);
  });

  it('fails where no thread can be started', () => {
    refusal = new Error('not permitted');
    supervisor.start();
    expect(reports).toEqual(['failed not permitted']);
  });

  it('stops a thread that cannot listen', () => {
    supervisor.start();
    latest().onListenFailed('no such address');
    latest().onEnd('exit code 1');
    expect([reports, threads[0]!.stopped]).toEqual([['failed no such address'], true]);
  });

  it('has a thread that ends while it waits for its port started again', () => {
    supervisor.start();
    latest().onAddressTaken('taken');
    latest().onEnd('gone');
    expect([reports, pause()]).toEqual([['waiting taken', 'restarting gone true'], 1000]);
  });

  it('reports nothing and starts nothing after stop()', async () => {
    supervisor.start();
    const { listeners } = threads[0]!;
    listeners.onListening(ADDRESS);
    await supervisor.stop();
    listeners.onEnd('terminated');
    expect([reports, threads[0]!.stopped]).toEqual([['listening 6060'], true]);
  });

  it('is stopped in the pause before the next start, too', async () => {
    supervisor.start();
    serveThenEnd();
    await supervisor.stop();
    jest.advanceTimersByTime(FIVE_MINUTES);
    expect([threads.length, jest.getTimerCount()]).toEqual([1, 0]);
  });
});
