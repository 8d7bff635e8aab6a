import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, jest } from '@jest/globals';
import { closeConnections } from './profiling.thread.js';

function connections(open: number): { readonly memory: SharedArrayBuffer; readonly count: Int32Array } {
  const memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const count = new Int32Array(memory);
  count[0] = open;
  return { memory, count };
}

describe('closeConnections', () => {
  it('does nothing where no connection is open', () => {
    const tell = jest.fn();
    closeConnections(connections(0).memory, tell);
    expect(tell).not.toHaveBeenCalled();
  });

  it('asks once, and does not wait for what has been done at once', () => {
    const { memory, count } = connections(2);
    const tell = jest.fn(() => {
      count[0] = 0;
    });
    const wait = jest.spyOn(Atomics, 'wait');
    closeConnections(memory, tell);
    expect(tell).toHaveBeenCalledTimes(1);
    expect(wait).not.toHaveBeenCalled();
    wait.mockRestore();
  });

  it('waits until another thread has closed them one by one', async () => {
    const { memory, count } = connections(2);
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
      { eval: true, workerData: memory },
    );
    try {
      await once(closer, 'message');
      // The longest wait is some ten times what this takes, but the machine may be busy.
      for (let attempt = 0; attempt < 20 && Atomics.load(count, 0) > 0; attempt++) {
        closeConnections(memory, () => closer.postMessage('close'));
      }
      expect(Atomics.load(count, 0)).toBe(0);
    } finally {
      await closer.terminate();
    }
  });

  it('gives up where nobody closes them: the process may exit', () => {
    const { memory, count } = connections(1);
    closeConnections(memory, () => undefined);
    expect(count[0]).toBe(1);
  });
});
