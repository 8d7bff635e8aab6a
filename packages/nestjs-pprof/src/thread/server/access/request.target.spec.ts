import { describe, expect, it } from '@jest/globals';
import { parseTarget } from './request.target.js';

describe('parseTarget', () => {
  it.each([
    ['/debug/pprof/?seconds=1', undefined, '/debug/pprof/?seconds=1'],
    ['//evil.com/debug/pprof/', undefined, '//evil.com/debug/pprof/'],
    ['/a?url=http://evil.com/', undefined, '/a?url=http://evil.com/'],
    ['*', undefined, '*'],
    ['', undefined, ''],
    ['http://localhost:6060/debug/pprof/?a=b', 'localhost:6060', '/debug/pprof/?a=b'],
    ['HTTP://localhost', 'localhost', '/'],
    ['http://localhost?seconds=1', 'localhost', '/?seconds=1'],
    ['http://evil.com#localhost/', 'evil.com', '/#localhost/'],
    ['http://localhost@evil.com/', 'localhost@evil.com', '/'],
    ['http:///debug', '', '/debug'],
  ])('takes %j for host %j and path %j', (url, authority, path) => {
    expect(parseTarget(url)).toEqual({ authority, path });
  });
});
