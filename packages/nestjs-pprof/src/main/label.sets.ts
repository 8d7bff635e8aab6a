import { processGlobal } from './process.registry.js';
import type { LabelSet } from '../shared/agent.protocol.js';

/** What pprof's clients and the stores of profiles take as the name of a label. */
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const MAX_LABELS = 32;
const MAX_VALUE_LENGTH = 200;

/** What tells which handler of the application it is. */
const OF_HANDLER = ['controller', 'resolver', 'gateway', 'provider', 'handler'];

/**
 * The labels of a task within another: what is inside replaces what is outside. Of a handler within another, as a command that a
 * controller dispatches, the outermost is told, as by the stack: a class goes with its own handler, not with another's.
 */
function within(
  outer: Readonly<Record<string, unknown>>,
  inner: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged = { ...inner, ...outer, ...inner };
  if (isOfHandler(inner) && isOfHandler(outer)) {
    Object.assign(
      merged,
      Object.fromEntries(Object.entries(outer).filter(([name]) => OF_HANDLER.includes(name))),
    );
  }
  return merged;
}

/** Those of an application's own have no class. */
function isOfHandler({ handler, ...labels }: Readonly<Record<string, unknown>>): boolean {
  return handler !== undefined && OF_HANDLER.some((name) => labels[name] !== undefined);
}

/**
 * What a sample that is taken in an async context is labelled with: an object in that context, filled in when it is known.
 *
 * @internal
 */
export class LabelContext {
  /** Shared by all that have the same: of a request, the labels of its route. */
  labels: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly outer: LabelContext | undefined,
    labels?: Readonly<Record<string, unknown>>,
  ) {
    this.labels = labels;
  }

  /**
   * The context of a task within: with these labels, and those of this one that they do not replace. One object in the place of
   * two, as a task that starts itself anew, by a timer, is within all that were before it.
   */
  within(labels: Readonly<Record<string, unknown>>): LabelContext {
    return new LabelContext(this.outer, within(this.labels ?? {}, labels));
  }
}

/** What gives labels to the samples that are taken while a task runs, while somebody captures. @internal */
export interface LabelScope {
  run?: <R>(labels: Readonly<Record<string, unknown>>, task: () => R) => R;
}

const SCOPE = Symbol.for('nestjs-pprof labels');

let scope: LabelScope | undefined;

/** One for the process, however many copies of this package it has loaded. @internal */
export function labelScope(): LabelScope {
  const registry = processGlobal() as { [SCOPE]?: LabelScope };
  return (scope ??= registry[SCOPE] ??= {});
}

/** Runs a task, the samples of which are labelled while somebody captures. @internal */
export function runWithLabels<R>(labels: Readonly<Record<string, unknown>>, task: () => R): R {
  const { run } = scope ?? labelScope();
  return run ? run(labels, task) : task();
}

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

/** The labels of the samples of one segment, each set once. @internal */
export class LabelSets {
  readonly sets: LabelSet[] = [];
  /** Labels that cannot be in a profile, by the reason. */
  readonly omitted = new Set<string>();
  readonly #byObject = new Map<object, number>();
  readonly #byContent = new Map<string, number>();

  /** @returns the number of the set; undefined for none. */
  indexOf(context: unknown): number | undefined {
    if (!(context instanceof LabelContext)) {
      return undefined;
    }
    const shared = context.outer === undefined ? context.labels : context;
    if (shared === undefined) {
      return undefined;
    }
    const known = this.#byObject.get(shared);
    if (known !== undefined) {
      return known === NONE ? undefined : known;
    }
    const index = this.#add(this.#merged(context));
    this.#byObject.set(shared, index);
    return index === NONE ? undefined : index;
  }

  #add(set: LabelSet): number {
    const content = JSON.stringify(set);
    if (content === '{}') {
      return NONE;
    }
    const index = this.#byContent.get(content) ?? this.sets.push(set) - 1;
    this.#byContent.set(content, index);
    return index;
  }

  #merged(context: LabelContext): LabelSet {
    const labels = Object.entries(this.#within(context)) as Array<[string, string]>;
    if (labels.length > MAX_LABELS) {
      this.omitted.add(`more than ${MAX_LABELS} of a sample`);
    }
    const sorted = labels.slice(0, MAX_LABELS).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted);
  }

  #within({ outer, labels }: LabelContext): Readonly<Record<string, unknown>> {
    return within(outer ? this.#within(outer) : {}, this.#checkedAll(labels ?? {}));
  }

  #checkedAll(labels: Readonly<Record<string, unknown>>): LabelSet {
    return Object.fromEntries(
      Object.entries(labels).flatMap(([name, value]) => {
        const text = this.#checked(name, value);
        return text === undefined ? [] : [[name, text]];
      }),
    );
  }

  #checked(name: string, value: unknown): string | undefined {
    if (!NAME.test(name)) {
      this.omitted.add('a name that is not letters, digits and _');
      return undefined;
    }
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      this.omitted.add('a value that is no text, number or boolean');
      return undefined;
    }
    const text = String(value);
    return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH - 1)}…` : text;
  }
}

const NONE = -1;
