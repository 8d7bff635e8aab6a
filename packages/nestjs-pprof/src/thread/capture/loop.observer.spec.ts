import { describe, expect, it } from '@jest/globals';
import { silenceOf, AgentFailureError, ThreadStuckError } from './threads.errors.js';
import type { AgentClient } from './agent.client.js';
import { LoopObserver } from './loop.observer.js';

const BEAT = Date.UTC(2026, 10, 23);

function observe(answer: () => Promise<unknown>) {
  const heartbeat = new SharedArrayBuffer(8);
  new BigInt64Array(heartbeat)[0] = BigInt(BEAT);
  return new LoopObserver({ request: answer } as unknown as AgentClient, heartbeat).observe();
}

describe('LoopObserver', () => {
  it('tells how a loop that turns describes itself', async () => {
    const description = { activeResources: ['Timeout'] };
    const state = await observe(() => Promise.resolve(description));
    expect(state).toMatchObject({ stuck: false, description, delayMillis: expect.any(Number) });
    expect(state.lastTurn).toBeGreaterThan(BEAT);
  });

  it('tells of a stuck loop since when it is', async () => {
    const state = await observe(() =>
      Promise.reject(new ThreadStuckError('the main thread', silenceOf(200))),
    );
    expect(state).toEqual({ stuck: true, lastTurn: BEAT, delayMillis: undefined, description: undefined });
  });

  it('does not take another failure for a stuck loop', async () => {
    const failure = new AgentFailureError({ status: 500, message: 'no' });
    await expect(observe(() => Promise.reject(failure))).rejects.toBe(failure);
  });
});
