import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createAccessControl, type GuardedRequest } from './access.control.js';

const check = controlFor('ops:hunter2');

function request(headers: Readonly<Record<string, string>>) {
  return { headers, rawHeaders: Object.entries(headers).flat(), url: '/debug/pprof/' };
}

/** The error that answers a request; undefined for one that may pass. */
function refuse(asked: GuardedRequest, by = check): unknown {
  try {
    by(asked);
    return undefined;
  } catch (error) {
    return error;
  }
}

const authorization = `Basic ${Buffer.from('ops:hunter2').toString('base64')}`;

describe('createAccessControl', () => {
  it('lets a request pass with a good host and the credentials', () => {
    expect(refuse(request({ host: 'localhost:6060', authorization }))).toBeUndefined();
    expect(refuse(request({ host: 'pprof.internal', authorization }))).toBeUndefined();
  });

  it('asks for credentials where there are none, or wrong ones, and does not say which', () => {
    const missing = refuse(request({ host: 'localhost' }));
    expect(missing).toMatchObject({
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
    expect(refuse(request({ host: 'localhost' }), open)).toBeUndefined();
  });
});

function controlFor(credentials: string) {
  const credentialsHash = createHash('sha256').update(credentials).digest('hex');
  return createAccessControl({ allowedHosts: ['pprof.internal'], credentialsHash });
}

const odd = controlFor('ops:p:ß "x');

function accepts(header: string | undefined, control = odd): boolean {
  const given = header === undefined ? {} : { authorization: header };
  return refuse(request({ host: 'localhost', ...given }), control) === undefined;
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

describe('the credentials', () => {
  it('accepts the credentials, however the scheme is written', () => {
    const header = basic('ops:p:ß "x');
    expect(accepts(header)).toBe(true);
    expect(accepts(header.replace('Basic', 'BASIC'))).toBe(true);
    expect(accepts(header.replace(' ', '  '))).toBe(true);
    expect(accepts(`${header} `)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'Basic',
    'Basic ',
    'Basic !',
    'Bearer x',
    basic(''),
    basic(':'),
    basic('ops'),
    basic('ops:'),
    basic(':p:ß "x'),
    basic('ops:p:ß "'),
    basic('ops:p:ß "xx'),
    basic('OPS:p:ß "x'),
    basic('opsp:ß "x'),
    basic('ops:p:ß "x').slice('Basic '.length),
    `${basic('ops:p:ß "x')}, Basic x`,
    `Bearer ${basic('ops:p:ß "x')}`,
  ])('refuses %j', (header) => {
    expect(accepts(header)).toBe(false);
  });

  it('accepts no other text than its own', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, text, (username, password, other) => {
        const control = controlFor(`${username}:${password}`);
        expect(accepts(basic(`${username}:${password}`), control)).toBe(true);
        expect(accepts(basic(other), control)).toBe(other === `${username}:${password}`);
      }),
    );
  });
});
