import { describe, expect, it } from '@jest/globals';
import { isLoopback } from './loopback.host.js';

describe('isLoopback', () => {
  it.each(['localhost', '127.0.0.1', '127.0.0.2', '127.255.255.254', '::1'])('accepts %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    // names that begin or end like the right one
    'localhost.evil.com',
    'localhost6',
    'evil-localhost',
    'sub.localhost',
    '127.0.0.1.evil.com',
    '127.0.0.1.nip.io',
    'evil.com',
    // other addresses, and what is none
    '0.0.0.0',
    '10.0.2.555',
    '10.0.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '127.0.0.256',
    '127.0.0',
    '127.0.0.1.1',
    // other ways to write 127.0.0.1, which resolvers take for different things
    '0177.0.0.1',
    '127.0.0.01',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    // IPv6: mapped, unspecified, long forms, zones
    '::ffff:127.0.0.1',
    '[::ffff:127.0.0.1]',
    '::',
    '[::]',
    '::2',
    '0:0:0:0:0:0:0:1',
    '::1%lo',
    'fe80::1',
    // case, dots, spaces, ports, nothing
    'LOCALHOST',
    'Localhost',
    'localhost.',
    '127.0.0.1.',
    ' localhost',
    'localhost ',
    'localhost\n',
    '127.0.0.1\n',
    'localhost:6060',
    '127.0.0.1:6060',
    '',
    '.',
  ])('refuses %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
