import { describe, expect, it } from '@jest/globals';
import { samplesOfAllocations } from './allocation.tree.js';
import { allocationNodeOf } from './allocation.tree.js';

const callFrame = { functionName: 'run', url: 'file:///app/a.js', lineNumber: 0, columnNumber: 4 };

describe('allocationNodeOf', () => {
  it("counts lines and columns from 1, as the addon's tree does", () => {
    expect(allocationNodeOf({ callFrame, selfSize: 4096, children: [] })).toEqual({
      name: 'run',
      scriptName: 'file:///app/a.js',
      lineNumber: 1,
      columnNumber: 5,
      allocations: [{ sizeBytes: 4096, count: 1 }],
      children: [],
    });
  });

  it('keeps all bytes of the tree, each with its stack', () => {
    const leaf = { callFrame: { ...callFrame, functionName: 'leaf' }, selfSize: 10, children: [] };
    const root = { callFrame, selfSize: 0, children: [{ callFrame, selfSize: 20, children: [leaf, leaf] }] };
    const samples = samplesOfAllocations(allocationNodeOf(root), 64);
    expect(samples.map(({ stack, values }) => [stack.length, values[1]])).toEqual([
      [1, 20],
      [2, 10],
      [2, 10],
    ]);
  });
});
