import { threadId } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  silenceOf,
  ConnectionClosedError,
  ShortLivedWorkersError,
  ThreadEndedError,
  ThreadUnreachableError,
} from './threads.errors.js';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { outcomeOf } from '../../../test-fixtures/promise-outcome.js';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { WorkerStartsMemory } from '../../shared/shared.memory.js';
import type { InspectorConnection, InspectorTarget } from './inspector.connection.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
jest.unstable_mockModule('./kernel.threads.js', () => silentKernel);
const { WorkerTargets } = await import('./worker.targets.js');

interface Sent {
  readonly sessionId: string;
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** The inspector of a main thread with workers in it. */
class FakeConnection {
  readonly posted: string[] = [];
  readonly sent: Sent[] = [];
  onEnable = () => Promise.resolve<unknown>({});
  onSend = () => Promise.resolve<unknown>({});
  readonly #listeners = new Map<string, (params: unknown) => void>();
  readonly #beforeClose: (() => void)[] = [];
  readonly #onClose: (() => void)[] = [];
  readonly detached: unknown[] = [];

  readonly inspector = { workerStarts: starts, refuseUnderCoverage: () => undefined };

  readonly asConnection = this as unknown as InspectorConnection;

  on(event: string, listener: (params: unknown) => void): void {
    this.#listeners.set(event, listener);
  }

  beforeClose(listener: () => void): void {
    this.#beforeClose.push(listener);
  }

  send(method: string, { sessionId }: { sessionId: string }): void {
    expect(method).toBe('NodeWorker.detach');
    this.detached.push(sessionId);
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  post(method: string, params: { sessionId: string; message: string }): Promise<unknown> {
    this.posted.push(method);
    if (method === 'NodeWorker.enable') {
      return this.onEnable();
    }
    const message = JSON.parse(params.message) as Omit<Sent, 'sessionId'>;
    this.sent.push({ sessionId: params.sessionId, ...message });
    return this.onSend();
  }

  close(): void {
    this.#beforeClose.forEach((listener) => listener());
    this.#onClose.forEach((listener) => listener());
  }

  attach(id: number, name = ''): void {
    const workerInfo = { title: `[worker ${id}] ${name}` };
    this.#emit('NodeWorker.attachedToWorker', { sessionId: `session ${id}`, workerInfo });
  }

  detach(id: number): void {
    this.#emit('NodeWorker.detachedFromWorker', { sessionId: `session ${id}` });
  }

  receive(id: number, message: object): void {
    this.#emit('NodeWorker.receivedMessageFromWorker', {
      sessionId: `session ${id}`,
      message: JSON.stringify(message),
    });
  }

  #emit(event: string, params: unknown): void {
    this.#listeners.get(event)?.(params);
  }
}

/** The main thread has not started it: a worker of a worker. */
const UNKNOWN = 100;

let connection: FakeConnection;
let found: InspectorTarget[];
let starts: WorkerStartsMemory;
const onEnded = jest.fn<(target: InspectorTarget) => void>();

beforeEach(() => {
  jest.useFakeTimers();
  jest.advanceTimersByTime(10_000);
  onEnded.mockClear();
  starts = new WorkerStartsMemory();
  connection = new FakeConnection();
  found = [];
  // Old enough, unless a test says otherwise.
  for (let id = 1; id < UNKNOWN; id++) {
    starts.note(id, monotonicMillis() - 5000);
  }
});

afterEach(() => {
  jest.useRealTimers();
});

function attach() {
  return WorkerTargets.attach(connection.asConnection, (target) => found.push(target), onEnded);
}

/** Attaches to an application that has these workers. */
async function attachedTo(...ids: number[]) {
  connection.onEnable = () => {
    ids.forEach((id) => connection.attach(id));
    return Promise.resolve({});
  };
  return attach();
}

