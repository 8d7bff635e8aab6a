import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { WorkerStartsMemory } from '../../shared/shared.memory.js';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';
import { ConnectionClosedError } from './threads.errors.js';

jest.unstable_mockModule('./kernel.threads.js', () => silentKernel);
const { Inspector } = await import('./inspector.connection.js');

/** A session that answers when the test says so. */
class FakeSession {
  static latest: FakeSession;
  /** What has been done to it, in order. */
  readonly done: string[] = [];
  readonly #answers = new Map<string, (error: Error | null, result?: unknown) => void>();
  readonly #listeners = new Map<string, (message: { params: object }) => void>();

  constructor() {
    FakeSession.latest = this;
  }

  connectToMainThread(): void {
    this.done.push('connect');
  }

  post(method: string, _params: object, callback?: (error: Error | null, result?: unknown) => void): void {
    this.done.push(method);
    if (callback) {
      this.#answers.set(method, callback);
    }
  }

  on(event: string, listener: (message: { params: object }) => void): void {
    this.#listeners.set(event, listener);
  }

  emit(event: string, params: object): void {
    this.#listeners.get(event)?.({ params });
  }

  answer(method: string, result: unknown = {}): void {
    this.#take(method)?.(null, result);
  }

  fail(method: string, error: Error): void {
    this.#take(method)?.(error);
  }

  disconnect(): void {
    this.done.push('disconnect');
    void this.#failUnanswered();
  }

  /** As Node does, a moment later. */
  async #failUnanswered(): Promise<void> {
    const unanswered = [...this.#answers.values()];
    this.#answers.clear();
    await Promise.resolve();
    unanswered.forEach((callback) => callback(new Error('closed')));
  }

  #take(method: string) {
    const callback = this.#answers.get(method);
    this.#answers.delete(method);
    return callback;
  }
}

const count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const shared = {
  connections: count.buffer,
  workerStarts: new WorkerStartsMemory().buffer,
  inspector: true,
  coverage: false,
};
let inspector: InstanceType<typeof Inspector>;

beforeEach(() => {
  jest.useFakeTimers();
  inspector = new Inspector(shared);
  const nodeInspector = { Session: FakeSession };
  jest.spyOn(process, 'getBuiltinModule').mockImplementation((() => nodeInspector) as never);
});

