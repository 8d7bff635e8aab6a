import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAddonHeap } from './allocation.tree.js';
import { runsOf } from '../../../test-fixtures/exhaustive.js';

interface Node {
  readonly name: string;
  readonly scriptName: string;
  readonly children: readonly Node[];
}

/** As `dumpAllocationProfileAsJSON` of the addon writes it: texts are not escaped. */
function written({ name, scriptName, children }: Node): string {
  return (
    `{"name":"${name}","scriptName":"${scriptName}","scriptId":12,"lineNumber":3,"columnNumber":4,` +
    `"children":[${children.map(written).join(',')}],"allocations":[{"sizeBytes":64,"count":2},{"sizeBytes":8,"count":1}]}`
  );
}

function read(node: Node): object {
  const { name, scriptName } = node;
  return {
    name,
    scriptName,
    scriptId: 12,
    lineNumber: 3,
    columnNumber: 4,
    children: node.children.map(read),
    allocations: [
      { sizeBytes: 64, count: 2 },
      { sizeBytes: 8, count: 1 },
    ],
  };
}

const text = fc.oneof(
  fc.constantFrom('', '(root)', 'get "x"', 'C:\\app\\main.js', '["\\u0041"]', '$&$1', 'new\nline', '}],"'),
  // What would be taken for the end of a text cannot be told from it.
  fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => !value.includes('","')),
);

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record({
    name: text,
    scriptName: text,
    children: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('node'), { maxLength: 3 })),
  }),
}));

describe('parseAddonHeap', () => {
  it('reads every tree that the addon writes, whatever the names', () => {
    fc.assert(
      fc.property(node, (tree) => expect(parseAddonHeap(written(tree))).toEqual(read(tree))),
      runsOf(100),
    );
  });

  it('refuses one that is cut short', () => {
    const whole = written({
      name: 'a',
      scriptName: 'b',
      children: [{ name: 'c', scriptName: 'd', children: [] }],
    });
    expect(() => parseAddonHeap(whole.slice(0, -10))).toThrow(SyntaxError);
  });
});
