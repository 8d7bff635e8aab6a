import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readViewerFile } from './viewer.controller.js';

const VIEWER = join(
  dirname(createRequire(import.meta.url).resolve('speedscope/package.json')),
  'dist/release',
);

describe('readViewerFile', () => {
  it('has a file in memory once, however many ask for it and do not read it', async () => {
    const asked = await Promise.all([1, 2].map(() => readViewerFile(VIEWER, 'index.html')));
    const again = await readViewerFile(VIEWER, 'index.html');
    expect(asked.map((file) => file?.content === again?.content)).toEqual([true, true]);
  });

  it('has a page, and all that the page refers to, relatively and with a fitting type', async () => {
    const page = await readViewerFile(VIEWER, 'index.html');
    expect(page?.contentType).toBe('text/html; charset=utf-8');
    const files = [...page!.content.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name!);
    expect(files.length).toBeGreaterThan(2);
    const types = {
      js: 'text/javascript; charset=utf-8',
      css: 'text/css; charset=utf-8',
      png: 'image/png',
      ico: 'image/x-icon',
    };
    for (const name of files) {
      const file = await readViewerFile(VIEWER, name);
      expect([name, file?.contentType]).toEqual([name, types[name.split('.').at(-1) as keyof typeof types]]);
    }
  });

  it.each([
    '',
    '.',
    '..',
    '../package.json',
    '../../package.json',
    'index.html/..',
    '/etc/passwd',
    'nothing.js',
    'index.html\0',
  ])('has no %j', async (name) => {
    expect(await readViewerFile(VIEWER, name)).toBeUndefined();
  });

  it('says what has become of its files', async () => {
    await expect(readViewerFile('/no/such/directory', 'index.html')).rejects.toThrow(
      'cannot be read from /no/such/directory (',
    );
  });
});
