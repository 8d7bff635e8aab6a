import { describe, expect, it } from '@jest/globals';
import type { V8CpuNode, V8CpuProfile } from '../pprof/v8.profiles.js';
import { joinSegments } from './v8.segments.js';

const callFrame = { functionName: 'f', url: 'file:///app.js', lineNumber: 0, columnNumber: 0 };

/** With a stack for each sample. */
function profileWith(samples: number): V8CpuProfile {
  const children = Array.from({ length: samples }, (_, index) => index + 2);
  const nodes: V8CpuNode[] = [
    { id: 1, callFrame: { ...callFrame, functionName: '(root)', url: '' }, children },
    ...children.map((id) => ({ id, callFrame })),
  ];
  return {
    nodes,
    startTime: 0,
    endTime: (samples + 1) * 1000,
    samples: children,
    timeDeltas: children.map(() => 1000),
  };
}

describe('joinSegments', () => {
  it('joins more samples, and functions, than a call can have arguments', () => {
    const samples = 150_000;
    const segment = { profile: profileWith(samples), hz: 1000, settlingMicros: 0 };
    const { nodes, samples: joined } = joinSegments([segment], { millis: Infinity, hz: 1000 });
    expect([joined.length, nodes.length]).toEqual([samples, samples + 2]);
    expect(nodes[0]!.children).toHaveLength(samples + 1);
  });
});
