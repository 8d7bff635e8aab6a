import { describe, expect, it } from '@jest/globals';
import type { Labels } from './profile.model.js';
import type { SymbolizedFrame, SymbolizedProfile } from './profile.symbolizer.js';
import { durationText, renderTop } from './profile.text.js';

function frame(name: string): SymbolizedFrame {
  return { name, file: '/app/a.ts', line: 1, column: 1, startLine: 1 };
}

const [a, b, c] = [frame('a'), frame('b'), frame('c')];

function profileOf(
  samples: ReadonlyArray<readonly [readonly SymbolizedFrame[], number]>,
  over = {},
): SymbolizedProfile {
  return {
    sampleTypes: [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: 1,
    samples: samples.map(([stack, value]) => ({ stack, values: [1, value], labels: {}, notes: [] })),
    startedAt: Date.UTC(2026, 10, 23, 10, 1, 2),
    comments: ['sampling rate: 100 Hz'],
    ...over,
  };
}

/** `[flat, flat%, sum%, cum, cum%, name]` of each row. */
function rowsOf(text: string): string[][] {
  const lines = text.trimEnd().split('\n');
  const heading = lines.findIndex((line) => /flat\s+flat%\s+sum%\s+cum\s+cum%/.test(line));
  return lines.slice(heading + 1).map((line) => line.trim().split(/\s+/));
}

describe('renderTop', () => {
  // `go tool pprof -top` has these very numbers.
  it('orders a difference by magnitude, in percent of all that came and went', () => {
    const text = renderTop(
      profileOf([
        [[a], -60e6],
        [[b], 30e6],
        [[c], 10e6],
      ]),
    );
    expect(rowsOf(text)).toEqual([
      ['-60ms', '60.00%', '60.00%', '-60ms', '60.00%', 'a'],
      ['30ms', '30.00%', '30.00%', '30ms', '30.00%', 'b'],
      ['10ms', '10.00%', '20.00%', '10ms', '10.00%', 'c'],
    ]);
  });

  it('tabulates flat and cumulative values of each function, largest flat first', () => {
    const text = renderTop(
      profileOf([
        [[a, b, c], 60e6],
        [[b, c], 30e6],
        [[c], 10e6],
      ]),
    );
    expect(rowsOf(text)).toEqual([
      ['60ms', '60.00%', '60.00%', '60ms', '60.00%', 'a'],
      ['30ms', '30.00%', '90.00%', '90ms', '90.00%', 'b'],
      ['10ms', '10.00%', '100%', '100ms', '100%', 'c'],
    ]);
  });

  it('says what it shows: type, time, total, comments', () => {
    const text = renderTop(profileOf([[[a], 2e9]]));
    expect(text.split('\n').slice(0, 5)).toEqual([
      'Type: cpu',
      'Time: 2026-11-23T10:01:02.000Z',
      'Total: 2s',
      '# sampling rate: 100 Hz',
      'Showing top 1 nodes out of 1',
    ]);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('relates the time on the CPU to the length of the window', () => {
    expect(renderTop(profileOf([[[a], 2e9]], { durationNanos: 4e9 }))).toContain(
      '\nDuration: 4s, Total samples = 2s (50.00%)\n',
    );
  });

  it('does not relate bytes to the length of the window', () => {
    const sampleTypes = [
      { type: 'inuse_objects', unit: 'count' },
      { type: 'inuse_space', unit: 'bytes' },
    ];
    const text = renderTop(profileOf([[[a], 2 ** 21]], { sampleTypes, durationNanos: 5e9 }));
    expect(text).toContain('\nDuration: 5s, Total samples = 2MB');
    expect(text.split('\n').find((line) => line.startsWith('Duration'))).not.toContain('%');
  });

  it('counts a recursive function once in what it has altogether', () => {
    expect(rowsOf(renderTop(profileOf([[[a, b, a], 10]])))).toEqual([
      ['10ns', '100%', '100%', '10ns', '100%', 'a'],
      ['0', '0.00%', '100%', '10ns', '100%', 'b'],
    ]);
  });

  it('orders equal flat values by the cumulative ones, then by name', () => {
    const rows = rowsOf(renderTop(profileOf([[[a, c, b], 10]])));
    expect(rows.map((row) => row.at(-1))).toEqual(['a', 'b', 'c']);
  });

  it.each([
    [1, 'nanoseconds', '1ns'],
    [1500, 'nanoseconds', '1.5us'],
    [2_340_000, 'nanoseconds', '2.34ms'],
    [61e9, 'nanoseconds', '61s'],
    [-30e6, 'nanoseconds', '-30ms'],
    [1023, 'bytes', '1023B'],
    [1536, 'bytes', '1.5kB'],
    [-(2 ** 21), 'bytes', '-2MB'],
    [3 * 2 ** 30, 'bytes', '3GB'],
    [1_500_000, 'count', '1500000'],
  ])('shows %d %s as %s', (value, unit, shown) => {
    const sampleTypes = [
      { type: 'x', unit },
      { type: 'y', unit },
    ];
    expect(rowsOf(renderTop(profileOf([[[a], value]], { sampleTypes })))[0]?.[0]).toBe(shown);
  });

  it('shows the first 50 rows and says that there are more', () => {
    const samples = Array.from({ length: 60 }, (_, index) => [[frame(`f${index}`)], 100 - index] as const);
    const text = renderTop(profileOf(samples));
    expect(rowsOf(text)).toHaveLength(50);
    expect(text).toContain('\nShowing top 50 nodes out of 60\n');
  });

  it('renders a profile without samples', () => {
    const text = renderTop(profileOf([], { durationNanos: 1e9 }));
    expect(rowsOf(text)).toEqual([]);
    expect(text).toContain('Total samples = 0');
    expect(text).not.toContain('NaN');
  });

  it('shows the default sample type where there is one', () => {
    expect(renderTop(profileOf([[[a], 60e6]], { defaultSampleType: 'samples' }))).toMatch(/^Type: samples\n/);
  });

  it('shows the last type with values where the default one has none', () => {
    const text = renderTop(profileOf([[[a], 0]], { defaultSampleType: 'cpu' }));
    expect(text).toMatch(/^Type: samples\n/);
    expect(renderTop(profileOf([], { defaultSampleType: 'cpu' }))).toMatch(/^Type: cpu\n/);
  });

  const labelled = (labels: Labels, value: number) => ({ stack: [a], values: [1, value], labels, notes: [] });

  it('has a second table where there are labels, of what `route=` takes', () => {
    const samples = [
      labelled({ route: 'GET /cats', controller: 'Cats', handler: 'all', thread: 'main' }, 60e6),
      labelled({ route: 'GET (no route)' }, 10e6),
      labelled({ controller: 'Jobs', handler: 'run' }, 20e6),
      labelled({ thread: 'main' }, 10e6),
    ];
    const text = renderTop(profileOf([], { samples }));
    expect(text.slice(text.indexOf('\n\n')).split('\n').slice(2)).toEqual([
      'Showing top 4 routes out of 4',
      '      flat  flat%',
      '      60ms 60.00%  GET /cats',
      '      20ms 20.00%  Jobs.run',
      '      10ms 10.00%  GET (no route)',
      '      10ms 10.00%  (no label)',
      '',
    ]);
    expect(renderTop(profileOf([[[a], 1]]))).not.toContain('routes');
  });

  it('tells handlers apart that have one name, of whichever kind of class', () => {
    const samples = [
      labelled({ provider: 'KillDragonHandler', handler: 'execute' }, 40e6),
      labelled({ provider: 'DropItemHandler', handler: 'execute' }, 30e6),
      labelled({ operation: 'Query.cats', resolver: 'CatsResolver', handler: 'find' }, 20e6),
      labelled({ event: 'cats', gateway: 'CatsGateway', handler: 'find' }, 8e6),
      // All requests of GraphQL have one route.
      labelled({ route: 'POST (no route)', resolver: 'DogsResolver', handler: 'find' }, 7e6),
      labelled({ route: 'POST /graphql' }, 6e6),
      labelled({ route: 'GET (route not known)', provider: 'BuyHandler', handler: 'execute' }, 5e6),
      labelled({ route: 'GET /x', provider: 'BuyHandler', handler: 'execute' }, 4e6),
      // The application's own label.
      labelled({ provider: 'aws' }, 2e6),
    ];
    const text = renderTop(profileOf([], { samples }));
    expect(text.slice(text.indexOf('\n\n')).match(/(?<=%  )\S.*$/gm)).toEqual([
      'KillDragonHandler.execute',
      'DropItemHandler.execute',
      'CatsResolver.find',
      'CatsGateway.find',
      'DogsResolver.find',
      'POST /graphql',
      'BuyHandler.execute',
      'GET /x',
      '(no label)',
    ]);
  });
});

describe('durationText', () => {
  it.each([
    [0.4, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [65.9, '1 min 5 s'],
    [3 * 3600 + 60 * 20, '3 h 20 min'],
    [86_400 * 3 + 3600 * 4, '3 d 4 h'],
  ])('%d', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});
