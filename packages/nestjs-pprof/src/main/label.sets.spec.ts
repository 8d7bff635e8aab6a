import { describe, expect, it } from '@jest/globals';
import { LabelContext, LabelSets } from './label.sets.js';
import { RequestContext } from './route.groups.js';

/** Of a context within others, the innermost last. */
function within(...labels: Record<string, unknown>[]): LabelContext {
  return labels.reduce<LabelContext | undefined>((outer, each) => new LabelContext(outer, each), undefined)!;
}

function setOf(context: unknown): { set: unknown; omitted: string[] } {
  const sets = new LabelSets();
  const index = sets.indexOf(context);
  return { set: index === undefined ? undefined : sets.sets[index], omitted: [...sets.omitted] };
}

describe('LabelSets', () => {
  it('has none for what is no context of ours, or has no labels yet', () => {
    expect(setOf(undefined).set).toBeUndefined();
    expect(setOf({ labels: { a: 'b' } }).set).toBeUndefined();
    expect(setOf(new LabelContext(undefined)).set).toBeUndefined();
    expect(setOf(within({})).set).toBeUndefined();
  });

  it('has the labels of the context and of those around it, where the inner ones win', () => {
    const request = { route: 'GET /cats', handler: 'all' };
    expect(setOf(within(request, { tenant: 'a', handler: 'b' }, { tenant: 'c' })).set).toEqual({
      route: 'GET /cats',
      handler: 'b',
      tenant: 'c',
    });
  });

  it('has of handlers within each other the outermost, with its own class', () => {
    const request = { route: 'POST /cats', controller: 'CatsController', handler: 'add' };
    const command = { provider: 'AddCatHandler', handler: 'execute' };
    const listener = { provider: 'Mails', handler: 'onCat', event: 'cat.added' };
    const all = { ...request, provider: 'Mails', event: 'cat.added' };
    expect(setOf(within(request, command)).set).toEqual({ ...request, provider: 'AddCatHandler' });
    expect(setOf(within(request, listener, command)).set).toEqual(all);
    expect(setOf(new LabelContext(undefined, command).within(listener)).set).toEqual({
      ...command,
      event: 'cat.added',
    });
    // A route without a handler, as that of GraphQL, and a label of the application's own.
    const resolver = { resolver: 'CatsResolver', operation: 'Query.cats', handler: 'cats' };
    expect(setOf(within({ route: 'POST /graphql' }, resolver, command)).set).toEqual({
      route: 'POST /graphql',
      provider: 'AddCatHandler',
      ...resolver,
    });
    expect(setOf(within(request, command, { handler: 'mine' })).set).toMatchObject({ handler: 'mine' });
  });

  it('sees what was filled in later', () => {
    const request = new LabelContext(undefined);
    const inner = new LabelContext(request, { tenant: 'a' });
    request.labels = { route: 'GET /cats' };
    expect(setOf(inner).set).toEqual({ route: 'GET /cats', tenant: 'a' });
  });

  it('has the labels of a task within others, which is one object however deep that is', () => {
    const request = new RequestContext();
    const outer = request.within({ a: 1, b: 1 });
    let inner = outer;
    for (let round = 2; round <= 100; round++) {
      inner = inner.within({ b: round });
    }
    expect(inner.outer).toBe(request);
    request.labels = { route: 'GET /cats', a: 'of the request' };
    expect(setOf(inner).set).toEqual({ route: 'GET /cats', a: '1', b: '100' });
    expect(setOf(outer).set).toEqual({ route: 'GET /cats', a: '1', b: '1' });
  });

  it('gives equal sets one number, whatever they are of', () => {
    const sets = new LabelSets();
    const route = { route: 'GET /cats' };
    expect(sets.indexOf(new LabelContext(undefined, route))).toBe(0);
    expect(sets.indexOf(new LabelContext(undefined, route))).toBe(0);
    expect(sets.indexOf(within({ route: 'GET /dogs' }))).toBe(1);
    expect(sets.indexOf(within({ b: '1', a: '2' }))).toBe(sets.indexOf(within({ a: '2' }, { b: '1' })));
    expect(sets.sets).toHaveLength(3);
  });

  it.each(['', '1a', 'a-b', 'a.b', 'ä', 'a b', 'a\n'])('leaves %j out, which is no name', (name) => {
    const { set, omitted } = setOf(within({ [name]: 'x', ok: 'y' }));
    expect(set).toEqual({ ok: 'y' });
    expect(omitted).toEqual(['a name that is not letters, digits and _']);
  });

  it.each([{}, null, undefined, () => 1, Symbol('s'), ['a']])('leaves out the value %p', (value) => {
    const { set, omitted } = setOf(within({ a: value }));
    expect(set).toBeUndefined();
    expect(omitted).toEqual(['a value that is no text, number or boolean']);
  });

  it('writes numbers and booleans out', () => {
    expect(setOf(within({ a: 1, b: true, c: '' })).set).toEqual({ a: '1', b: 'true', c: '' });
  });

  it('cuts values to 200 characters', () => {
    const { set } = setOf(within({ a: 'x'.repeat(200), b: 'x'.repeat(201) }));
    expect(set).toEqual({ a: 'x'.repeat(200), b: `${'x'.repeat(199)}…` });
  });

  it('has 32 labels a sample, those of the inner contexts first, and says so', () => {
    const outer = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`outer${index}`, 'x']));
    const inner = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`inner${index}`, 'x']));
    const { set, omitted } = setOf(within(outer, inner));
    expect(Object.keys(set as object)).toHaveLength(32);
    expect(set).toMatchObject(inner);
    expect(omitted).toEqual(['more than 32 of a sample']);
  });
});
