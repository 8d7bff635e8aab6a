import type { PprofAddress, PprofStatus } from '../pprof.status.js';
import { AGENTS } from '../shared/agent.protocol.js';

// What there is once in a process, however many copies of this package it has loaded.

const SLOT = Symbol.for('nestjs-pprof profiler');

/** What a profiling thread calls where the event loop is stuck. */
interface InterruptibleAgent {
  readCpuByInterrupt(): string;
}

/** @internal */
export interface ProcessGlobal {
  [AGENTS]?: Map<number, InterruptibleAgent>;
  [SLOT]?: Slot | undefined;
}

/** Whoever profiles the process. @internal */
export interface SlotHolder {
  status(): PprofStatus;
  /** Where it listens, as soon as that is known; undefined while it does not, or is ending. */
  listening(): Promise<PprofAddress | undefined>;
  /** Its options, to be compared: JSON. */
  readonly options: string;
}

/** @internal */
export interface Slot {
  readonly holder: SlotHolder;
  /** Settles when it profiles no more, and its thread has ended. */
  readonly freed: Promise<void>;
  readonly free: () => void;
}

/**
 * Profiles are of the whole process, and V8 has one sampler of a kind to a thread: so there is one profiler, however many
 * `PprofModule`s, applications and copies of this package there are.
 *
 * @returns the slot; it is the caller's where its holder is the caller.
 * @internal
 */
export function takeSlot(holder: SlotHolder): Slot {
  const registry = processGlobal();
  registry[SLOT] ??= slotOf(holder, () => (registry[SLOT] = undefined));
  return registry[SLOT];
}

function slotOf(holder: SlotHolder, empty: () => void): Slot {
  let settle: () => void;
  const freed = new Promise<void>((resolve) => (settle = resolve));
  const free = () => {
    empty();
    settle();
  };
  return { holder, freed, free };
}

/** Makes an agent findable for its profiling thread when the event loop, and so its messages, are stuck. @internal */
export function registerAgent(profilingThreadId: number, agent: InterruptibleAgent): void {
  const registry = processGlobal();
  registry[AGENTS] ??= new Map();
  registry[AGENTS].set(profilingThreadId, agent);
}

/** @internal */
export function unregisterAgent(profilingThreadId: number): void {
  processGlobal()[AGENTS]?.delete(profilingThreadId);
}

/** That of the main context: test runners have modules run in contexts of their own. @internal */
export function processGlobal(): ProcessGlobal {
  return process.getBuiltinModule('node:vm').runInThisContext('globalThis') as ProcessGlobal;
}
