import { describe, expect, it } from '@jest/globals';
import { MAIN_THREAD } from './thread.info.js';
import { Answers, foundOrSkipped, fromThreads } from './thread.results.js';
import {
  AgentFailureError,
  NoThreadError,
  silenceOf,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from './threads.errors.js';

const worker = (id: number) => ({ id, label: `worker ${id}` });

describe('Answers', () => {
  it('has the answers of those that give one, and names the others with the reason', async () => {
    const answers = new Answers<string>();
    await answers.take(worker(1), () => Promise.resolve('one'));
    await answers.take(worker(2), () => Promise.reject(new Error('no')));
    answers.skipWorkers(new Error('the way is closed'));
    answers.skipWorkers(new Error('the way is closed'));
    expect(answers).toEqual({
      results: ['one'],
      skipped: ['worker 2: no', 'worker threads, if there are any: the way is closed'],
    });
  });

  it('tells of one that has ended meanwhile, and does not miss it', async () => {
    const answers = new Answers<string>();
    const ended: string[] = [];
    const gone = () => Promise.reject(new ThreadEndedError('worker 3'));
    await answers.take(worker(3), gone, () => ended.push('worker 3'));
    await answers.take(worker(3), gone);
    expect([answers.results, answers.skipped, ended]).toEqual([[], [], ['worker 3']]);
  });
});

describe('fromThreads', () => {
  const found = (...ids: number[]) =>
    Promise.resolve({ results: ids.map((id) => ({ thread: worker(id) })), skipped: [`skipped with ${ids}`] });

  it('asks those that are selected, and has what they say in their order', async () => {
    const { results, skipped } = await fromThreads(
      'all',
      () => found(0),
      () => found(5, 2),
    );
    expect(results.map(({ thread }) => thread.id)).toEqual([0, 2, 5]);
    expect(skipped).toEqual(['skipped with 0', 'skipped with 5,2']);
    const never = () => Promise.reject(new Error('not asked'));
    expect((await fromThreads('main', () => found(0), never)).results).toHaveLength(1);
    expect((await fromThreads([2], never, () => found(2))).results).toHaveLength(1);
  });

  it('fails where there is nothing of any thread, with the reasons', async () => {
    const nothing = () => Promise.resolve({ results: [], skipped: ['main: no'] });
    await expect(fromThreads('main', nothing, nothing)).rejects.toThrow(new NoThreadError(['main: no']));
  });
});

describe('foundOrSkipped', () => {
  it.each([
    new ThreadUnreachableError('main', silenceOf(4000)),
    new ThreadStuckError('the main thread', silenceOf(4000)),
  ])('does without a thread that cannot be reached: %p', async (reason) => {
    expect(await foundOrSkipped(MAIN_THREAD, () => Promise.reject(reason))).toEqual({
      results: [],
      skipped: [`main: ${reason.message}`],
    });
  });

  it('adds what else is known of it', async () => {
    const reason = new ThreadUnreachableError('main', silenceOf(7000));
    const { skipped } = await foundOrSkipped(
      MAIN_THREAD,
      () => Promise.reject(reason),
      (message) => `${message} (more)`,
    );
    expect(skipped).toEqual([`main: ${reason.message} (more)`]);
  });

  it('fails where the thread can be reached, and cannot do it', async () => {
    const failure = new AgentFailureError({ status: 409, message: 'held' });
    await expect(foundOrSkipped(MAIN_THREAD, () => Promise.reject(failure))).rejects.toBe(failure);
  });
});
