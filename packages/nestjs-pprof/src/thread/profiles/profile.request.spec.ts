import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BadParameterError, parseProfileRequest } from './query.parameters.js';
import type { ProfileKind, Query } from './recording.kind.js';

type Parameters = ProfileKind['parameters'];

/** A kind that takes everything. */
const EVERYTHING: Parameters = {
  seconds: { kind: 'window', default: 30 },
  hz: { default: 100 },
  threads: true,
  threshold: true,
  labels: true,
  gc: true,
  debug: true,
  formats: ['pprof', 'text'],
};

const NOTHING: Parameters = {
  seconds: { kind: 'delta' },
  threads: false,
  gc: false,
  debug: false,
  formats: ['pprof'],
};

function kindWith(parameters: Partial<Parameters>, base = EVERYTHING): ProfileKind {
  const capture = () => Promise.reject(new Error('parsing does not capture'));
  return { name: 'block', description: 'A test.', parameters: { ...base, ...parameters }, capture };
}

function parse(query: Query, kind = kindWith({}), maxSeconds = 300) {
  return parseProfileRequest(kind, query, { maxSeconds, thresholdMillis: 20 });
}

describe('parseProfileRequest, defaults', () => {
  it('fills in those of the kind and of the options', () => {
    expect(parse({})).toEqual({
      seconds: 30,
      hz: 100,
      threads: 'all',
      thresholdMillis: 20,
      labels: true,
      gc: false,
      route: undefined,
      debug: 0,
      format: 'pprof',
    });
  });

  it('has no window where the kind is of this moment', () => {
    expect(parse({}, kindWith({ seconds: { kind: 'delta' } })).seconds).toBeUndefined();
  });

  it('keeps the default window within the maximum', () => {
    expect(parse({}, kindWith({}), 10).seconds).toBe(10);
  });
});

describe('parseProfileRequest, values', () => {
  it('reads every parameter', () => {
    const query = {
      seconds: '5',
      hz: '50',
      threads: '0,3',
      threshold: '7',
      gc: '1',
      labels: 'false',
      format: 'text',
    };
    expect(parse(query)).toMatchObject({
      seconds: 5,
      hz: 50,
      threads: [0, 3],
      thresholdMillis: 7,
      labels: false,
      gc: true,
      format: 'text',
    });
    expect(parse({ debug: '2' }).debug).toBe(2);
  });

  it('takes debug=0 and gc=0 for not given', () => {
    expect(parse({ seconds: '5', debug: '0', gc: '0' })).toMatchObject({ seconds: 5, debug: 0, gc: false });
  });

  it('ignores parameters that it does not know, as Go does', () => {
    expect(parse({ nonsense: 'x', seconds: '5' }).seconds).toBe(5);
  });

  it.each(['hz', 'gc', 'debug', 'threshold', 'threads'])(
    'ignores %s, with whatever value, on a kind that does not take it',
    (name) => {
      expect(parse({ [name]: 'nonsense' }, kindWith({}, NOTHING))).toEqual(parse({}, kindWith({}, NOTHING)));
    },
  );

  it('takes no seconds with debug for incompatible on a kind that has no debug', () => {
    expect(parse({ seconds: '5', debug: '1' }, kindWith({ debug: false }))).toMatchObject({
      seconds: 5,
      debug: 0,
    });
  });
});

describe('parseProfileRequest, errors', () => {
  it.each(['0', '-1', '1.5', 'abc', '1e400', '', '9'.repeat(40)])('refuses seconds=%s', (seconds) => {
    expect(() => parse({ seconds })).toThrow(
      new BadParameterError('invalid value for "seconds" - must be a positive integer'),
    );
  });

  it.each([
    ['hz', ['0', '1001', 'abc', '', '1.5']],
    ['threads', ['worker', '', '-1', 'main,1']],
    ['threshold', ['0', '60001', '', '1.5']],
    ['format', ['svg', '', 'PPROF']],
    ['debug', ['3', '-1', '', 'true', '1.0']],
    ['gc', ['2', '', 'true', 'yes']],
  ])('refuses a bad %s and names it', (name, values) => {
    for (const value of values) {
      expect(() => parse({ [name]: value })).toThrow(BadParameterError);
      expect(() => parse({ [name]: value })).toThrow(`invalid value for "${name}" - must be`);
    }
  });

  it('refuses a format that the kind has not', () => {
    expect(() => parse({ format: 'text' }, kindWith({ formats: ['pprof'] }))).toThrow(
      /must be one of pprof$/,
    );
  });

  it('checks in the order of the contract', () => {
    const kind = kindWith({});
    const bad = { hz: 'x', threads: 'x', format: 'x', gc: 'x', threshold: 'x', labels: 'x' };
    const steps: ReadonlyArray<readonly [Query, RegExp]> = [
      [{ ...bad, seconds: 'x', debug: '1' }, /must be a positive integer$/],
      [{ ...bad, seconds: '301', debug: '1' }, /the maximum is 300/],
      [{ ...bad, seconds: '5', debug: '1' }, /^seconds and debug params are incompatible$/],
      [{ ...bad }, /^invalid value for "(hz|threads|format|debug|gc|threshold)"/],
    ];
    for (const [query, message] of steps) {
      expect(() => parse(query, kind)).toThrow(message);
    }
  });
});

