import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { PACKAGE } from './package.identity.js';

it('PACKAGE is what package.json says', () => {
  const { name, version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Record<string, string>;
  expect(PACKAGE).toEqual({ name, version });
});
