import { runInThisContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AgentFailureError, silenceOf, ThreadStuckError, ThreadUnreachableError } from './threads.errors.js';
import type { AgentRequest } from '../../shared/agent.protocol.js';
import { takeRequest } from '../../shared/shared.memory.js';
import { registerAgent, unregisterAgent } from '../../main/process.registry.js';
import type { Agent } from '../../main/agent.js';
import type { AgentChannel, AgentClient as Client } from './agent.client.js';
import type { Inspector, InspectorConnection } from './inspector.connection.js';
import { outcomeOf } from '../../../test-fixtures/promise-outcome.js';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';

/** What the kernel says of the main thread, in nanoseconds. */
let kernel: { cpuNanos: number; waitedNanos: number } | undefined;

jest.unstable_mockModule('./kernel.threads.js', () => ({
  ...silentKernel,
  kernelThread: () => kernel && { ...kernel, state: 'R' },
  cpuNanosOfMain: () => kernel?.cpuNanos,
}));
const { AgentClient } = await import('./agent.client.js');

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

const using = jest.fn<(use: (connection: InspectorConnection) => Promise<unknown>) => Promise<unknown>>();
const inspector = { using } as unknown as Inspector;

let channel: FakeChannel;
let client: Client;
let heartbeat: SharedArrayBuffer;

/** The event loop turns. */
function beat(): void {
  new BigInt64Array(heartbeat)[0] = process.hrtime.bigint();
}

beforeEach(() => {
  jest.useFakeTimers();
  channel = new FakeChannel();
  heartbeat = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  beat();
  client = new AgentClient(channel, heartbeat, inspector);
});

afterEach(() => {
  kernel = undefined;
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('AgentClient.request', () => {
  it('asks under an id of its own, with a claim by which it can be withdrawn', () => {
    void client.request('describeLoop', null).catch(() => undefined);
    void client.request('rotateCpu', { hz: 100, durationMillis: 1000, labels: false }).catch(() => undefined);
    const [first, second] = channel.requests;
    expect(first).toMatchObject({ type: 'agent-request', command: 'describeLoop', args: null });
    expect(second).toMatchObject({
      command: 'rotateCpu',
      args: { hz: 100, durationMillis: 1000, labels: false },
    });
    expect(first!.id).not.toBe(second!.id);
    expect(first!.claim).not.toBe(second!.claim);
    expect(takeRequest(first!.claim!)).toBe(true);
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

  it('gives up a request that is not taken within a second after the last turn, and withdraws it', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(990);
    expect(outcome).toEqual({});
    await jest.advanceTimersByTimeAsync(20);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
    expect(String(outcome.error)).toContain('has not turned for 1.0 s');
    expect(takeRequest(channel.requests[0]!.claim!)).toBe(false);
  });

  it('takes a loop with turns of 300 ms for late, and not for stuck', async () => {
    jest.advanceTimersByTime(290);
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(310);
    expect(outcome).toEqual({});
  });

  it('waits longer where it is told that the loop may be late', async () => {
    const outcome = outcomeOf(client.request('sampleHeap', null, 4000));
    await jest.advanceTimersByTimeAsync(3990);
    expect(outcome).toEqual({});
    await jest.advanceTimersByTimeAsync(20);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
  });

  it('waits a quarter of a second for a loop that may have turned half a second after its last beat', async () => {
    jest.advanceTimersByTime(1490);
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(240);
    expect(outcome).toEqual({});
    await jest.advanceTimersByTimeAsync(20);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
  });

  it('waits an eighth of a second for a loop that has not turned for long, and others not at all after that', async () => {
    jest.advanceTimersByTime(60_000);
    const first = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(110);
    expect(first).toEqual({});
    await jest.advanceTimersByTimeAsync(20);
    expect(first.error).toBeInstanceOf(ThreadStuckError);
    // At least: its last beat was half a second before it may have turned last.
    expect(String(first.error)).toContain('has not turned for 59.6 s');
    const next = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(0);
    expect(String(next.error)).toContain('has not turned for 59.6 s');
    expect(channel.requests).toHaveLength(1);
  });

  it.each([
    ['the loop turns', beat],
    ['a message comes', () => channel.reply(99, null)],
  ])('asks again as soon as %s', async (_what, happen) => {
    jest.advanceTimersByTime(60_000);
    void client.request('describeLoop', null).catch(() => undefined);
    await jest.advanceTimersByTimeAsync(300);
    happen();
    void client.request('describeLoop', null).catch(() => undefined);
    expect(channel.requests).toHaveLength(2);
  });

  it('waits for a request that was taken just as the time was over', async () => {
    const outcome = outcomeOf(client.request('rotateCpu', null));
    const [{ id, claim }] = channel.requests as [AgentRequest];
    takeRequest(claim!);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(outcome).toEqual({});
    channel.accept(id);
    channel.reply(id, 'late');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'late' });
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
    setTimeout(() => channel.accept(id), 1000);
    await jest.advanceTimersByTimeAsync(3000);
    channel.reply(id, 'in time');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'in time' });
  });

  it('takes no notice of an answer after it has given up', async () => {
    const outcome = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(1100);
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
    expect(channel.requests[0]?.claim).toBeNull();
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(outcome).toEqual({});
    channel.accept(1);
    channel.reply(1, 'at last');
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'at last' });
  });
});

