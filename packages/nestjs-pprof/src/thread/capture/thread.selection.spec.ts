import { describe, expect, it } from '@jest/globals';
import { InspectorUnavailableError } from '../../shared/agent.errors.js';
import {
  Answers,
  foundOrSkipped,
  fromThreads,
  isSelected,
  MAIN_THREAD,
  mainOrSkipped,
  selectsWorkers,
  type ThreadSelection,
  workerFromTitle,
} from './thread.selection.js';
import {
  AgentFailureError,
  NoThreadError,
  silenceOf,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from './threads.errors.js';

const workerOf = (id: number) => ({ id, label: `worker ${id}` });

describe('Answers', () => {
  it('has the answers of those selected that give one, and names the others with the reason', async () => {
    const answers = new Answers<string>([1, 2]);
    await answers.take(workerOf(1), () => Promise.resolve('one'));
    await answers.take(workerOf(2), () => Promise.reject(new Error('no')));
    await answers.take(workerOf(3), () => Promise.resolve('not selected'));
    answers.skipWorkers(new Error('no session'));
    answers.skipWorkers(new Error('no session'));
    expect(answers).toEqual({
      results: ['one'],
      skipped: ['worker 2: no', 'worker threads, if there are any: no session'],
    });
  });

  it('tells of one that has ended meanwhile, and does not miss it', async () => {
    const answers = new Answers<string>('all');
    const ended: string[] = [];
    const gone = () => Promise.reject(new ThreadEndedError('worker 3'));
    await answers.take(workerOf(3), gone, () => ended.push('worker 3'));
    await answers.take(workerOf(3), gone);
    expect([answers.results, answers.skipped, ended]).toEqual([[], [], ['worker 3']]);
  });
});

describe('fromThreads', () => {
  const found = (...ids: number[]) =>
    Promise.resolve({
      results: ids.map((id) => ({ thread: workerOf(id) })),
      skipped: [`skipped with ${ids}`],
    });

  it('asks those that are selected, and has what they say in their order', async () => {
    const { results, skipped } = await fromThreads(
      'all',
      () => found(0),
      () => found(5, 2),
    );
    expect(results.map(({ thread }) => thread.id)).toEqual([0, 2, 5]);
    expect(skipped).toEqual(['skipped with 0', 'skipped with 5,2']);
    const never = () => Promise.reject(new Error('not asked'));
    expect((await fromThreads([0], () => found(0), never)).results).toHaveLength(1);
    expect((await fromThreads([2], never, () => found(2))).results).toHaveLength(1);
  });

  it('fails where there is nothing of any thread, with the reasons', async () => {
    const nothing = () => Promise.resolve({ results: [], skipped: ['main: no'] });
    await expect(fromThreads([0], nothing, nothing)).rejects.toThrow(new NoThreadError(['main: no']));
  });
});

describe('fromThreads, asked for threads that are not there', () => {
  const workers = [{ id: 3, label: 'worker 3 (images)' }];
  const results = workers.map((thread) => ({ thread }));
  const ask = (selection: ThreadSelection, skipped: string[] = []) =>
    fromThreads(
      selection,
      () => Promise.resolve({ results: [{ thread: MAIN_THREAD }], skipped: [] }),
      () => Promise.resolve({ results, skipped }),
    );

  it('names them beside those that are', async () => {
    const { skipped } = await ask([0, 3, 33, 99, 99, 4], ['worker 4: it did not answer']);
    expect(skipped).toEqual([
      'worker 4: it did not answer',
      'worker 33: there is no such thread, or no longer',
      'worker 99: there is no such thread, or no longer',
    ]);
    expect((await ask('all')).skipped).toEqual([]);
  });

  it('does not claim to know where no worker can be reached', async () => {
    const reason = 'worker threads, if there are any: the way is closed';
    expect((await ask([0, 99], [reason])).skipped).toEqual([reason]);
  });
});

describe('foundOrSkipped', () => {
  it.each([
    new ThreadUnreachableError('main', silenceOf(4000)),
    new ThreadStuckError('the main thread', silenceOf(4000)),
  ])('does without a thread that cannot be reached: %p', async (reason) => {
    expect(await foundOrSkipped(() => Promise.reject(reason))).toEqual({
      results: [],
      skipped: [`main: ${reason.message}`],
    });
  });

  it('fails where the thread can be reached, and cannot do it', async () => {
    const failure = new AgentFailureError({ status: 409, message: 'held' });
    await expect(foundOrSkipped(() => Promise.reject(failure))).rejects.toBe(failure);
  });
});

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

describe('mainOrSkipped', () => {
  const { signal } = new AbortController();

  it('adds what else is known of it', async () => {
    const reason = new ThreadUnreachableError('main', silenceOf(7000));
    const { skipped } = await mainOrSkipped(
      () => Promise.reject(reason),
      signal,
      (message) => `${message} (more)`,
    );
    expect(skipped).toEqual([`main: ${reason.message} (more)`]);
  });

  it('fails where nobody waits any more, and where no thread can be inspected', async () => {
    const failing = () => Promise.reject(new Error('closed'));
    await expect(mainOrSkipped(failing, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    const unavailable = new InspectorUnavailableError();
    await expect(mainOrSkipped(() => Promise.reject(unavailable), signal)).rejects.toBe(unavailable);
  });
});

describe('isSelected and selectsWorkers', () => {
  const worker = { id: 3, label: 'worker 3' };

  it.each<[ThreadSelection, boolean, boolean, boolean]>([
    ['all', true, true, true],
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
