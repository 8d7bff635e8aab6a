import type { ApplicationThreads } from '../capture/application.threads.js';

/**
 * The memory of the process as lines for reading, where Go has `# runtime.MemStats`. What only the event loop of the main
 * thread can tell is missing while it is stuck.
 *
 * @internal
 */
export async function memorySummary(threads: ApplicationThreads): Promise<string[]> {
  const { description } = await threads.observeLoop();
  if (!description) {
    return [
      'process.memoryUsage() in bytes; all but rss is not known, as the event loop of the main thread is stuck',
      `rss = ${process.memoryUsage.rss()}`,
    ];
  }
  const { memory, heap, heapSpaces } = description;
  return [
    'process.memoryUsage() in bytes',
    ...entries(memory),
    'v8.getHeapStatistics() of main, sizes in bytes',
    ...entries(heap),
    'v8.getHeapSpaceStatistics() of main in bytes: used / committed, available',
    ...heapSpaces.map(
      (space) =>
        `${space['space_name']} = ${space['space_used_size']} / ${space['space_size']}, ${space['space_available_size']}`,
    ),
  ];
}

function entries(values: object): string[] {
  return Object.entries(values).map(([name, value]) => `${name} = ${value}`);
}