describe('AgentClient.readCpuByInterrupt', () => {
  /** Evaluates, as V8's inspector does in the main thread. */
  function interrupting() {
    // The main context, and not that of the test.
    const evaluate = (expression: string): unknown => runInThisContext(expression);
    const post = jest.fn((_method: string, params?: { expression: string }) =>
      Promise.resolve({ result: { value: params && evaluate(params.expression) } }),
    );
    using.mockImplementation((use) => use({ post } as unknown as InspectorConnection));
    return post;
  }

  function agentAnswering(answer: object): jest.Mock {
    const readCpuByInterrupt = jest.fn(() => JSON.stringify(answer));
    registerAgent(threadId, { readCpuByInterrupt } as unknown as Agent);
    return readCpuByInterrupt;
  }

  afterEach(() => {
    unregisterAgent(threadId);
  });

  it('calls its own agent in the main thread, once that is known to run JavaScript', async () => {
    const post = interrupting();
    const agent = agentAnswering({ result: null });
    expect(await client.readCpuByInterrupt()).toBeNull();
    expect(agent).toHaveBeenCalledTimes(1);
    expect(post.mock.calls.map(([method]) => method)).toEqual(['Runtime.getIsolateId', 'Runtime.evaluate']);
    expect(post).toHaveBeenLastCalledWith(
      'Runtime.evaluate',
      expect.objectContaining({ returnByValue: true, silent: true }),
    );
  });

  it('turns bytes that came as text back into bytes', async () => {
    interrupting();
    agentAnswering({ result: { hz: 100, profile: { base64: Buffer.from([1, 2, 255]).toString('base64') } } });
    const segment = await client.readCpuByInterrupt();
    expect(segment).toEqual({ hz: 100, profile: new Uint8Array([1, 2, 255]) });
  });

  it('leaves labels of the application alone, whatever they are called', async () => {
    interrupting();
    const labels = { sets: [{ base64: 'AAEC' }, { profile: 'x' }] };
    agentAnswering({ result: { hz: 100, labels } });
    expect(await client.readCpuByInterrupt()).toEqual({ hz: 100, labels });
  });

  it('rejects with what the agent could not do', async () => {
    interrupting();
    agentAnswering({ failure: { status: 504, message: 'not done before' } });
    await expect(client.readCpuByInterrupt()).rejects.toMatchObject({
      name: 'AgentFailureError',
      status: 504,
    });
  });

  it('has who asks next wait for the loop where it could not be read: it may have gone on', async () => {
    jest.advanceTimersByTime(60_000);
    void client.request('describeLoop', null).catch(() => undefined);
    await jest.advanceTimersByTimeAsync(300);
    interrupting();
    agentAnswering({ failure: { status: 504, message: 'not done before' } });
    await client.readCpuByInterrupt().catch(() => undefined);
    const next = outcomeOf(client.request('describeLoop', null));
    await jest.advanceTimersByTimeAsync(0);
    expect(next).toEqual({});
  });

  it('says so where the agent cannot be found', async () => {
    interrupting();
    await expect(client.readCpuByInterrupt()).rejects.toMatchObject({ status: 504 });
  });

  it('hands on that the thread is in a native call', async () => {
    using.mockRejectedValue(new ThreadUnreachableError('main', silenceOf(4000)));
    await expect(client.readCpuByInterrupt()).rejects.toBeInstanceOf(ThreadUnreachableError);
  });
});

