import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WorkerStartsMemory } from '../../shared/shared.memory.js';
import { InspectedThreads } from './inspected.threads.js';
import type { Inspector } from './inspector.connection.js';

/** The inspector of a main thread that does not answer. */
class FakeConnection {
  readonly inspector = { workerStarts: new WorkerStartsMemory() };
  readonly close = jest.fn();
  readonly on = jest.fn();
  readonly beforeClose = jest.fn();
  readonly onClose = jest.fn();
  readonly post = () => new Promise<never>(() => undefined);
}

let connections: FakeConnection[];

const GONE = new Error('the client has gone away');

let threads: InspectedThreads;
let client: AbortController;

beforeEach(() => {
  connections = [];
  const inspector = {
    refuseUnderCoverage: () => undefined,
    open: () => {
      const connection = new FakeConnection();
      connections.push(connection);
      return connection;
    },
  };
  threads = new InspectedThreads(
    inspector as unknown as Inspector,
    new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  );
  client = new AbortController();
});

describe('a session', () => {
  const never = () => new Promise<never>(() => undefined);
  const asks: Record<string, () => Promise<unknown>> = {
    'asks all workers': () => threads.askWorkers('all', never, client.signal),
    'asks one worker': () => threads.useThread(7, never, client.signal),
    'asks the main thread': () => threads.useMain(never, client.signal),
  };

  it.each(Object.keys(asks))(
    'is left by who %s and goes away before the inspector has answered',
    async (name) => {
      const asked = asks[name]!();
      expect(connections).toHaveLength(1);
      expect(connections[0]!.close).not.toHaveBeenCalled();
      client.abort(GONE);
      await expect(asked).rejects.toBe(GONE);
      expect(connections[0]!.close).toHaveBeenCalledTimes(1);
    },
  );
});
