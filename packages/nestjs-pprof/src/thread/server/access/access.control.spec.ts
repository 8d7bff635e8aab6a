import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createAccessControl } from './access.control.js';

const credentialsHash = createHash('sha256').update('ops:hunter2').digest('hex');
const refuse = createAccessControl({ allowedHosts: ['pprof.internal'], credentialsHash });

function request(headers: Readonly<Record<string, string>>) {
  return { headers, rawHeaders: Object.entries(headers).flat(), url: '/debug/pprof/' };
}

const authorization = `Basic ${Buffer.from('ops:hunter2').toString('base64')}`;

describe('createAccessControl', () => {
  it('lets a request pass with a good host and the credentials', () => {
    expect(refuse(request({ host: 'localhost:6060', authorization }))).toBeUndefined();
    expect(refuse(request({ host: 'pprof.internal', authorization }))).toBeUndefined();
  });

  it('asks for credentials where there are none, or wrong ones, and does not say which', () => {
    const missing = refuse(request({ host: 'localhost' }));
    expect(missing).toEqual({
      status: 401,
      message: expect.stringMatching(/^credentials needed/),
      headers: { 'WWW-Authenticate': expect.stringMatching(/^Basic realm="[^"]+"/) },
    });
    expect(refuse(request({ host: 'localhost', authorization: 'Basic b3BzOng=' }))).toEqual(missing);
    expect(JSON.stringify(missing)).not.toMatch(/hunter2|ops/);
  });

  it('turns away a foreign host before it looks at credentials', () => {
    expect(refuse(request({ host: 'evil.com', authorization }))).toMatchObject({ status: 403 });
    expect(refuse(request({ host: 'localhost', origin: 'http://evil.com', authorization }))).toMatchObject({
      status: 403,
    });
    expect(refuse(request({ host: 'evil.com' }))).toMatchObject({ status: 403 });
  });

  it('asks nobody for credentials where the options have none', () => {
    const open = createAccessControl({ allowedHosts: [], credentialsHash: undefined });
    expect(open(request({ host: 'localhost' }))).toBeUndefined();
  });
});
