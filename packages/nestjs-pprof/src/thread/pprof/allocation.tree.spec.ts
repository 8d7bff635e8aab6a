import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AllocationNode } from '../../shared/agent.protocol.js';
import { samplesOfAllocations } from './allocation.tree.js';
import { TRUNCATED } from './profile.model.js';

function node(name: string, over: Partial<AllocationNode> = {}): AllocationNode {
  return {
    name,
    scriptName: '/app/a.js',
    lineNumber: 1,
    columnNumber: 2,
    allocations: [],
    children: [],
    ...over,
  };
}

it('says of a stack as deep as the sampler keeps them that its callers are not known', () => {
  const leaf = { name: 'leaf', scriptName: '/app/a.js', lineNumber: 1, columnNumber: 1, children: [] };
  const chain = (depth: number): AllocationNode =>
    depth === 1
      ? { ...leaf, allocations: [{ sizeBytes: 8, count: 1 }] }
      : { ...leaf, allocations: [], children: [chain(depth - 1)] };
  const stackOf = (depth: number) =>
    samplesOfAllocations({ ...leaf, allocations: [], children: [chain(depth)] }, 64)[0]?.stack;
  expect(stackOf(64)?.at(-1)).toBe(TRUNCATED);
  expect(stackOf(63)).toHaveLength(63);
});

describe('samplesOfAllocations', () => {
  it('makes a sample of each node that has allocated, with objects and bytes, innermost frame first', () => {
    const leaf = node('leaf', {
      allocations: [
        { sizeBytes: 100, count: 3 },
        { sizeBytes: 8, count: 2 },
      ],
    });
    const root = node('(root)', { children: [node('main', { children: [leaf] })] });
    expect(samplesOfAllocations(root, 64)).toEqual([
      {
        stack: [
          { functionName: 'leaf', file: '/app/a.js', line: 1, column: 2 },
          { functionName: 'main', file: '/app/a.js', line: 1, column: 2 },
        ],
        values: [5, 316],
      },
    ]);
  });

  it('makes samples of inner nodes as well', () => {
    const allocations = [{ sizeBytes: 10, count: 1 }];
    const root = node('(root)', {
      children: [node('a', { allocations, children: [node('b', { allocations })] })],
    });
    const stacks = samplesOfAllocations(root, 64).map(({ stack }) =>
      stack.map(({ functionName }) => functionName),
    );
    expect(stacks).toEqual([['a'], ['b', 'a']]);
  });

  it('copes with nodes that have neither name nor position', () => {
    const bare: AllocationNode = { scriptName: '', allocations: [{ sizeBytes: 1, count: 1 }], children: [] };
    expect(samplesOfAllocations(node('(root)', { children: [bare] }), 64)).toEqual([
      { stack: [{ functionName: '', file: '', line: 0, column: 0 }], values: [1, 1] },
    ]);
  });

  it('does not run out of stack on a deep tree', () => {
    let tree = node('leaf', { allocations: [{ sizeBytes: 1, count: 1 }] });
    for (let depth = 0; depth < 3000; depth++) {
      tree = node('f', { children: [tree] });
    }
    expect(samplesOfAllocations(tree, Infinity)[0]?.stack).toHaveLength(3000);
  });

  it('loses none of any tree', () => {
    const tree = fc.memo((depth): fc.Arbitrary<AllocationNode> =>
      fc.record({
        name: fc.constantFrom('a', 'b', ''),
        scriptName: fc.constantFrom('', '/app/a.js'),
        allocations: fc.array(fc.record({ sizeBytes: fc.nat({ max: 1e6 }), count: fc.nat({ max: 1000 }) }), {
          maxLength: 3,
        }),
        children: depth > 1 ? fc.array(tree(depth - 1), { maxLength: 3 }) : fc.constant([]),
      }),
    );
    const totalsOf = ({ allocations, children }: AllocationNode): [objects: number, bytes: number] =>
      children
        .map(totalsOf)
        .reduce(
          ([objects, bytes], [moreObjects, moreBytes]) => [objects + moreObjects, bytes + moreBytes],
          [
            allocations.reduce((sum, { count }) => sum + count, 0),
            allocations.reduce((sum, { count, sizeBytes }) => sum + count * sizeBytes, 0),
          ],
        );
    fc.assert(
      fc.property(fc.array(tree(4), { maxLength: 3 }), (children) => {
        const root = node('(root)', { children });
        const samples = samplesOfAllocations(root, 64);
        const sum = (index: number) => samples.reduce((total, { values }) => total + values[index]!, 0);
        expect([sum(0), sum(1)]).toEqual(totalsOf(root));
      }),
    );
  });
});
