import { describe, expect, it } from '@jest/globals';
import { describeAddress, toPprofAddress } from './pprof.status.js';

describe('toPprofAddress', () => {
  it('makes the URL of a port, with brackets around an IPv6 address', () => {
    const address = { host: '127.0.0.1', port: 6060, url: 'http://127.0.0.1:6060/debug/pprof/' };
    expect(toPprofAddress({ host: '127.0.0.1', port: 6060 })).toEqual(address);
    expect(describeAddress(address)).toBe(address.url);
    expect(toPprofAddress({ host: '::1', port: 6060 }).url).toBe('http://[::1]:6060/debug/pprof/');
  });

  it('has for a socket the URL to ask for over it, and the log the command that does', () => {
    const address = { socketPath: '/run/app.sock', url: 'http://localhost/debug/pprof/' };
    expect(toPprofAddress({ socketPath: '/run/app.sock' })).toEqual(address);
    expect(describeAddress(address)).toBe(
      '/run/app.sock: curl --unix-socket /run/app.sock http://localhost/debug/pprof/',
    );
  });
});
