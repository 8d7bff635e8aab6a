import { describe, expect, it } from '@jest/globals';
import { RouteGroups } from './route.groups.js';

const groups = new RouteGroups([
  '/',
  '/cats',
  '/cats/me',
  '/cats/:id',
  '/cats/:id/toys/:toy',
  '/files/*path',
  '/trips/from-:from-to-:to',
]);

function isOneGroup(...urls: string[]): boolean {
  const found = new Set(urls.map((url) => groups.of('GET', url)));
  return found.size === 1 && !found.has(undefined);
}

describe('the group of a request', () => {
  it.each([
    [['/', '/?a=/cats']],
    [['/cats', '/cats?a=b/c', '/cats/']],
    [['/cats/1', '/cats/2?a=b', '/cats/%20']],
    [['/cats/me', '/cats/me?']],
    [['/cats/1/toys/2', '/cats/3/toys/4']],
    [['/files/a', '/files/a/b', '/files/a?b=/c']],
    [['/trips/from-a-to-b', '/trips/anything']],
  ])('is one for %j', (urls) => {
    expect(isOneGroup(...urls)).toBe(true);
  });

  it.each([
    ['/cats', '/'],
    ['/cats', '/cats/1'],
    ['/cats/1', '/cats/me'],
    ['/cats/1', '/cats/1/toys/2'],
    ['/files/a', '/cats'],
  ])('is another for %s and %s', (one, other) => {
    expect(isOneGroup(one, other)).toBe(false);
  });

  it.each(['/cats/1/2', '/cats/1/toys', '/none', '//', 'http://a/cats'])(
    'is none for %s, which looks like no route',
    (url) => {
      expect(groups.of('GET', url)).toBeUndefined();
    },
  );

  it('is another for each method', () => {
    expect(groups.of('GET', '/cats')).not.toBe(groups.of('POST', '/cats'));
  });
});

describe('a group that had different routes', () => {
  it('has its requests apart, longer each time', () => {
    const group = groups.of('PUT', '/cats')!;
    const server = {};
    group.begin({} as never, server, server, 1);
    const apart = () => {
      let count = 0;
      for (; group.holderFor(server, 1) === undefined; count++);
      return count;
    };
    expect(apart()).toBe(0);
    group.separate();
    expect(apart()).toBe(16);
    group.separate();
    expect(apart()).toBe(32);
  });
});
