import { threadId } from 'node:worker_threads';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { addonIfLoaded, loadAddon } from './profiler.addon.js';
import { decodePprof } from '../../test-fixtures/pprof-rules.js';
import { newClaim, withdrawRequest, LoopWatchMemory } from '../shared/shared.memory.js';
import { Agent, type AgentPort } from './agent.js';
import {
  AGENTS,
  type AgentCommand,
  type AgentCommands,
  type AgentReply,
  type CpuSegment,
  type InterruptAnswer,
} from '../shared/agent.protocol.js';
import { processGlobal, registerAgent, unregisterAgent } from './process.registry.js';

interface Posted {
  readonly message: { readonly type: string; readonly id: number } & Partial<AgentReply>;
  readonly transfer: readonly ArrayBuffer[];
}

const SAMPLING = { hz: 100, durationMillis: 10_000, labels: false };

let agent = new Agent();

afterEach(() => {
  // The addon is shared by all test files of this process: its sampler is not left to end a little later.
  ask('rotateCpu', null);
  if (addonIfLoaded()?.time.isStarted()) {
    // One that was abandoned ends where another starts.
    ask('rotateCpu', SAMPLING);
    ask('rotateCpu', null);
  }
  agent.stop();
  agent = new Agent();
});

/** Has the agent answer one request, and tells what it has posted. */
function ask<C extends AgentCommand>(
  command: C,
  args: AgentCommands[C]['args'],
  {
    claim = null as SharedArrayBuffer | null,
    onPost = (_message: Posted['message']) => undefined as void,
  } = {},
): Posted[] {
  const posted: Posted[] = [];
  const port: AgentPort = {
    postMessage(message, transfer = []) {
      posted.push({ message: message as Posted['message'], transfer });
      onPost(message as Posted['message']);
    },
  };
  agent.answer({ type: 'agent-request', id: 7, command, args, claim }, port);
  return posted;
}

function byInterrupt(): InterruptAnswer {
  return JSON.parse(agent.readCpuByInterrupt()) as InterruptAnswer;
}

