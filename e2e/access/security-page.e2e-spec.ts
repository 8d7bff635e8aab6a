import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);

describe('SECURITY.md', () => {
  const threats = readFileSync(fileURLToPath(new URL('SECURITY.md', ROOT)), 'utf8').split('## Threats')[1]!;
  const rows = threats.split('\n').filter((line) => /^\| (?!-|threat )/.test(line));

  it.each(rows.map((row) => [row.split('|')[1]!.trim(), row]))('names a test that is there: %s', (_, row) => {
    const files = [...row.matchAll(/`([\w./-]+-?spec\.ts)`/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8')).toContain('describe');
    }
  });
});
