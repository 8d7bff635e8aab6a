import type { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type CpuSegment, monotonicMillis } from '../shared/agent.protocol.js';
import type { SaveRecording } from '../shared/thread.protocol.js';
import type { Agent } from './agent.js';
import { LastRecording } from './last.recording.js';

const SEGMENT = { hz: 20 } as CpuSegment;

const agent = { takeLastSegment: jest.fn(() => SEGMENT) };
/** What the profiling thread does when it is told. */
let write: (message: SaveRecording) => void;
const tell = jest.fn((message: SaveRecording) => write(message));
let recording: LastRecording;

beforeEach(() => {
  jest.useFakeTimers();
  jest.clearAllMocks();
  write = ({ written }) => Atomics.store(new Int32Array(written), 0, 1);
  recording = new LastRecording(agent as unknown as Agent, tell, monotonicMillis);
});

afterEach(() => {
  recording.stop();
  jest.useRealTimers();
});

/** As Node does, before it looks whether anybody catches it. */
function throwUncaught(error: unknown): void {
  (process as EventEmitter).emit('uncaughtExceptionMonitor', error, 'uncaughtException');
}

const causes = () => tell.mock.calls.map(([{ cause }]) => cause);

describe('LastRecording', () => {
  it('is written at the exit that an exception leads to, with what was sampled last', () => {
    throwUncaught(new TypeError('with a secret in it'));
    expect(tell).not.toHaveBeenCalled();
    recording.onExit();
    expect(tell).toHaveBeenCalledTimes(1);
    expect(tell.mock.calls[0]![0]).toMatchObject({
      type: 'save-recording',
      cause: 'an uncaught TypeError',
      segment: SEGMENT,
    });
  });

  it('names what is no Error by its type', () => {
    throwUncaught('a secret');
    recording.onExit();
    expect(causes()).toEqual(['an uncaught string']);
  });

  it('is not written at an exit without one', () => {
    recording.onExit();
    expect(tell).not.toHaveBeenCalled();
    expect(agent.takeLastSegment).not.toHaveBeenCalled();
  });

  it('is not written where the application catches the exception, and lives on', async () => {
    throwUncaught(new Error('caught'));
    await jest.advanceTimersByTimeAsync(10_000);
    recording.onExit();
    expect(tell).not.toHaveBeenCalled();
  });

  it('is written where the application catches it, logs it for a while, and exits', async () => {
    throwUncaught(new Error('caught'));
    await jest.advanceTimersByTimeAsync(9000);
    recording.onExit();
    expect(causes()).toEqual(['an uncaught Error']);
  });

  it('is written once, whatever comes after', () => {
    recording.save('SIGTERM');
    throwUncaught(new Error('while it ends'));
    recording.onExit();
    expect(causes()).toEqual(['SIGTERM']);
  });

  it('holds the exit up for less than 200 ms where the profiling thread does not get to it', () => {
    write = () => jest.advanceTimersByTime(100);
    const wait = jest.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
    recording.save('SIGTERM');
    const [, , , millis] = wait.mock.calls[0]!;
    expect(millis).toBeGreaterThan(0);
    expect(millis).toBeLessThanOrEqual(100);
    wait.mockRestore();
  });

  it('does not listen any more when it is stopped', () => {
    const before = process.listenerCount('uncaughtExceptionMonitor');
    recording.stop();
    expect(process.listenerCount('uncaughtExceptionMonitor')).toBe(before - 1);
  });
});
