import { threadId } from 'node:worker_threads';
import { expect, it, jest } from '@jest/globals';

/**
 * Of a process whose threads were created in this order: main, the profiling thread, two workers. The kernel's numbers have come to
 * the highest, and begun anew, between the two workers.
 */
const THREADS: Readonly<Record<string, { readonly name: string; readonly startTicks: number }>> = {
  [process.pid]: { name: 'node', startTicks: 100 },
  200: { name: 'nestjs-pprof', startTicks: 110 },
  32767: { name: 'first', startTicks: 5000 },
  300: { name: 'second', startTicks: 5000 + 1 },
  210: { name: 'libuv-worker', startTicks: 120 },
};

jest.unstable_mockModule('node:fs', () => ({
  readdirSync: () => Object.keys(THREADS),
  readFileSync: (file: string) => {
    const [, tid = '', kind] = /^\/proc\/self\/task\/(\d+)\/(\w+)$/.exec(file) ?? [];
    const thread = THREADS[tid];
    if (thread === undefined) {
      throw new Error('ENOENT');
    }
    const before = Array.from({ length: 18 }, () => '0').join(' ');
    return kind === 'comm' ? `${thread.name}\n` : `${tid} (a ) b) S ${before} ${thread.startTicks} 0 0\n`;
  },
  readlinkSync: () => '1/task/200',
}));
const { kernelThreadsOf } = await import('./kernel.threads.js');

it('finds the threads by when they were created, also where the numbers have begun anew in between', () => {
  const first = { id: threadId + 1, label: 'worker' };
  const second = { id: threadId + 2, label: 'worker' };
  const found = kernelThreadsOf([second, first]);
  expect(found && [...found]).toEqual([
    [threadId, 200],
    [first.id, 32767],
    [second.id, 300],
  ]);
});
