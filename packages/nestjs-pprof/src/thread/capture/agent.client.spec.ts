import { threadId } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type AgentRequest, monotonicMillis } from '../../shared/agent.protocol.js';
import { registerAgent, unregisterAgent } from '../../main/agent.registry.js';
import type { Agent } from '../../main/agent.js';
import { type AgentChannel, AgentClient } from './agent.client.js';
import { InspectorConnection } from './inspector.connection.js';
import { AgentFailureError, ThreadStuckError, ThreadUnreachableError } from './threads.errors.js';

type Message = Parameters<Parameters<AgentChannel['on']>[1]>[0];

/** The main thread, seen from the profiling thread: it answers when the test says so. */
class FakeChannel implements AgentChannel {
  readonly requests: AgentRequest[] = [];
  #listener: (message: Message) => void = () => undefined;

  postMessage(request: AgentRequest): void {
    this.requests.push(request);
  }

  on(_event: 'message', listener: (message: Message) => void): void {
    this.#listener = listener;
  }

  receive(message: Message): void {
    this.#listener(message);
  }

  accept(id: number): void {
    this.receive({ type: 'agent-accepted', id });
  }

  reply(id: number, result: unknown): void {
    this.receive({ type: 'agent-reply', id, result });
  }
}

let channel: FakeChannel;
let client: AgentClient;

beforeEach(() => {
  jest.useFakeTimers();
  channel = new FakeChannel();
  client = new AgentClient(channel);
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** Notes how a promise ends, so that none is unhandled while time is moved on. */
function outcomeOf<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  );
  return outcome;
}

describe('AgentClient.request', () => {
  it('asks under an id of its own, with the moment from which on it is not to be done any more', () => {
    void client.request('describeLoop', null).catch(() => undefined);
    void client.request('rotateCpu', { hz: 100, durationMillis: 1000 }).catch(() => undefined);
    const [first, second] = channel.requests;
    expect(first).toMatchObject({ type: 'agent-request', command: 'describeLoop', args: null });
    expect(second).toMatchObject({ command: 'rotateCpu', args: { hz: 100, durationMillis: 1000 } });
    expect(first!.id).not.toBe(second!.id);
    expect(first!.expiresAt).toBeGreaterThan(monotonicMillis());
    expect(first!.expiresAt).toBeLessThanOrEqual(monotonicMillis() + 200);
  });

  it('resolves with the result that comes under its id', async () => {
    const one = client.request('rotateCpu', null);
    const other = client.request('stopLoopWatch', 3);
    const [first, second] = channel.requests;
    channel.reply(second!.id, null);
    channel.reply(first!.id, 'segment');
    expect(await one).toBe('segment');
    expect(await other).toBeNull();
  });

  it('rejects with what the agent could not do', async () => {
    const outcome = outcomeOf(client.request('sampleHeap', null));
    channel.receive({
      type: 'agent-reply',
      id: channel.requests[0]!.id,
      failure: { status: 404, message: 'heap sampling is off' },
    });
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome.error).toBeInstanceOf(AgentFailureError);
    expect(outcome.error).toMatchObject({ status: 404, message: 'heap sampling is off' });
  });

  it('calls the thread stuck that has not taken the request in time', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(200);
    expect(outcome).toEqual({});
    await jest.advanceTimersByTimeAsync(60);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
    expect(String(outcome.error)).toContain('has not turned for 200 ms');
  });

  it('waits for as long as it takes once the request has been taken', async () => {
    const outcome = outcomeOf(client.request('rotateCpu', null));
    await jest.advanceTimersByTimeAsync(199);
    channel.accept(channel.requests[0]!.id);
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(outcome).toEqual({});
    channel.reply(channel.requests[0]!.id, 'late');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'late' });
  });

  it('handles answers that came in while this thread itself was busy before it gives up', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    const { id } = channel.requests[0]!;
    // The timer fires late; the answer lies in the queue, behind it.
    setTimeout(() => channel.accept(id), 250);
    await jest.advanceTimersByTimeAsync(1000);
    channel.reply(id, 'in time');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'in time' });
  });

  it('takes no notice of an answer after it has given up', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(300);
    const { id } = channel.requests[0]!;
    channel.accept(id);
    channel.reply(id, 'too late');
    await jest.advanceTimersByTimeAsync(300);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
    expect(outcome).not.toHaveProperty('value');
  });

  it('leaves no timer behind', async () => {
    const answered = client.request('describeLoop', null);
    channel.accept(1);
    channel.reply(1, null);
    await answered;
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves none behind either where the answer comes without the word that it was taken', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    channel.reply(1, 'at once');
    await jest.advanceTimersByTimeAsync(1000);
    expect(outcome).toEqual({ value: 'at once' });
  });
});

