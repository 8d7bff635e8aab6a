import { describe, expect, it } from '@jest/globals';
import { hotPaths, nameWithLine, renderPaths } from './hot.paths.js';
import type { SymbolizedFrame, SymbolizedProfile } from './profile.symbolizer.js';

function own(name: string, line = 7): SymbolizedFrame {
  return { name: `${name} (src/${name}.ts)`, file: `/app/src/${name}.ts`, line, column: 1, startLine: line };
}

const express: SymbolizedFrame = {
  ...own('x'),
  name: 'handle (express/lib/router.js)',
  file: '/app/node_modules/express/lib/router.js',
};
const hash: SymbolizedFrame = { ...own('x'), name: 'pbkdf2Sync (node:crypto)', file: 'node:crypto' };
const gc: SymbolizedFrame = { ...own('x'), name: '(garbage collector)', file: '', line: 0 };

function profileOf(
  samples: ReadonlyArray<readonly [innermostFirst: readonly SymbolizedFrame[], value: number]>,
): SymbolizedProfile {
  return {
    sampleTypes: [{ type: 'cpu', unit: 'nanoseconds' }],
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: 1,
    samples: samples.map(([stack, value]) => ({ stack, values: [value], labels: {}, notes: [] })),
    startedAt: 0,
    comments: [],
  };
}

const [controller, service, helper] = [own('controller'), own('service'), own('helper')];

describe('hotPaths', () => {
  it('adds up stacks down to the application’s own code, and says where they end', () => {
    const profile = profileOf([
      [[hash, service, express, controller, express], 30],
      [[gc, service, express, controller], 20],
      [[service, controller], 5],
      [[helper, controller], 40],
    ]);
    expect(hotPaths(profile, 0, 9)).toEqual([
      {
        frames: [controller, service],
        isCut: false,
        value: 55,
        ends: [
          { name: hash.name, value: 30 },
          { name: gc.name, value: 20 },
        ],
      },
      { frames: [controller, helper], isCut: false, value: 40, ends: [] },
    ]);
    expect(hotPaths(profile, 0, 1)).toHaveLength(1);
  });

  it('has what none of the own code is part of as a path of its own', () => {
    expect(hotPaths(profileOf([[[gc], 3]]), 0, 9)).toEqual([
      { frames: [], isCut: false, value: 3, ends: [{ name: gc.name, value: 3 }] },
    ]);
  });

  it('shows a recursion once, and of a deep path the end that is nearest to the cost', () => {
    const deep = Array.from({ length: 40 }, (_, depth) => own(`f${depth}`));
    const [path] = hotPaths(profileOf([[[helper, helper, ...deep, controller], 1]]), 0, 9);
    expect(path).toMatchObject({ isCut: true });
    expect(path!.frames).toHaveLength(12);
    expect(path!.frames.at(-1)).toBe(helper);
    expect(path!.frames.at(-2)).toBe(deep[0]);
  });

  it('orders a difference by magnitude, and leaves out what cancels out', () => {
    const difference = profileOf([
      [[service], 10],
      [[helper], -30],
      [[controller], 5],
      [[gc, controller], -5],
    ]);
    expect(hotPaths(difference, 0, 9).map(({ value }) => value)).toEqual([-30, 10]);
  });
});

describe('renderPaths', () => {
  it('is to be read beneath the table', () => {
    const text = renderPaths(
      profileOf([
        [[hash, service, express, controller], 2e9],
        [[gc], 2e9],
      ]),
    );
    expect(text.split('\n')).toEqual([
      '',
      "Hottest paths, down to the application's own code",
      '        2s 50.00%  controller (src/controller.ts:7)',
      '                     service (src/service.ts:7)',
      '                       in pbkdf2Sync (node:crypto) 50.00%',
      "        2s 50.00%  none of the application's own code",
      '                     in (garbage collector) 50.00%',
      '',
    ]);
  });

  it('is nothing where there is nothing', () => {
    expect(renderPaths(profileOf([]))).toBe('');
  });
});

describe('nameWithLine', () => {
  it('adds the line where there is one and the name does not have it', () => {
    expect(nameWithLine(service)).toBe('service (src/service.ts:7)');
    expect(nameWithLine({ ...service, name: 'f (src/a.ts:3)' })).toBe('f (src/a.ts:3)');
    expect(nameWithLine(gc)).toBe('(garbage collector)');
  });
});
