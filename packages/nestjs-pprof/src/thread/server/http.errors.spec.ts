import type { ServerResponse } from 'node:http';
import { NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  silenceOf,
  AgentFailureError,
  CaptureStuckError,
  GarbageNotCollectedError,
  NoThreadError,
  RecordingHeldError,
  ShortLivedWorkersError,
  SnapshotFileError,
  SnapshotStalledError,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from '../capture/threads.errors.js';
import { InspectorUnavailableError } from '../../shared/agent.errors.js';
import { BadParameterError } from '../profiles/query.parameters.js';
import { TooManyCapturesError } from './limits/capture.slots.js';
import { PprofError } from '../../shared/pprof.error.js';
import { UnknownProfileError, sendError } from './http.response.js';

/** What a client gets for an error. */
function answerTo(error: unknown) {
  const headers: Record<string, string> = {};
  const answer = { status: 200, message: '', headers };
  const response = {
    set statusCode(status: number) {
      answer.status = status;
    },
    setHeader: (name: string, value: string) => (headers[name] = value),
    removeHeader: () => undefined,
    once: () => undefined,
    end: (body: Buffer) => (answer.message = body.toString().replace(/\n$/, '')),
  };
  sendError(response as unknown as ServerResponse, error);
  return answer;
}

describe('sendError', () => {
  const answers: [Error, number][] = [
    [new BadParameterError('invalid value for "hz"'), 400],
    [new UnknownProfileError(), 404],
    [new PprofError(404, 'Unknown profile: "heap" is switched off'), 404],
    [new PprofError(405, 'method not allowed, use GET or HEAD'), 405],
    [new PprofError(413, 'the body of the request is larger than 5 bytes'), 413],
    [new AgentFailureError({ status: 404, message: 'heap sampling is off' }), 404],
    [new AgentFailureError({ status: 409, message: 'held by another profiler' }), 409],
    [new TooManyCapturesError(16, 7), 429],
    [new RecordingHeldError('trace'), 429],
    [new AgentFailureError({ status: 500, message: 'the addon says no' }), 500],
    [new AgentFailureError({ status: 503, message: 'no build' }), 503],
    [new InspectorUnavailableError(), 503],
    [new SnapshotFileError('/tmp', new Error('ENOSPC')), 503],
    [new SnapshotStalledError('main', 8000, false), 504],
    [new GarbageNotCollectedError('main'), 504],
    [new ThreadEndedError('worker 3'), 504],
    [new ShortLivedWorkersError(), 504],
    [new AgentFailureError({ status: 504, message: 'not done before' }), 504],
    [new NoThreadError(['main: native call']), 504],
    [new NoThreadError([]), 404],
    [new ThreadStuckError('the main thread', silenceOf(200)), 504],
    [new CaptureStuckError(), 504],
    [new ThreadUnreachableError('worker 3', silenceOf(4000)), 504],
    [new Error('whatever'), 500],
  ];

  it.each(answers.map(([error, status]) => [error.name, error.message, status, error] as const))(
    "answers %s '%s' with %d, and its own words",
    (_name, _message, status, error) => {
      expect(answerTo(error)).toMatchObject({ status, message: error.message });
    },
  );

  it('says "Unknown profile" for a profile that there is not, as Go does', () => {
    expect(answerTo(new UnknownProfileError()).message).toBe('Unknown profile');
  });

  it('says when to try again, where too many captures are running', () => {
    expect(answerTo(new TooManyCapturesError(16, 7)).headers).toMatchObject({ 'Retry-After': '7' });
  });

  it('takes the status of an error of the framework', () => {
    expect(answerTo(new PayloadTooLargeException('too large'))).toMatchObject({
      status: 413,
      message: 'too large',
    });
    const malformed = Object.assign(new Error("Failed to decode param '%'"), { status: 400 });
    expect(answerTo(malformed)).toMatchObject({ status: 400, message: "Failed to decode param '%'" });
  });

  it('does not repeat the path in the text for a route that there is not', () => {
    expect(answerTo(new NotFoundException('Cannot GET /<script>'))).toMatchObject({
      status: 404,
      message: 'Unknown profile',
    });
  });

  it.each([0, 200, 302, 399, 600, '404', null])(
    'takes an error whose status is %p for a failure',
    (status) => {
      expect(answerTo(Object.assign(new Error('odd'), { status }))).toMatchObject({
        status: 500,
        message: 'odd',
      });
    },
  );

  it('copes with what is thrown and is no error', () => {
    expect(answerTo('a text')).toMatchObject({ status: 500, message: 'a text' });
    expect(answerTo(undefined)).toMatchObject({ status: 500, message: 'undefined' });
    expect(answerTo(null)).toMatchObject({ status: 500, message: 'null' });
  });
});
