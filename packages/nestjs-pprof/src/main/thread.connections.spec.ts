import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ThreadConnections } from './thread.connections.js';

const askToClose = jest.fn<() => void>();

let connections: ThreadConnections;
let count: Int32Array;

beforeEach(() => {
  askToClose.mockReset();
  connections = new ThreadConnections(askToClose);
  count = new Int32Array(connections.memory);
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe.each(['close', 'closeNow'] as const)('%s', (method) => {
  it('does nothing where no connection is open', async () => {
    await connections[method]();
    expect(askToClose).not.toHaveBeenCalled();
  });

  it('asks once, and does not wait for what has been done at once', async () => {
    count[0] = 2;
    askToClose.mockImplementation(() => {
      count[0] = 0;
    });
    const wait = jest.spyOn(Atomics, 'wait');
    await connections[method]();
    expect(askToClose).toHaveBeenCalledTimes(1);
    expect(wait).not.toHaveBeenCalled();
  });

  it('waits until another thread has closed them one by one', async () => {
    count[0] = 2;
    const closer = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const count = new Int32Array(workerData);
       parentPort.once('message', () => {
         for (let open = 1; open >= 0; open--) {
           Atomics.store(count, 0, open);
           Atomics.notify(count, 0);
         }
       });
       parentPort.postMessage('ready');`,
      { eval: true, workerData: connections.memory },
    );
    askToClose.mockImplementation(() => closer.postMessage('close'));
    try {
      await once(closer, 'message');
      // The longest wait is far longer than this takes, but the machine may be busy.
      for (let attempt = 0; attempt < 20 && Atomics.load(count, 0) > 0; attempt++) {
        await connections[method]();
      }
      expect(Atomics.load(count, 0)).toBe(0);
    } finally {
      await closer.terminate();
    }
  });

  it('gives up where nobody closes them, whatever the timers of the application do', async () => {
    jest.useFakeTimers();
    count[0] = 1;
    await connections[method]();
    expect(count[0]).toBe(1);
  });
});

it('lets the event loop turn meanwhile, unless the process exits', async () => {
  count[0] = 1;
  const wait = jest.spyOn(Atomics, 'wait');
  const closed = connections.close();
  setImmediate(() => {
    count[0] = 0;
    Atomics.notify(count, 0);
  });
  await closed;
  expect(count[0]).toBe(0);
  expect(wait).not.toHaveBeenCalled();
});
