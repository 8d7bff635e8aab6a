import { describe, expect, it } from '@jest/globals';
import {
  isSelected,
  MAIN_THREAD,
  selectsWorkers,
  type ThreadSelection,
  workerFromTitle,
} from './thread.info.js';

describe('workerFromTitle', () => {
  it.each([
    ['[worker 3] mail', 3, 'worker 3 (mail)'],
    ['[worker 3] ', 3, 'worker 3'],
    ['[worker 3]', 3, 'worker 3'],
    ['[worker 12] WorkerThread', 12, 'worker 12'],
    ['[worker 1] [worker 2] x', 1, 'worker 1 ([worker 2] x)'],
    ['[worker 1] two\nlines', 1, 'worker 1 (two\\nlines)'],
    ['[worker 1] ) (', 1, 'worker 1 () ()'],
  ])('reads the title %j', (title, id, label) => {
    expect(workerFromTitle(title)).toEqual({ id, label });
  });

  it.each(['', 'mail', '[worker x] mail', 'Worker 1', ' [worker 1] mail', '[worker -1] mail'])(
    'does not take %j for a worker',
    (title) => {
      expect(workerFromTitle(title)).toBeUndefined();
    },
  );
});

describe('isSelected and selectsWorkers', () => {
  const worker = { id: 3, label: 'worker 3' };

  it.each<[ThreadSelection, boolean, boolean, boolean]>([
    ['all', true, true, true],
    ['main', true, false, false],
    [[0], true, false, false],
    [[3], false, true, true],
    [[0, 3], true, true, true],
    [[4], false, false, true],
    [[], false, false, false],
  ])('%j selects main: %p, worker 3: %p, workers at all: %p', (selection, main, three, any) => {
    expect(isSelected(selection, MAIN_THREAD)).toBe(main);
    expect(isSelected(selection, worker)).toBe(three);
    expect(selectsWorkers(selection)).toBe(any);
  });
});
