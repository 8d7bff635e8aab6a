import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createCredentialsCheck } from './credentials.check.js';

function checkFor(credentials: string) {
  return createCredentialsCheck(createHash('sha256').update(credentials).digest('hex'));
}

const check = checkFor('ops:p:ß "x');

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

describe('createCredentialsCheck', () => {
  it('accepts the credentials, however the scheme is written', () => {
    const header = basic('ops:p:ß "x');
    expect(check(header)).toBe(true);
    expect(check(header.replace('Basic', 'BASIC'))).toBe(true);
    expect(check(header.replace(' ', '  '))).toBe(true);
    expect(check(`${header} `)).toBe(true);
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
    expect(check(header)).toBe(false);
  });

  it('accepts no other text than its own', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, text, (username, password, other) => {
        const accepts = checkFor(`${username}:${password}`);
        expect(accepts(basic(`${username}:${password}`))).toBe(true);
        expect(accepts(basic(other))).toBe(other === `${username}:${password}`);
      }),
    );
  });
});