describe('AgentClient.betweenTurns', () => {
  it('does it while the main thread waits at a gate, and opens that, whatever happens', async () => {
    const use = jest.fn(() => Promise.reject(new Error('no')));
    const outcome = outcomeOf(client.betweenTurns(use));
    await jest.advanceTimersByTimeAsync(0);
    expect(use).not.toHaveBeenCalled();
    const [{ id, command, args }] = channel.requests as [AgentRequest<'waitAtGate'>];
    expect(command).toBe('waitAtGate');
    channel.accept(id);
    await jest.advanceTimersByTimeAsync(0);
    expect(use).toHaveBeenCalledTimes(1);
    expect(new Int32Array(args)[0]).toBe(1);
    expect(String(outcome.error)).toContain('no');
  });

  it('does nothing where the loop does not turn', async () => {
    const use = jest.fn(() => Promise.resolve('done'));
    const outcome = outcomeOf(client.betweenTurns(use));
    await jest.advanceTimersByTimeAsync(1100);
    expect(outcome.error).toBeInstanceOf(ThreadStuckError);
    expect(takeRequest(channel.requests[0]!.claim!)).toBe(false);
    expect(use).not.toHaveBeenCalled();
  });

  it('waits for a loop that does not turn, where that is wanted', async () => {
    const outcome = outcomeOf(client.betweenTurns(() => Promise.resolve('done'), true));
    await jest.advanceTimersByTimeAsync(100_000);
    expect(outcome).toEqual({});
    channel.accept(channel.requests[0]!.id);
    await jest.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ value: 'done' });
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

describe('a main thread that hardly gets a processor', () => {
  /** It runs for a fifth of the time. */
  async function observeFor(millis: number): Promise<unknown> {
    const outcome = outcomeOf(client.observeLoop());
    for (let passed = 0; passed < millis; passed += 10) {
      kernel = { cpuNanos: kernel!.cpuNanos + 2e6, waitedNanos: kernel!.waitedNanos + 8e6 };
      await jest.advanceTimersByTimeAsync(10);
    }
    expect(outcome.error).toBeUndefined();
    return (outcome.value as { stuck: boolean }).stuck;
  }

  it('is called stuck once it has run for half a second in one turn, and not before', async () => {
    kernel = { cpuNanos: 0, waitedNanos: 0 };
    jest.advanceTimersByTime(2000);
    expect(await observeFor(1500)).toBe(false);
    expect(await observeFor(1500)).toBe(false);
    expect(await observeFor(1500)).toBe(true);
  });

  it('is not, where its loop has turned in between', async () => {
    kernel = { cpuNanos: 0, waitedNanos: 0 };
    for (let round = 0; round < 4; round += 1) {
      beat();
      jest.advanceTimersByTime(2000);
      expect(await observeFor(1500)).toBe(false);
    }
  });
});

const BEAT = Date.UTC(2026, 10, 23);

function observe(answer: () => Promise<unknown>) {
  new BigInt64Array(heartbeat)[0] = process.hrtime.bigint() + BigInt(BEAT - Date.now()) * 1_000_000n;
  jest.spyOn(client, 'request').mockImplementation(answer as () => never);
  return client.observeLoop();
}

describe('AgentClient.silentSince', () => {
  it('is the last turn, once it is a second ago', () => {
    const lastTurn = Date.now();
    jest.advanceTimersByTime(990);
    expect(client.silentSince).toBeUndefined();
    jest.advanceTimersByTime(20);
    expect(client.silentSince).toBe(lastTurn);
    beat();
    expect(client.silentSince).toBeUndefined();
  });

  it('is not taken for what it is not where the clock of the machine is set', () => {
    beat();
    jest.setSystemTime(Date.now() + 3_600_000);
    expect(client.silentSince).toBeUndefined();
    jest.advanceTimersByTime(1010);
    expect(client.silentSince).toBe(Date.now() - 1010);
    jest.setSystemTime(Date.now() - 7_200_000);
    expect(client.silentSince).toBe(Date.now() - 1010);
  });
});

describe('AgentClient.observeLoop', () => {
  it('tells how a loop that turns describes itself', async () => {
    const description = { activeResources: ['Timeout'] };
    const state = await observe(() => Promise.resolve(description));
    expect(state).toMatchObject({ stuck: false, description, delayMillis: expect.any(Number) });
    expect(state.lastTurn).toBeGreaterThan(BEAT);
  });

  it('tells of a stuck loop since when it is', async () => {
    const silence = silenceOf(200);
    const state = await observe(() => Promise.reject(new ThreadStuckError('the main thread', silence)));
    expect(state).toEqual({ stuck: true, lastTurn: BEAT, silence });
  });

  it('does not call one stuck that has no processor, and tells since when it has not turned', async () => {
    const silence = { ...silenceOf(200), cause: 'starved' as const };
    const state = await observe(() => Promise.reject(new ThreadStuckError('the main thread', silence)));
    expect(state).toEqual({ stuck: false, lastTurn: BEAT, silence });
  });

  it('does not take another failure for a stuck loop', async () => {
    const failure = new AgentFailureError({ status: 500, message: 'no' });
    await expect(observe(() => Promise.reject(failure))).rejects.toBe(failure);
  });
});
