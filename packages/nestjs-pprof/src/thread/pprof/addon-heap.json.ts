import type { AllocationNode } from '../../shared/agent.protocol.js';

/** The two texts of a node, between the names that the addon writes around them. */
const TEXTS = /\{"name":"(.*?)","scriptName":"(.*?)","scriptId":(-?\d+),"lineNumber":/gs;

/**
 * Reads the file that `@datadog/pprof` writes when the heap is full. It looks like JSON, but quotes and backslashes in
 * names are as they were, so these are put right first.
 * https://github.com/DataDog/pprof-nodejs/blob/main/bindings/profilers/heap.cc (`dumpAllocationProfileAsJSON`)
 *
 * @throws {SyntaxError} where it is cut short.
 * @internal
 */
export function parseAddonHeap(text: string): AllocationNode {
  const json = text.replaceAll(
    TEXTS,
    (_, name: string, scriptName: string, scriptId: string) =>
      `{"name":${JSON.stringify(name)},"scriptName":${JSON.stringify(scriptName)},"scriptId":${scriptId},"lineNumber":`,
  );
  return JSON.parse(json) as AllocationNode;
}