describe('AgentClient.requestPatiently', () => {
  it('waits for a stuck thread to go on', async () => {
    const outcome = outcomeOf(client.requestPatiently('rotateCpu', null));
    expect(channel.requests[0]?.expiresAt).toBeNull();
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(outcome).toEqual({});
    channel.accept(1);
    channel.reply(1, 'at last');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'at last' });
  });
});

describe('AgentClient.requestByInterrupt', () => {
  /** Evaluates, as V8's inspector does in the main thread. */
  function interrupting() {
    // oxlint-disable-next-line no-eval -- which is what `Runtime.evaluate` does
    const evaluate = (expression: string): unknown => (0, eval)(expression);
    const post = jest.fn((_method: string, { expression }: { expression: string }) =>
      Promise.resolve({ result: { value: evaluate(expression) } }),
    );
    jest
      .spyOn(InspectorConnection, 'using')
      .mockImplementation((use) => use({ post } as unknown as InspectorConnection));
    return post;
  }

  function agentAnswering(answer: object): jest.Mock {
    const answerByInterrupt = jest.fn(() => JSON.stringify(answer));
    registerAgent(threadId, { answerByInterrupt } as unknown as Agent);
    return answerByInterrupt;
  }

  afterEach(() => {
    unregisterAgent(threadId);
  });

  it('calls its own agent in the main thread, with command and arguments', async () => {
    const post = interrupting();
    const agent = agentAnswering({ result: { activeResources: [] } });
    const sampling = { hz: 100, durationMillis: 5 };
    expect(await client.requestByInterrupt('rotateCpu', sampling)).toEqual({ activeResources: [] });
    expect(agent).toHaveBeenCalledWith('rotateCpu', sampling);
    expect(post).toHaveBeenCalledWith(
      'Runtime.evaluate',
      expect.objectContaining({ returnByValue: true, silent: true }),
    );
  });

  it('turns bytes that came as text back into bytes', async () => {
    interrupting();
    agentAnswering({ result: { hz: 100, profile: { base64: Buffer.from([1, 2, 255]).toString('base64') } } });
    const segment = await client.requestByInterrupt('rotateCpu', null);
    expect(segment).toEqual({ hz: 100, profile: new Uint8Array([1, 2, 255]) });
  });

  it('rejects with what the agent could not do', async () => {
    interrupting();
    agentAnswering({ failure: { status: 504, message: 'not done before' } });
    await expect(client.requestByInterrupt('rotateCpu', null)).rejects.toMatchObject({
      name: 'AgentFailureError',
      status: 504,
    });
  });

  it('says so where the agent cannot be found', async () => {
    interrupting();
    await expect(client.requestByInterrupt('rotateCpu', null)).rejects.toMatchObject({ status: 504 });
  });

  it('hands on that the thread is in a native call', async () => {
    jest.spyOn(InspectorConnection, 'using').mockRejectedValue(new ThreadUnreachableError('main', 4000));
    await expect(client.requestByInterrupt('rotateCpu', null)).rejects.toBeInstanceOf(ThreadUnreachableError);
  });
});

describe('AgentClient, what the main thread tells unasked', () => {
  it('calls those who listen for new workers, until they do not listen any more', () => {
    const [one, other] = [jest.fn(), jest.fn()];
    const stop = client.onWorkerStarted(one);
    client.onWorkerStarted(other);
    channel.receive({ type: 'worker-started' });
    stop();
    channel.receive({ type: 'worker-started' });
    expect([one.mock.calls.length, other.mock.calls.length]).toEqual([1, 2]);
  });

  it('calls those who want to know of the exit, and nobody else', () => {
    const [onExit, onWorker] = [jest.fn(), jest.fn()];
    client.onExit(onExit);
    client.onWorkerStarted(onWorker);
    channel.receive({ type: 'process-exiting' });
    expect([onExit.mock.calls.length, onWorker.mock.calls.length]).toEqual([1, 0]);
  });
});
