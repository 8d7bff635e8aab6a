import { expect, it, jest } from '@jest/globals';
import { askWorkers, type OnWorker } from './workers.session.js';
import type { InspectorTarget } from './inspector.connection.js';

const workerOf = (id: number) => ({
  target: { thread: { id, label: `worker ${id}` } } as unknown as InspectorTarget,
});

it('asks workers that start until the end, and none that starts while the last answers are awaited', async () => {
  let start!: OnWorker<ReturnType<typeof workerOf>>;
  let end!: () => void;
  let answer!: () => void;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const release = jest.fn();
  const ask = jest.fn(({ target }: ReturnType<typeof workerOf>) => answered.then(() => target.thread.id));
  const asking = askWorkers(
    (onWorker: typeof start) => {
      start = onWorker;
      onWorker(workerOf(1));
      return { told: Promise.resolve(), threads: [], release };
    },
    [1, 2, 4],
    ask,
    { signal: new AbortController().signal, untilEnd: () => new Promise<void>((resolve) => (end = resolve)) },
  );
  await new Promise(setImmediate);
  start(workerOf(2));
  start(workerOf(3));
  end();
  await new Promise(setImmediate);
  start(workerOf(4));
  expect(release).not.toHaveBeenCalled();
  answer();
  expect(await asking).toEqual({ results: [1, 2], skipped: [] });
  expect(ask).toHaveBeenCalledTimes(2);
  expect(release).toHaveBeenCalledTimes(1);
});
