import { describe, expect, it } from '@jest/globals';
import { cpuProfile } from './cpu.profile.js';
import { heapProfile } from './heap.profile.js';
import { PROFILE_KINDS } from './recording.table.js';
import {
  commentsOfIgnored,
  parameterNames,
  parseChoice,
  parseInteger,
  parseSeconds,
  parseThreads,
  BadParameterError,
} from './query.parameters.js';

/** What is no positive integer, whatever it is asked for. */
const NO_POSITIVE_INTEGERS = [
  '0',
  '00',
  '-1',
  '+1',
  '1.5',
  '1.0',
  'abc',
  '',
  ' ',
  ' 5',
  '5 ',
  '5\n',
  '5s',
  '1e400',
  '1e1',
  '0x10',
  'NaN',
  'Infinity',
  'true',
  '١',
  '5,6',
];

const HUGE = ['9'.repeat(15), '9'.repeat(16), '9'.repeat(400)];

describe('commentsOfIgnored', () => {
  const taken = parameterNames(cpuProfile.parameters);

  it.each([
    ['second', 'seconds'],
    ['secnods', 'seconds'],
    ['Seconds', 'seconds'],
    ['thread', 'threads'],
    ['fornat', 'format'],
    ['labelss', 'labels'],
    ['untill', 'until'],
    ['HZ', 'hz'],
  ])('takes %j for a misspelt %j, of which the answer would be to another question', (given, meant) => {
    expect(() => commentsOfIgnored({ [given]: '5' }, taken)).toThrow(
      new BadParameterError(
        `no parameter "${given}": is "${meant}" meant? It takes seconds, format, past, until, hz, threads, route, labels`,
      ),
    );
  });

  it('answers what is asked in the right spelling as well', () => {
    expect(commentsOfIgnored({ seconds: '14', Seconds: '14', thread: '1', threads: 'all' }, taken)).toEqual([
      'parameters that are not looked at: Seconds, thread',
    ]);
  });

  it.each('_ t ts delta type service name rate profile port token from target job node'.split(' '))(
    'answers what has %j, as requests of scrapers and pages may',
    (name) => {
      for (const { parameters } of PROFILE_KINDS) {
        expect(commentsOfIgnored({ [name]: '1' }, parameterNames(parameters))).toHaveLength(1);
      }
    },
  );

  it('says which others are not looked at, such as a scraper sends to all', () => {
    expect(
      commentsOfIgnored({ seconds: '5', debug: '0', job: 'a', 'x\u001b[1m': '2', route: '', g: '1' }, taken),
    ).toEqual([expect.stringMatching(/^parameters that are not looked at: debug, job, x\S+m, g$/)]);
    expect(commentsOfIgnored({ seconds: '5', past: '5', hz: '1' }, taken)).toEqual([]);
    expect(
      commentsOfIgnored({ labels: 'false', route: '/' }, parameterNames(heapProfile.parameters)),
    ).toEqual(['parameters that are not looked at: labels, route']);
  });
});

describe('parseSeconds', () => {
  it.each([...NO_POSITIVE_INTEGERS, '9'.repeat(16), '9'.repeat(400)])("refuses %j in Go's words", (value) => {
    expect(() => parseSeconds(value, 300)).toThrow(
      new BadParameterError('invalid value for "seconds" - must be a positive integer'),
    );
  });

  it.each([
    ['1', 1],
    ['300', 300],
    ['007', 7],
  ])('reads %j', (value, seconds) => {
    expect(parseSeconds(value, 300)).toBe(seconds);
  });

  it.each(['301', '100000', '9'.repeat(15)])('refuses %s beyond the maximum, which it names', (value) => {
    expect(() => parseSeconds(value, 300)).toThrow(BadParameterError);
    expect(() => parseSeconds(value, 300)).toThrow(/"seconds".*maximum is 300.*maxSeconds/);
  });
});

describe('parseInteger', () => {
  it.each([...NO_POSITIVE_INTEGERS, ...HUGE, '1001'])(
    'refuses %j, names the parameter and what it takes',
    (value) => {
      expect(() => parseInteger('hz', value, 1000)).toThrow(
        new BadParameterError('invalid value for "hz" - must be an integer from 1 to 1000'),
      );
      expect(() => parseInteger('threshold', value, 1000, 'milliseconds, ', ' (an option)')).toThrow(
        'invalid value for "threshold" - must be milliseconds, an integer from 1 to 1000 (an option)',
      );
    },
  );

  it.each([
    ['1', 1],
    ['99', 99],
    ['1000', 1000],
  ])('reads %j', (value, hz) => {
    expect(parseInteger('hz', value, 1000)).toBe(hz);
  });
});

describe('parseChoice', () => {
  it('takes one of the choices', () => {
    expect(parseChoice('format', 'text', ['pprof', 'text'])).toBe('text');
  });

  it.each(['', 'TEXT', 'text ', 'svg', 'toString', '__proto__'])(
    'refuses %j and names the choices',
    (value) => {
      expect(() => parseChoice('format', value, ['pprof', 'text'])).toThrow(
        new BadParameterError('invalid value for "format" - must be one of pprof, text'),
      );
    },
  );
});

describe('parseThreads', () => {
  it.each([
    ['all', 'all'],
    ['main', [0]],
    ['0', [0]],
    ['3', [3]],
    ['3,0,12', [3, 0, 12]],
  ])('reads %j', (value, selection) => {
    expect(parseThreads(value)).toEqual(selection);
  });

  it.each([
    '',
    'ALL',
    'main,3',
    'all,1',
    '-1',
    '1.5',
    '1,',
    ',1',
    '1,,2',
    '1, 2',
    '1e3',
    'worker 3',
    '9'.repeat(10),
  ])('refuses %j and names what it takes', (value) => {
    expect(() => parseThreads(value)).toThrow(BadParameterError);
    expect(() => parseThreads(value)).toThrow(/"threads".*all, main, or thread ids/);
  });
});