describe('WorkerTargets.attach', () => {
  it('finds every worker there is, with its name', async () => {
    connection.onEnable = () => {
      connection.attach(1, 'mail');
      connection.attach(2);
      return Promise.resolve({});
    };
    const workers = await attach();
    expect(found.map(({ thread }) => thread.label)).toEqual(['worker 1 (mail)', 'worker 2']);
    expect(workers.threads.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('leaves out the thread it runs in itself, which is one of the workers', async () => {
    const workers = await attachedTo(threadId, threadId + 1);
    expect(found.map(({ thread }) => thread.id)).toEqual([threadId + 1]);
    expect(workers.threads).toHaveLength(1);
  });

  it('leaves out what it can make nothing of', async () => {
    await attachedTo(Number.NaN);
    expect(found).toEqual([]);
  });

  it('finds those that start later, as long as the connection is open', async () => {
    const workers = await attachedTo();
    connection.attach(5);
    expect(found.map(({ thread }) => thread.id)).toEqual([5]);
    expect(workers.threads).toHaveLength(1);
  });

  it('ends every session before the connection, also that to the thread it runs in: Node would leave them open', async () => {
    await attachedTo(threadId, threadId + 1, threadId + 2);
    connection.detach(threadId + 2);
    connection.close();
    expect(connection.detached).toEqual([`session ${threadId}`, `session ${threadId + 1}`]);
  });

  it('rejects where the main thread is in a native call', async () => {
    connection.onEnable = () => Promise.reject(new ThreadUnreachableError('main', silenceOf(4000)));
    await expect(attach()).rejects.toBeInstanceOf(ThreadUnreachableError);
  });
});

describe('WorkerTargets, an application whose workers are short-lived', () => {
  it('does not attach at all: nothing is posted to the inspector', async () => {
    starts.noteEnd(monotonicMillis() - 10, monotonicMillis());
    await expect(attachedTo(1)).rejects.toBeInstanceOf(ShortLivedWorkersError);
    expect(connection.posted).toEqual([]);
    expect(found).toEqual([]);
  });

  it('leaves those it has attached to, at the next start, where one has ended too soon since', async () => {
    await attachedTo(1);
    const asked = outcomeOf(found[0]!.post('Profiler.start'));
    const close = jest.spyOn(connection, 'close');
    const now = monotonicMillis();
    starts.noteEnd(now - 10, now);
    connection.attach(2);
    await jest.advanceTimersByTimeAsync(1000);
    expect(close).toHaveBeenCalled();
    expect(asked.error).toBeInstanceOf(ShortLivedWorkersError);
    await expect(found[0]!.post('Profiler.stop')).rejects.toThrow(ShortLivedWorkersError);
    expect(found.map(({ thread }) => thread.id)).toEqual([1]);
  });

  it('says so, too, where that happens while it is attaching', async () => {
    connection.onEnable = () => {
      const now = monotonicMillis();
      starts.noteEnd(now - 10, now);
      connection.attach(1);
      return Promise.reject(new ConnectionClosedError());
    };
    await expect(attach()).rejects.toBeInstanceOf(ShortLivedWorkersError);
  });

  it('attaches again when there was none for a while', async () => {
    starts.noteEnd(monotonicMillis() - 10, monotonicMillis());
    expect(starts.hasShortLived(monotonicMillis())).toBe(true);
    jest.advanceTimersByTime(30_000);
    expect(starts.hasShortLived(monotonicMillis())).toBe(false);
    await attachedTo(1);
    expect(found).toHaveLength(1);
  });
});

describe('WorkerTargets, workers that have just started', () => {
  it('leaves such a worker alone until it has started; it is not interrupted before', async () => {
    starts.note(1, monotonicMillis() - 50);
    const attaching = outcomeOf(attachedTo(1, 2));
    await jest.advanceTimersByTimeAsync(190);
    expect(found.map(({ thread }) => thread.id)).toEqual([2]);
    expect(attaching).toEqual({});
    await jest.advanceTimersByTimeAsync(20);
    expect(found.map(({ thread }) => thread.id)).toEqual([2, 1]);
    expect(attaching).toHaveProperty('value');
  });

  it('does not wait for one that was started long ago', async () => {
    starts.note(1, monotonicMillis() - 250);
    await attachedTo(1);
    expect(found).toHaveLength(1);
  });

  it('takes one whose start is not known for one that has just started, once', async () => {
    const attaching = outcomeOf(attachedTo(UNKNOWN));
    await jest.advanceTimersByTimeAsync(240);
    expect(found).toEqual([]);
    await jest.advanceTimersByTimeAsync(20);
    expect(found).toHaveLength(1);
    expect(attaching).toHaveProperty('value');
    connection.close();
    connection = new FakeConnection();
    await attachedTo(UNKNOWN);
    expect(found).toHaveLength(2);
  });

  it('remembers that one has ended at once of which only the inspector tells', async () => {
    await attachedTo(1);
    connection.attach(UNKNOWN);
    await jest.advanceTimersByTimeAsync(300);
    expect(starts.hasShortLived(monotonicMillis())).toBe(false);
    connection.detach(UNKNOWN);
    expect(starts.hasShortLived(monotonicMillis())).toBe(true);
  });

  it('does not take one for short-lived that was there when it was seen first', async () => {
    const attaching = outcomeOf(attachedTo(UNKNOWN));
    await jest.advanceTimersByTimeAsync(300);
    connection.detach(UNKNOWN);
    expect(attaching).toHaveProperty('value');
    expect(starts.hasShortLived(monotonicMillis())).toBe(false);
  });

  it('does not hand over one that has ended before', async () => {
    starts.note(1, monotonicMillis());
    const attaching = outcomeOf(attachedTo(1));
    await jest.advanceTimersByTimeAsync(100);
    connection.detach(1);
    await jest.advanceTimersByTimeAsync(1000);
    expect(found).toEqual([]);
    expect(attaching).toHaveProperty('value');
  });

  it('does not hand over any, nor wait, when the connection is closed', async () => {
    starts.note(1, monotonicMillis());
    const attaching = outcomeOf(attachedTo(1));
    await jest.advanceTimersByTimeAsync(100);
    connection.close();
    await jest.advanceTimersByTimeAsync(0);
    expect(attaching).toHaveProperty('value');
    await jest.advanceTimersByTimeAsync(1000);
    expect(found).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('WorkerTargets, workers that end', () => {
  it('forgets them, and tells of each that has ended', async () => {
    const workers = await attachedTo(1, 2);
    onEnded.mockImplementation(() => expect(workers.threads.map(({ id }) => id)).toEqual([2]));
    connection.detach(1);
    expect(onEnded.mock.calls).toEqual([[found[0]]]);
    onEnded.mockReset();
    connection.detach(2);
    expect(onEnded.mock.calls).toEqual([[found[1]]]);
  });

  it('does not take the end of an unknown one for the end of one of them', async () => {
    await attachedTo();
    connection.detach(threadId);
    expect(onEnded).not.toHaveBeenCalled();
  });
});

describe('a worker as a target', () => {
  it('gets commands as JSON through its session, and gives the result that comes under the same id', async () => {
    await attachedTo(1, 2);
    const one = found[0]!.post('Profiler.start', { a: 1 });
    const other = found[1]!.post('Profiler.stop');
    expect(connection.sent).toEqual([
      { sessionId: 'session 1', id: 1, method: 'Profiler.start', params: { a: 1 } },
      { sessionId: 'session 2', id: 1, method: 'Profiler.stop', params: {} },
    ]);
    connection.receive(2, { id: 1, result: { profile: 'p' } });
    connection.receive(1, { id: 1, result: {} });
    expect(await one).toEqual({});
    expect(await other).toEqual({ profile: 'p' });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gives answers in whatever order they come to whom they belong', async () => {
    await attachedTo(1);
    const [first, second] = [found[0]!.post('a'), found[0]!.post('b')];
    connection.receive(1, { id: 2, result: 'second' });
    connection.receive(1, { id: 1, result: 'first' });
    expect([await first, await second]).toEqual(['first', 'second']);
  });

  it('rejects with the error of the inspector, which names thread and command', async () => {
    await attachedTo(1);
    const answer = found[0]!.post('Profiler.stop');
    connection.receive(1, { id: 1, error: { message: 'No recording profiles found' } });
    await expect(answer).rejects.toThrow(
      'has refused Profiler.stop in thread worker 1: No recording profiles found',
    );
  });

  it('takes no notice of events, unknown answers and messages for others', async () => {
    await attachedTo(1);
    const outcome = outcomeOf(found[0]!.post('Profiler.stop'));
    connection.receive(1, { method: 'Debugger.scriptParsed', params: {} });
    connection.receive(1, { id: 99, result: 'other' });
    connection.receive(7, { id: 1, result: 'other' });
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({});
    connection.receive(1, { id: 1, result: 'own' });
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'own' });
  });

  it('hands the events that are listened to on, of its own thread', async () => {
    await attachedTo(3, 4);
    const chunks: unknown[] = [];
    found[0]!.on('HeapProfiler.addHeapSnapshotChunk', (params) => chunks.push(params));
    connection.receive(3, { method: 'HeapProfiler.addHeapSnapshotChunk', params: { chunk: 'a' } });
    connection.receive(4, { method: 'HeapProfiler.addHeapSnapshotChunk', params: { chunk: 'of another' } });
    connection.receive(3, { method: 'HeapProfiler.heapStatsUpdate', params: {} });
    expect(chunks).toEqual([{ chunk: 'a' }]);
  });

  it('gives up at the deadline, and says no more than it knows', async () => {
    await attachedTo(1);
    const [usual, long] = [outcomeOf(found[0]!.post('a')), outcomeOf(found[0]!.post('b', {}, 60_000))];
    await jest.advanceTimersByTimeAsync(4100);
    expect(usual.error).toBeInstanceOf(ThreadUnreachableError);
    expect(String(usual.error)).toContain('thread worker 1 has not answered for 4.0 s. Ask again');
    expect(long).toEqual({});
    await jest.advanceTimersByTimeAsync(57_000);
    expect(long.error).toBeInstanceOf(ThreadUnreachableError);
  });

  it('rejects what is pending when the thread ends, and what comes after', async () => {
    await attachedTo(1);
    const pending = [outcomeOf(found[0]!.post('a')), outcomeOf(found[0]!.post('b'))];
    connection.detach(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(pending.map(({ error }) => error)).toEqual([
      expect.any(ThreadEndedError),
      expect.any(ThreadEndedError),
    ]);
    await expect(found[0]!.post('c')).rejects.toBeInstanceOf(ThreadEndedError);
    expect(connection.sent).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not reject what is pending of other threads', async () => {
    await attachedTo(1, 2);
    const outcome = outcomeOf(found[1]!.post('a'));
    connection.detach(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({});
  });

  it('rejects what is pending when the connection is closed', async () => {
    await attachedTo(1);
    const answer = found[0]!.post('a');
    connection.close();
    await expect(answer).rejects.toBeInstanceOf(ThreadEndedError);
  });

  it('rejects where the message cannot be sent', async () => {
    await attachedTo(1);
    connection.onSend = () => Promise.reject(new Error('Session was not found'));
    await expect(found[0]!.post('a')).rejects.toThrow('Session was not found');
  });
});
