import { NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { silenceOf } from '../capture/thread.silence.js';
import { BadParameterError, NotEnabledError } from '../profiles/profile.errors.js';
import {
  AgentFailureError,
  CaptureStuckError,
  GarbageNotCollectedError,
  InspectorUnavailableError,
  NoThreadError,
  RecordingHeldError,
  ShortLivedWorkersError,
  SnapshotFileError,
  SnapshotStalledError,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from '../capture/threads.errors.js';
import { TooManyCapturesError } from './capture.limit.js';
import { ProfileOffError, toHttpError, UnknownProfileError } from './http.errors.js';

describe('toHttpError', () => {
  const answers: [Error, number][] = [
    [new BadParameterError('invalid value for "hz"'), 400],
    [new UnknownProfileError(), 404],
    [new ProfileOffError('heap'), 404],
    [new NotEnabledError('heap snapshots are off'), 404],
    [new AgentFailureError({ status: 404, message: 'heap sampling is off' }), 404],
    [new AgentFailureError({ status: 409, message: 'held by another profiler' }), 409],
    [new TooManyCapturesError(16, 7), 429],
    [new RecordingHeldError('trace'), 429],
    [new AgentFailureError({ status: 500, message: 'the addon says no' }), 500],
    [new AgentFailureError({ status: 503, message: 'no build' }), 503],
    [new InspectorUnavailableError(), 503],
    [new SnapshotFileError('/tmp', new Error('ENOSPC')), 503],
    [new SnapshotStalledError('main', 8000), 504],
    [new GarbageNotCollectedError('main'), 504],
    [new ThreadEndedError('worker 3'), 504],
    [new ShortLivedWorkersError(), 504],
    [new AgentFailureError({ status: 504, message: 'not done before' }), 504],
    [new NoThreadError(['main: native call']), 504],
    [new ThreadStuckError('the main thread', silenceOf(200)), 504],
    [new CaptureStuckError(), 504],
    [new ThreadUnreachableError('worker 3', silenceOf(4000)), 504],
    [new Error('whatever'), 500],
  ];

  it.each(answers.map(([error, status]) => [error.name, error.message, status, error] as const))(
    "answers %s '%s' with %d, and its own words",
    (_name, _message, status, error) => {
      expect(toHttpError(error)).toMatchObject({ status, message: error.message });
    },
  );

  it('says "Unknown profile" for a profile that there is not, as Go does', () => {
    expect(toHttpError(new UnknownProfileError()).message).toBe('Unknown profile');
  });

  it('says when to try again, where too many captures are running', () => {
    expect(toHttpError(new TooManyCapturesError(16, 7)).headers).toEqual({ 'Retry-After': '7' });
  });

  it('takes the status of an error of the framework', () => {
    expect(toHttpError(new PayloadTooLargeException('too large'))).toEqual({
      status: 413,
      message: 'too large',
    });
    const malformed = Object.assign(new Error("Failed to decode param '%'"), { status: 400 });
    expect(toHttpError(malformed)).toEqual({ status: 400, message: "Failed to decode param '%'" });
  });

  it('does not repeat the path in the text for a route that there is not', () => {
    expect(toHttpError(new NotFoundException('Cannot GET /<script>'))).toEqual({
      status: 404,
      message: 'Unknown profile',
    });
  });

  it.each([0, 200, 302, 399, 600, '404', null])(
    'takes an error whose status is %p for a failure',
    (status) => {
      expect(toHttpError(Object.assign(new Error('odd'), { status }))).toEqual({
        status: 500,
        message: 'odd',
      });
    },
  );

  it('copes with what is thrown and is no error', () => {
    expect(toHttpError('a text')).toEqual({ status: 500, message: 'a text' });
    expect(toHttpError(undefined)).toEqual({ status: 500, message: 'undefined' });
    expect(toHttpError(null)).toEqual({ status: 500, message: 'null' });
  });
});
