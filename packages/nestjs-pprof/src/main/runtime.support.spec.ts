import { afterEach, describe, expect, it } from '@jest/globals';
import { unsupportedRuntime } from './process.facts.js';

const versions = Object.getOwnPropertyDescriptor(process, 'versions')!;

afterEach(() => {
  Object.defineProperty(process, 'versions', versions);
});

function runIn(others: Readonly<Record<string, string>>): void {
  Object.defineProperty(process, 'versions', { ...versions, value: { ...process.versions, ...others } });
}

describe('unsupportedRuntime', () => {
  it('has nothing against Node', () => {
    expect(unsupportedRuntime()).toBeUndefined();
  });

  it.each([
    [{ bun: '1.4.5' }, 'it needs Node, and this is Bun 1.4.5'],
    [{ deno: '2.9.6' }, 'it needs Node, and this is Deno 2.9.6'],
  ])('tells what runs it, where that is %j', (others, reason) => {
    runIn(others);
    expect(unsupportedRuntime()).toBe(reason);
  });
});
