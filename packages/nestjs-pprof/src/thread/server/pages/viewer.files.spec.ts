import { describe, expect, it } from '@jest/globals';
import { readViewerFile } from './viewer.files.js';

describe('readViewerFile', () => {
  it('has a page, and all that the page refers to, relatively and with a fitting type', async () => {
    const page = await readViewerFile('index.html');
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
      const file = await readViewerFile(name);
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
    expect(await readViewerFile(name)).toBeUndefined();
  });
});
