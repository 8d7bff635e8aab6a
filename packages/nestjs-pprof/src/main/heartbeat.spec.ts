import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { lastBeatIn } from '../shared/shared.memory.js';
import { Heartbeat } from './event.loop.js';

const START = Date.UTC(2026, 10, 23);
const LOADED_AT = Date.now();

beforeEach(() => {
  jest.useFakeTimers({ now: START });
});

afterEach(() => {
  jest.useRealTimers();
});

describe('Heartbeat', () => {
  it('beats at once, so that a loop which is stuck from the start on is told of', () => {
    const heartbeat = new Heartbeat(Date.now);
    expect(lastBeatIn(heartbeat.memory)).toBe(START);
    heartbeat.stop();
  });

  it('beats twice a second while the loop turns', () => {
    const heartbeat = new Heartbeat(Date.now);
    jest.advanceTimersByTime(499);
    expect(lastBeatIn(heartbeat.memory)).toBe(START);
    jest.advanceTimersByTime(10_001);
    expect(lastBeatIn(heartbeat.memory)).toBe(START + 10_500);
    heartbeat.stop();
  });

  it('stands still while the loop is stuck', () => {
    const heartbeat = new Heartbeat(Date.now);
    jest.advanceTimersByTime(1000);
    jest.setSystemTime(START + 60_000);
    expect(lastBeatIn(heartbeat.memory)).toBe(START + 1000);
    heartbeat.stop();
  });

  it('has its own clock, whatever the application has set', () => {
    const heartbeat = new Heartbeat();
    expect(Math.abs(lastBeatIn(heartbeat.memory) - LOADED_AT)).toBeLessThan(600_000);
    heartbeat.stop();
  });

  it('stops', () => {
    const heartbeat = new Heartbeat(Date.now);
    heartbeat.stop();
    jest.advanceTimersByTime(5000);
    expect(lastBeatIn(heartbeat.memory)).toBe(START);
    expect(jest.getTimerCount()).toBe(0);
  });
});