afterEach(() => {
  expect(count[0]).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('InspectorConnection', () => {
  it('is counted while it is open', () => {
    const connection = inspector.open();
    expect(count[0]).toBe(1);
    connection.close();
    connection.close();
    expect(FakeSession.latest.done).toEqual(['connect', 'disconnect']);
  });

  it('tells whoever waits for an answer that it is closed, and sends nothing more', async () => {
    const connection = inspector.open();
    const waiting = connection.post('Profiler.start');
    connection.close();
    await expect(waiting).rejects.toBeInstanceOf(ConnectionClosedError);
    await expect(connection.post('Profiler.stop')).rejects.toBeInstanceOf(ConnectionClosedError);
    expect(FakeSession.latest.done).toEqual([
      'connect',
      'Runtime.getIsolateId',
      'Profiler.start',
      'disconnect',
    ]);
  });

  it('hands no event over once it has ended: what was on its way still arrives', () => {
    const connection = inspector.open();
    const seen: object[] = [];
    connection.on('HeapProfiler.addHeapSnapshotChunk', (params) => seen.push(params as object));
    FakeSession.latest.emit('HeapProfiler.addHeapSnapshotChunk', { chunk: 'a' });
    connection.close();
    FakeSession.latest.emit('HeapProfiler.addHeapSnapshotChunk', { chunk: 'b' });
    expect(seen).toEqual([{ chunk: 'a' }]);
  });

  it('notes for how long it has held the thread up, and not what that was in before', async () => {
    const connection = inspector.open();
    const begun = monotonicMillis();
    const starting = connection.post('Profiler.start');
    expect(inspector.ownStalls.areGoingOn).toBe(true);
    jest.advanceTimersByTime(300);
    FakeSession.latest.answer('Runtime.getIsolateId');
    jest.advanceTimersByTime(50);
    FakeSession.latest.answer('Profiler.start');
    await starting;
    jest.advanceTimersByTime(1000);
    const stopping = connection.post('Profiler.stop');
    jest.advanceTimersByTime(40);
    FakeSession.latest.answer('Profiler.stop', { profile: { endTime: (begun + 1360) * 1000 } });
    await stopping;
    connection.close();
    expect(inspector.ownStalls.areGoingOn).toBe(false);
    const whole = { from: begun * 1000, to: (begun + 1400) * 1000 };
    const [block] = inspector.ownStalls.without([whole], 0);
    expect(block!.to - block!.from).toBeCloseTo((1400 - 50 - 30) * 1000, 0);
  });

  it('takes a start for over with the first sample, however late this thread hears of it', async () => {
    const another = new Inspector(shared);
    const connection = another.open();
    const begun = monotonicMillis();
    const micros = (millis: number) => (begun + millis) * 1000;
    const starting = connection.post('Profiler.start');
    FakeSession.latest.answer('Runtime.getIsolateId');
    jest.advanceTimersByTime(400);
    FakeSession.latest.answer('Profiler.start');
    await starting;
    jest.advanceTimersByTime(600);
    const stopping = connection.post('Profiler.stop');
    const profile = { startTime: micros(5), timeDeltas: [30_000, 5000], endTime: micros(1000) };
    FakeSession.latest.answer('Profiler.stop', { profile });
    await stopping;
    connection.close();
    const [block] = another.ownStalls.without([{ from: micros(0), to: micros(1000) }], 0);
    expect(block!.to - block!.from).toBeCloseTo((1000 - 35) * 1000, 0);
  });

  it('can send what ends sessions to workers before it ends', () => {
    const connection = inspector.open();
    connection.beforeClose(() => connection.send('NodeWorker.detach', { sessionId: '1' }));
    connection.close();
    expect(FakeSession.latest.done).toEqual(['connect', 'NodeWorker.detach', 'disconnect']);
  });
});

describe('InspectorConnection, closed while sessions to workers are being opened', () => {
  it('lets nobody wait, and ends when it is known which there are', async () => {
    const connection = inspector.open();
    const session = FakeSession.latest;
    const beforeClose = jest.fn();
    connection.beforeClose(beforeClose);
    const attaching = connection.post('NodeWorker.enable');
    connection.close();
    await expect(attaching).rejects.toBeInstanceOf(ConnectionClosedError);
    expect(session.done).not.toContain('disconnect');
    expect(beforeClose).not.toHaveBeenCalled();
    session.answer('NodeWorker.enable');
    expect(beforeClose).toHaveBeenCalledTimes(1);
    expect(session.done.at(-1)).toBe('disconnect');
  });

  it('ends at once where the process is about to exit', () => {
    const connection = inspector.open();
    connection.post('NodeWorker.enable').catch(() => undefined);
    inspector.closeAll();
    expect(FakeSession.latest.done.at(-1)).toBe('disconnect');
    FakeSession.latest.answer('NodeWorker.enable');
    expect(FakeSession.latest.done.filter((what) => what === 'disconnect')).toHaveLength(1);
    // What follows would stay open when the process exits.
    expect(() => inspector.open()).toThrow(ConnectionClosedError);
  });

  it('ends at once where they have been opened', async () => {
    const connection = inspector.open();
    const attaching = connection.post('NodeWorker.enable');
    FakeSession.latest.answer('NodeWorker.enable');
    await attaching;
    connection.close();
    expect(FakeSession.latest.done.at(-1)).toBe('disconnect');
  });
});

describe('InspectorConnection, which runs JavaScript where a time limit of the application strikes', () => {
  const terminated = new Error('Inspector error -32000: Execution was terminated');

  it('has the limit strike again at once', async () => {
    const connection = inspector.open();
    const evaluating = connection.post('Runtime.evaluate');
    FakeSession.latest.fail('Runtime.evaluate', terminated);
    expect(FakeSession.latest.done.at(-1)).toBe('Runtime.terminateExecution');
    await expect(evaluating).rejects.toMatchObject({
      status: 504,
      message: expect.stringMatching(/time limit/),
    });
    connection.close();
  });

  it('also where nobody waits for the answer any more, be it that it took too long or the client has left', async () => {
    const connection = inspector.open();
    const session = FakeSession.latest;
    const evaluating = connection.post('Runtime.evaluate', {}, 100);
    evaluating.catch(() => undefined);
    await jest.advanceTimersByTimeAsync(120);
    await expect(evaluating).rejects.toThrow(/has not answered for 0.1 s/);
    connection.close();
    expect(session.done.at(-1)).toBe('Runtime.evaluate');
    session.fail('Runtime.evaluate', terminated);
    expect(session.done.slice(-2)).toEqual(['Runtime.terminateExecution', 'disconnect']);
  });

  it('terminates nothing where JavaScript has failed otherwise', async () => {
    const connection = inspector.open();
    const evaluating = connection.post('Runtime.evaluate');
    FakeSession.latest.fail('Runtime.evaluate', new Error('Cannot find default execution context'));
    await expect(evaluating).rejects.toThrow(/Cannot find/);
    connection.close();
    expect(FakeSession.latest.done).toEqual(['connect', 'Runtime.evaluate', 'disconnect']);
  });
});

describe('InspectorConnection, in a process that counts code coverage', () => {
  it("refuses V8's profiler and debugger, whose end would reset the coverage, and nothing else", async () => {
    const connection = new Inspector({ ...shared, coverage: true }).open();
    await expect(connection.post('Profiler.enable')).rejects.toMatchObject({ status: 409 });
    await expect(connection.post('Debugger.enable')).rejects.toMatchObject({ status: 409 });
    const heap = connection.post('HeapProfiler.getSamplingProfile');
    FakeSession.latest.answer('HeapProfiler.getSamplingProfile', 'heap');
    expect(await heap).toBe('heap');
    connection.close();
    expect(FakeSession.latest.done).toEqual([
      'connect',
      'Runtime.getIsolateId',
      'HeapProfiler.getSamplingProfile',
      'disconnect',
    ]);
  });
});

describe('Inspector.using', () => {
  it('closes when the signal fires, whatever is awaited, and leaves no listener on it', async () => {
    const controller = new AbortController();
    const using = inspector.using((connection) => connection.post('Profiler.start'), controller.signal);
    controller.abort();
    await expect(using).rejects.toBeInstanceOf(ConnectionClosedError);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('opens none where the signal has fired', async () => {
    const before = FakeSession.latest;
    const using = inspector.using(() => Promise.resolve(), AbortSignal.abort());
    await expect(using).rejects.toThrow(/aborted/);
    expect(FakeSession.latest).toBe(before);
  });

  it('closes when it is done, and where it fails', async () => {
    const { signal } = new AbortController();
    expect(await inspector.using(() => Promise.resolve('done'), signal)).toBe('done');
    const failing = inspector.using(() => Promise.reject(new Error('no')), signal);
    await expect(failing).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