describe('Agent.answer', () => {
  it('posts that it has taken the request, then the result, both under its id', () => {
    const [accepted, reply, ...others] = ask('describeLoop', null).map(({ message }) => message);
    expect(accepted).toEqual({ type: 'agent-accepted', id: 7 });
    expect(reply).toMatchObject({
      type: 'agent-reply',
      id: 7,
      result: {
        activeResources: expect.any(Array),
        memory: { rss: expect.any(Number) },
        utilization: { utilization: expect.any(Number) },
        heap: { heap_size_limit: expect.any(Number) },
      },
    });
    expect(others).toEqual([]);
  });

  it('posts that it has taken the request before it begins the work, which may take long', () => {
    const watch = new LoopWatchMemory();
    const ticks: [type: string, begun: boolean][] = [];
    ask(
      'startLoopWatch',
      { id: 1, thresholdMillis: 20, memory: watch.buffer },
      { onPost: ({ type }) => void ticks.push([type, watch.lastTick > 0]) },
    );
    expect(ticks).toEqual([
      ['agent-accepted', false],
      ['agent-reply', true],
    ]);
  });

  it('neither does nor answers a request that was withdrawn: nobody waits for it', () => {
    const watch = new LoopWatchMemory();
    const request = { id: 1, thresholdMillis: 20, memory: watch.buffer };
    const claim = newClaim();
    withdrawRequest(claim);
    expect(ask('startLoopWatch', request, { claim })).toEqual([]);
    expect(watch.lastTick).toBe(0);
  });

  it('takes one that was not, so that it is waited for', () => {
    const claim = newClaim();
    expect(ask('describeLoop', null, { claim })).toHaveLength(2);
    expect(withdrawRequest(claim)).toBe(false);
  });

  it('turns a failure into a reply that tells its kind and its words', () => {
    const [, reply] = ask('sampleHeap', null);
    expect(reply?.message).toEqual({
      type: 'agent-reply',
      id: 7,
      failure: { status: 404, message: expect.stringContaining('Remove "heap: false"') },
    });
  });

  it('turns an error that it does not know into a reply as well', () => {
    const [, reply] = ask('rotateCpu', { hz: Number.NaN, durationMillis: Number.NaN, labels: false });
    expect(reply?.message.failure).toMatchObject({
      status: 500,
      message: expect.stringMatching(/has failed: .+ please report it$/),
    });
    const [, next] = ask('rotateCpu', null);
    expect(next?.message).not.toHaveProperty('failure');
  });

  it('hands the bytes of a profile over rather than copy them, where they fill their buffer', () => {
    ask('rotateCpu', SAMPLING);
    const reply = ask('rotateCpu', null)[1]!;
    const { profile, sampleLog } = reply.message.result as CpuSegment;
    // On a busy machine there may be a sample in the log.
    const filled = [profile, sampleLog].filter(
      ({ byteLength, buffer }) => byteLength > 0 && byteLength === buffer.byteLength,
    );
    // Jest compares the contents of buffers, with those of another realm it cannot.
    expect(reply.transfer).toHaveLength(filled.length);
    expect(filled.every(({ buffer }, index) => reply.transfer?.[index] === buffer)).toBe(true);
    expect(decodePprof(profile).sampleType).toHaveLength(3);
  });

  it('answers later what it has to wait for itself', async () => {
    const posted = ask('readWorkerClocks', null);
    expect(posted.map(({ message: { type } }) => type)).toEqual(['agent-accepted']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(posted.at(-1)!.message).toEqual({ type: 'agent-reply', id: 7, result: new Map() });
  });

  it('has null for a result where there is nothing to tell', () => {
    expect(ask('rotateCpu', null)[1]?.message).toMatchObject({ result: null });
    expect(ask('stopLoopWatch', 99)[1]?.message).toMatchObject({ result: null });
  });
});

describe('Agent, waiting at a gate', () => {
  it('does so until it is opened, and not for long', () => {
    const gate = new SharedArrayBuffer(4);
    expect(ask('waitAtGate', gate)[1]?.message).toMatchObject({ result: null });
    Atomics.store(new Int32Array(gate), 0, 1);
    expect(ask('waitAtGate', gate)[1]?.message).toMatchObject({ result: null });
  });
});

describe('Agent.readCpuByInterrupt', () => {
  it('does nothing that has not been done before in the regular way', () => {
    expect(byInterrupt()).toEqual({ failure: { status: 504, message: expect.stringMatching(/Ask again/) } });
  });

  it('does not take the first start of the sampler for having read it', () => {
    ask('rotateCpu', SAMPLING);
    expect(byInterrupt()).toMatchObject({ failure: { status: 504 } });
  });

  it('answers with a profile as text, which is the profile', () => {
    ask('rotateCpu', SAMPLING);
    ask('rotateCpu', SAMPLING);
    const { profile, ...segment } = byInterrupt().result as unknown as { profile: { base64: string } };
    expect(segment).toMatchObject({ hz: 100, durationNanos: expect.any(Number) });
    expect(decodePprof(Buffer.from(profile.base64, 'base64')).sampleType).toHaveLength(3);
  });

  it('reads on and on, as the sampler is not stopped by interrupt: what cuts it off must find it in one state', () => {
    ask('rotateCpu', SAMPLING);
    ask('rotateCpu', SAMPLING);
    expect([byInterrupt(), byInterrupt()]).toMatchObject([{ result: { hz: 100 } }, { result: { hz: 100 } }]);
    expect(loadAddon().time.isStarted()).toBe(true);
  });

  it('has nothing where the sampler does not run', () => {
    ask('rotateCpu', SAMPLING);
    ask('rotateCpu', null);
    expect(byInterrupt()).toEqual({ result: null });
  });

  it('tells a failure', () => {
    ask('rotateCpu', SAMPLING);
    ask('rotateCpu', SAMPLING);
    const stop = jest.spyOn(loadAddon().time, 'stop').mockImplementation(() => {
      throw new Error('odd');
    });
    expect(byInterrupt()).toMatchObject({
      failure: { status: 500, message: expect.stringContaining('odd') },
    });
    stop.mockRestore();
  });
});

describe('Agent.abandonCaptures', () => {
  it('ends sampling and watches, and leaves the heap being sampled', () => {
    agent.startHeapSampling({ samplingInterval: 512 * 1024, stackDepth: 16 });
    ask('rotateCpu', SAMPLING);
    agent.abandonCaptures();
    expect(ask('rotateCpu', null)[1]?.message).toMatchObject({ result: null });
    expect(ask('sampleHeap', null)[1]?.message.result).toMatchObject({ stackDepth: 16 });
  });

  it('takes it well where nothing runs', () => {
    expect(() => agent.abandonCaptures()).not.toThrow();
  });
});

describe('the registry of agents', () => {
  it('has each agent under the id of its profiling thread, until it is taken out', () => {
    const other = new Agent();
    const agents = () => processGlobal()[AGENTS];
    registerAgent(threadId + 1, agent);
    registerAgent(threadId + 2, other);
    expect([agents()?.get(threadId + 1), agents()?.get(threadId + 2)]).toEqual([agent, other]);
    unregisterAgent(threadId + 1);
    expect([...(agents()?.keys() ?? [])]).toEqual([threadId + 2]);
    unregisterAgent(threadId + 2);
  });
});
