import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HandlerClass } from '../../shared/agent.protocol.js';
import { labelledByStack } from './handler.frames.js';
import type { Frame, StackSample } from './profile.model.js';

const TEXT = `'use strict';
class Other { one() { return 'CatsController'; } }
let CatsController = class CatsController {
  async one(id) {
    return this.service.one(id);
  }
  two() { return this.one(2); }
};
`;

const CLASS_TEXT = TEXT.slice(TEXT.indexOf('class CatsController'), TEXT.lastIndexOf(';'));

const CATS: HandlerClass = {
  name: 'CatsController',
  length: CLASS_TEXT.length,
  handlers: [
    {
      name: 'one',
      offset: CLASS_TEXT.indexOf('async one'),
      labels: { controller: 'CatsController', handler: 'one' },
    },
    {
      name: 'two',
      offset: CLASS_TEXT.indexOf('two()'),
      labels: { controller: 'CatsController', handler: 'two' },
    },
  ],
};

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handler-frames-'));
  file = join(directory, 'cats.js');
  await writeFile(file, TEXT);
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** Where V8 has a method begin: at the parenthesis behind its name. */
function frame(functionName: string, line: number, column: number, inFile = file): Frame {
  return { functionName, file: inFile, line, column };
}

async function labelsOf(samples: readonly StackSample[], classes = [CATS]) {
  const labelled = await labelledByStack({ samples, comments: [] }, classes);
  return labelled.samples.map(({ labels }) => labels);
}

function sample(...stack: Frame[]): StackSample {
  return { stack, values: [1], labels: { thread: 'main' } };
}

describe('labelledByStack', () => {
  it('labels a stack with the handler that is in it, by file and line', async () => {
    const query = frame('query', 1, 1, '/app/db.js');
    expect(
      await labelsOf([sample(query, frame('one', 4, 12)), sample(frame('two', 7, 6)), sample(query)]),
    ).toEqual([
      { thread: 'main', controller: 'CatsController', handler: 'one' },
      { thread: 'main', controller: 'CatsController', handler: 'two' },
      { thread: 'main' },
    ]);
  });

  it('counts lines as V8 does', async () => {
    const other = join(directory, 'lines.js');
    await writeFile(other, `/* \u2028 \r \r\n */${TEXT}`);
    expect(await labelsOf([sample(frame('one', 7, 12, other))])).toEqual([
      expect.objectContaining({ handler: 'one' }),
    ]);
  });

  it('takes the URL of a module, too', async () => {
    const url = pathToFileURL(file).href;
    expect(await labelsOf([sample(frame('one', 4, 12, url))])).toEqual([
      expect.objectContaining({ handler: 'one' }),
    ]);
  });

  it('takes the outermost, which is what Nest has called', async () => {
    expect(await labelsOf([sample(frame('one', 4, 12), frame('two', 7, 6))])).toEqual([
      { thread: 'main', controller: 'CatsController', handler: 'two' },
    ]);
  });

  it('is not taken in by the same name elsewhere', async () => {
    const elsewhere = [
      frame('one', 2, 18),
      frame('one', 5, 25),
      frame('one', 99, 1),
      frame('one', 4, 12, '/none.js'),
    ];
    expect(await labelsOf(elsewhere.map((each) => sample(each)))).toEqual(
      elsewhere.map(() => ({ thread: 'main' })),
    );
  });

  it.each([
    ['longer', { ...CATS, length: CATS.length + 1 }],
    ['of other methods', { ...CATS, handlers: [{ ...CATS.handlers[0]!, offset: 5 }] }],
    ['called otherwise', { ...CATS, name: 'Cats' }],
  ])('does not believe a text in which the class is %s', async (_, other) => {
    expect(await labelsOf([sample(frame('one', 4, 12))], [other])).toEqual([{ thread: 'main' }]);
  });

  it('takes the place of a route that nobody has told, as on Fastify 4', async () => {
    const labels = { route: 'GET (route not known)', tenant: 'a' };
    const known = { stack: [frame('one', 4, 12)], values: [1], labels };
    const unknown = { stack: [frame('query', 1, 1, '/app/db.js')], values: [1], labels };
    expect(await labelsOf([known, unknown])).toEqual([
      { controller: 'CatsController', handler: 'one', tenant: 'a' },
      labels,
    ]);
  });

  it('leaves alone what has a route, of which no controller is told', async () => {
    const known = { stack: [frame('one', 4, 12)], values: [1], labels: { route: 'GET /dogs' } };
    expect(await labelsOf([known])).toEqual([{ route: 'GET /dogs' }]);
  });

  it.each(['POST /graphql', 'POST (no route)'])(
    'adds what a middleware calls to the route %j',
    async (route) => {
      const ofQuery = { operation: 'Query.cats', resolver: 'CatsController', handler: 'one' };
      const resolvers: HandlerClass = {
        ...CATS,
        handlers: [{ ...CATS.handlers[0]!, labels: ofQuery }, CATS.handlers[1]!],
      };
      const stack = [frame('one', 4, 12)];
      const told = [
        { stack, values: [1], labels: { route } },
        // Called by what is told as a controller: what it is for cannot be both.
        { stack: [...stack, frame('two', 7, 6)], values: [1], labels: { route } },
        { stack, values: [1], labels: { route, controller: 'Dogs', handler: 'all' } },
      ];
      expect(await labelsOf(told, [resolvers])).toEqual([
        { route, ...ofQuery },
        { route, ...ofQuery },
        { route, controller: 'Dogs', handler: 'all' },
      ]);
    },
  );
});
