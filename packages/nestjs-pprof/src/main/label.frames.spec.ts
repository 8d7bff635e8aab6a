import { describe, expect, it } from '@jest/globals';
import { storageMadeBy } from './label.frames.js';

const hooks = process.getBuiltinModule('node:async_hooks');
const before = Object.getOwnPropertyDescriptor(hooks, 'AsyncLocalStorage');

describe('the storage that is made meanwhile', () => {
  it('is found, and is one like any other', () => {
    let made: unknown;
    const storage = storageMadeBy(() => (made = new hooks.AsyncLocalStorage()));
    expect(storage).toBe(made);
    expect(storage).toBeInstanceOf(hooks.AsyncLocalStorage);
    expect(storage!.run('a', () => storage!.getStore())).toBe('a');
  });

  it('is not there where none is made', () => {
    expect(storageMadeBy(() => undefined)).toBeUndefined();
  });

  it('leaves Node as it was, also where the start fails', () => {
    expect(() =>
      storageMadeBy(() => {
        throw new Error('no sampler');
      }),
    ).toThrow('no sampler');
    expect(Object.getOwnPropertyDescriptor(hooks, 'AsyncLocalStorage')).toEqual(before);
  });
});
