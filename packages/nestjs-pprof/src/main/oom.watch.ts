import type { OomExportOptions } from '../shared/oom-profile.files.js';
import { tried } from '../shared/pprof.error.js';
import { type Addon, loadAddon } from './profiler.addon.js';

/** Gives the program, with its arguments, that is run when the heap is full. @internal */
export type OomExportCommand = (
  sampled: Pick<OomExportOptions, 'since' | 'withGarbage'>,
) => readonly string[];

type MonitorOutOfMemory = Addon['heap']['monitorOutOfMemory'];

/** The limit of the heap is raised once, by as much as V8 reserves for young objects, to go on until the profile is written. */
const HEAP_EXTENSION = 'auto';
const HEAP_EXTENSIONS = 1;

/**
 * The addon exports once. A process that has lived on, as what filled its heap turned out to be garbage, may die later: it is told
 * again, though not soon, as each export holds the process up.
 */
const EXPORT_AGAIN_MILLIS = 30_000;

/** The export of somebody else, once there is one. */
let theirs: Parameters<MonitorOutOfMemory> | undefined;

/**
 * Has the addon export what was sampled when the heap is full. Until then that costs nothing: V8 calls the addon from a garbage
 * collection that did not free enough. It has the command run, and waits for it, in C++: no JavaScript runs in a thread that has no
 * memory left. https://github.com/DataDog/pprof-nodejs/blob/main/bindings/profilers/heap.cc (`NearHeapLimit`)
 *
 * The addon keeps one export: where somebody else sets theirs, it stays.
 *
 * @internal
 */
export class OomWatch {
  #again: NodeJS.Timeout | undefined;
  #restoreAddon: (() => void) | undefined;

  /** @param warn is told what an operator has to know */
  constructor(
    private readonly command: OomExportCommand,
    private readonly warn: (text: string) => void,
  ) {}

  /** By somebody else, whose export goes on when ours stops. */
  get isTakenOver(): boolean {
    return theirs !== undefined;
  }

  /** With each start of the sampler: the addon forgets it when that stops. */
  start(sampled: Parameters<OomExportCommand>[0]): void {
    this.stop();
    const { heap } = loadAddon();
    const { monitorOutOfMemory } = heap;
    if (theirs) {
      monitorOutOfMemory(...theirs);
    } else {
      this.#export(monitorOutOfMemory, [...this.command(sampled)]);
    }
    let isOver = false;
    const noticed: MonitorOutOfMemory = (...args) => {
      monitorOutOfMemory(...args);
      if (isOver) {
        return;
      }
      clearInterval(this.#again);
      if (!theirs) {
        this.warn(
          'Nothing is written when memory runs out: another user of @datadog/pprof in this process has called ' +
            'heap.monitorOutOfMemory, of which the addon has one at a time, and theirs stays',
        );
      }
      theirs = args;
    };
    heap.monitorOutOfMemory = noticed;
    this.#restoreAddon = () => {
      // Where another has wrapped it in the meantime it stays, and our own next call comes through it.
      isOver = true;
      if (heap.monitorOutOfMemory === noticed) {
        heap.monitorOutOfMemory = monitorOutOfMemory;
      }
    };
  }

  stop(): void {
    clearInterval(this.#again);
    this.#restoreAddon?.();
    this.#restoreAddon = undefined;
  }

  #export(monitorOutOfMemory: MonitorOutOfMemory, command: string[]): void {
    const watch = (extensions: number) => monitorOutOfMemory(HEAP_EXTENSION, extensions, false, command);
    watch(HEAP_EXTENSIONS);
    const limit = heapLimit();
    // V8 takes the extension back when the heap has become small enough: until then there is no second one.
    const watchOn = () => watch(heapLimit() > limit ? 0 : HEAP_EXTENSIONS);
    // Another user of the addon may have stopped it.
    this.#again = setInterval(() => tried(watchOn), EXPORT_AGAIN_MILLIS).unref();
  }
}

function heapLimit(): number {
  return process.getBuiltinModule('node:v8').getHeapStatistics().heap_size_limit;
}
