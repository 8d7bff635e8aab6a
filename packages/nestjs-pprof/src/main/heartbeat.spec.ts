import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { monotonicMillis } from '../shared/agent.protocol.js';
import { lastBeatIn } from '../shared/shared.memory.js';
import { Heartbeat } from './event.loop.js';

let start: number;

/** That of the application, which is the test's here. */
const clock = () => process.hrtime.bigint();

const sinceStart = (heartbeat: Heartbeat) => Math.round(lastBeatIn(heartbeat.memory) - start);

beforeEach(() => {
  jest.useFakeTimers();
  start = Number(clock()) / 1e6;
});

afterEach(() => {
  jest.useRealTimers();
});

describe('Heartbeat', () => {
  it('beats at once, so that a loop which is stuck from the start on is told of', () => {
    const heartbeat = new Heartbeat(clock);
    expect(sinceStart(heartbeat)).toBe(0);
    heartbeat.stop();
  });

  it('beats twice a second while the loop turns', () => {
    const heartbeat = new Heartbeat(clock);
    jest.advanceTimersByTime(499);
    expect(sinceStart(heartbeat)).toBe(0);
    jest.advanceTimersByTime(10_001);
    expect(sinceStart(heartbeat)).toBe(10_500);
    heartbeat.stop();
  });

  it('stands still while the loop is stuck', () => {
    const heartbeat = new Heartbeat(clock);
    jest.advanceTimersByTime(1000);
    jest.setSystemTime(Date.now() + 60_000);
    expect(sinceStart(heartbeat)).toBe(1000);
    heartbeat.stop();
  });

  it('has its own clock, whatever the application has set', () => {
    const heartbeat = new Heartbeat();
    heartbeat.stop();
    jest.useRealTimers();
    expect(Math.abs(lastBeatIn(heartbeat.memory) - monotonicMillis())).toBeLessThan(600_000);
    heartbeat.stop();
  });

  it('stops', () => {
    const heartbeat = new Heartbeat(clock);
    heartbeat.stop();
    jest.advanceTimersByTime(5000);
    expect(sinceStart(heartbeat)).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
