import { Session } from 'node:inspector';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { holdSigprof } from './sigprof.holder.js';

const letGo: Array<() => void> = [];

function hold(): () => void {
  const release = holdSigprof();
  letGo.push(release);
  return release;
}

function listeners(): number {
  return process.listenerCount('SIGPROF');
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  letGo.splice(0).forEach((release) => release());
  jest.runAllTimers();
  jest.useRealTimers();
  expect(listeners()).toBe(0);
});

describe('holdSigprof', () => {
  it('holds a listener until a moment after the last has let go', () => {
    const [one, other] = [hold(), hold()];
    expect(listeners()).toBe(1);
    one();
    one();
    jest.advanceTimersByTime(10_000);
    expect(listeners()).toBe(1);
    other();
    expect(listeners()).toBe(1);
    jest.advanceTimersByTime(10_000);
    expect(listeners()).toBe(0);
  });

  it('goes on holding it where the next one comes in that moment', () => {
    hold()();
    hold();
    jest.advanceTimersByTime(10_000);
    expect(listeners()).toBe(1);
  });

  it('has it back at once where the application removes all listeners', () => {
    hold();
    const removed = process.listenerCount('removeListener');
    process.removeAllListeners('SIGPROF');
    expect(listeners()).toBe(1);
    expect(process.listenerCount('removeListener')).toBe(removed);
  });

  it('has it back before those that were there first are told that it is removed, as Node itself is', () => {
    const counts: number[] = [];
    const onRemoved = (event: string | symbol) => {
      if (event === 'SIGPROF') {
        counts.push(listeners());
      }
    };
    process.on('removeListener', onRemoved);
    hold();
    process.removeAllListeners('SIGPROF');
    process.off('removeListener', onRemoved);
    expect(counts).toEqual([1]);
  });

  it('leaves no other listener behind', () => {
    const before = process.listenerCount('removeListener');
    hold()();
    jest.advanceTimersByTime(10_000);
    expect(process.listenerCount('removeListener')).toBe(before);
  });

  it('does not let go while somebody samples: an unhandled signal would end the process', () => {
    const release = hold();
    const session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.start');
    release();
    jest.advanceTimersByTime(10_000);
    expect(listeners()).toBe(1);
    session.disconnect();
    jest.advanceTimersByTime(10_000);
    expect(listeners()).toBe(0);
  });

  it('does without where the application lets nobody listen, and leaves nothing of its own in its way', () => {
    const { emitWarning } = process;
    const refuse = (event: string | symbol) => {
      if (event === 'SIGPROF') {
        throw new Error('nobody listens here');
      }
    };
    process.on('newListener', refuse);
    try {
      expect(hold).not.toThrow();
    } finally {
      process.off('newListener', refuse);
    }
    expect(process.emitWarning).toBe(emitWarning);
    expect(listeners()).toBe(0);
  });

  it('lets go without a word where the application has broken the timers', () => {
    const release = hold();
    const broken = jest.spyOn(globalThis, 'setTimeout').mockReturnValue(undefined as never);
    expect(release).not.toThrow();
    broken.mockRestore();
    hold()();
  });

  it('takes no signals from a profiler that samples already', () => {
    const session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.start');
    hold();
    expect(listeners()).toBe(0);
    session.disconnect();
  });
});