describe('parseProfileRequest, past', () => {
  const recorder = { minutes: 15, hz: 20 };

  function untilOf(until: string): string {
    const { past } = parseProfileRequest(
      kindWith({ past: true }),
      { past: '300', until },
      { maxSeconds: 300, thresholdMillis: 20, recorder },
    );
    expect(past!.to - past!.from).toBe(300_000);
    return new Date(past!.to).toISOString();
  }

  beforeEach(() => {
    jest.useFakeTimers({ now: new Date('2026-11-28T03:19:00Z') });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([
    ['03:15:00', '2026-11-28T03:15:00.000Z'],
    ['03:15', '2026-11-28T03:15:00.000Z'],
    ['03:15:00Z', '2026-11-28T03:15:00.000Z'],
    // The clock of who asks is ahead of this one, a little.
    ['03:19:01', '2026-11-28T03:19:00.000Z'],
    ['03:20:00', '2026-11-28T03:19:00.000Z'],
    ['04:19:40+01:00', '2026-11-28T03:19:00.000Z'],
    ['2026-11-28T03:19:40Z', '2026-11-28T03:19:00.000Z'],
    ['04:15:00+01:00', '2026-11-28T03:15:00.000Z'],
    ['04:18:00 01:00', '2026-11-28T03:18:00.000Z'],
    ['00:15:00-03:00', '2026-11-28T03:15:00.000Z'],
    ['22:15:00-05:00', '2026-11-28T03:15:00.000Z'],
    ['13:15:00+10:00', '2026-11-28T03:15:00.000Z'],
    ['16:15:00+14:00', '2026-11-28T02:15:00.000Z'],
    ['2026-11-28T04:15:00 01:00', '2026-11-28T03:15:00.000Z'],
    ['2026-11-28T03:15:00', '2026-11-28T03:15:00.000Z'],
    ['2026-11-28 03:15:00', '2026-11-28T03:15:00.000Z'],
    ['2026-11-28 04:15:00 01:00', '2026-11-28T03:15:00.000Z'],
    ['2024-02-29T03:15:00Z', '2024-02-29T03:15:00.000Z'],
    ['15:20:00', '2026-11-27T15:20:00.000Z'],
  ])('takes %s for %s, at 03:19', (until, time) => {
    expect(untilOf(until)).toBe(time);
  });

  it.each([
    '',
    '24:00:00',
    '3:15',
    '03:15:00+1',
    '03:15:00+25:00',
    '2026-11-28',
    'now',
    '2026-02-30T03:15:00Z',
    '2026-02-29T03:15',
    '2026-04-31 03:15:00',
    '2026-13-01T03:15:00Z',
    '2026-11-00T03:15:00Z',
    '2026-11-28T24:00:00Z',
    '2026-11-28T03:60:00Z',
    '2026-11-28T03:15:00+24:00',
  ])('refuses %j', (until) => {
    expect(() => untilOf(until)).toThrow(/^invalid value for "until" - must be an ISO time .* or a time/);
  });

  it.each(['03:20:01', '04:15:00', '04:20:01+01:00', '15:00:00'])(
    'refuses %s, which is to come, with the time that it is',
    (until) => {
      expect(() => untilOf(until)).toThrow(
        `invalid value for "until" - ${until} is ahead of the clock here, which says 03:19:00 UTC; a time is UTC unless`,
      );
    },
  );

  it('takes a time of the day that is to come for that of yesterday, of which something may be kept', () => {
    jest.setSystemTime(new Date('2026-11-28T00:05:00Z'));
    expect(untilOf('23:55:00')).toBe('2026-11-27T23:55:00.000Z');
  });

  it('takes a time of this day that has been for that, also where its next one is nearer', () => {
    jest.setSystemTime(new Date('2026-11-28T18:07:35Z'));
    expect(untilOf('03:15:00')).toBe('2026-11-28T03:15:00.000Z');
    expect(untilOf('04:15:00+01:00')).toBe('2026-11-28T03:15:00.000Z');
  });

  it('is refused, not left out, where there is no past', () => {
    expect(() => parse({ past: '300' })).toThrow('"past" parameter is of profile alone');
  });
});
