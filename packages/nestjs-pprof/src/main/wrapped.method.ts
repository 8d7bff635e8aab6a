import { runWithLabels } from './label.sets.js';

/** @internal */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

interface Metadata {
  getOwnMetadataKeys?(of: object): readonly unknown[];
  getOwnMetadata?(key: unknown, of: object): unknown;
  defineMetadata?(key: unknown, value: unknown, of: object): void;
}

/** A method that gives labels to what it does; whoever looks at it sees the same as before: its name, its parameters, its metadata. @internal */
export function labelled(method: Method, labels: Readonly<Record<string, unknown>>): Method {
  const wrapper: Method = function (...args) {
    return runWithLabels(labels, () => method.apply(this, args));
  };
  for (const name of ['name', 'length']) {
    Object.defineProperty(wrapper, name, { value: method[name as 'name' | 'length'], configurable: true });
  }
  const { getOwnMetadataKeys, getOwnMetadata, defineMetadata } = Reflect as Metadata;
  for (const key of getOwnMetadataKeys?.(method) ?? []) {
    defineMetadata?.(key, getOwnMetadata?.(key, method), wrapper);
  }
  return wrapper;
}
