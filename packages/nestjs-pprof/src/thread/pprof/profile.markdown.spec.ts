import { describe, expect, it } from '@jest/globals';
import { type ReportSubject, renderMarkdown } from './profile.markdown.js';
import type { SymbolizedFrame, SymbolizedProfile, SymbolizedSample } from './profile.symbolizer.js';

const SUBJECT: ReportSubject = {
  kind: 'profile',
  service: 'orders 1.4.2',
  pid: 7,
  entryScript: '/app/dist/main.js',
  root: '/app',
  instance: 'cluster worker 2',
  processors: { count: 0.5, by: 'CPU quota of its control group' },
  caveats: ['waiting is not in it'],
};

function frame(name: string, file = '/app/src/a.ts'): SymbolizedFrame {
  return { name, file, line: 12, column: 1, startLine: 12 };
}

function sample(name: string, value: number, labels = {}): SymbolizedSample {
  return { stack: [frame(name)], values: [value], labels: { thread: 'main', ...labels }, notes: [] };
}

function profileOf(samples: readonly SymbolizedSample[], over = {}): SymbolizedProfile {
  return {
    sampleTypes: [{ type: 'cpu', unit: 'nanoseconds' }],
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: 1,
    samples,
    startedAt: Date.UTC(2026, 10, 28, 3, 0, 0),
    durationNanos: 10e9,
    comments: ['sampling rate: 100 Hz', 'threads skipped: worker 3: has not answered'],
    ...over,
  };
}

describe('renderMarkdown', () => {
  it('says what was measured, where the time goes, and what is missing', () => {
    const report = renderMarkdown(
      profileOf([sample('slow (src/a.ts)', 4e9), sample('fast (src/a.ts)', 1e9)]),
      SUBJECT,
    );
    expect(report).toMatch(/^# Profile `profile`: `orders 1.4.2`\n/);
    expect(report).toContain('pid 7, `/app/dist/main.js`, `cluster worker 2`, Node v');
    expect(report).toContain('window: 2026-11-28T03:00:00.000Z, 10s');
    expect(report).toContain('CPU: 0.50 processors; it may use 0.5 (CPU quota of its control group)');
    expect(report).toContain('| 4s | 80.00% | 4s | 80.00% | `slow (src/a.ts:12)` |');
    expect(report).toContain('1. **4s (80.00%)**\n   - `slow (src/a.ts:12)`');
    expect(report).toContain('- waiting is not in it');
    expect(report.indexOf('threads skipped')).toBeLessThan(report.indexOf('sampling rate'));
    // All are of one thread, and of no route.
    expect(report).not.toMatch(/## By/);
  });

  it('has a table by route where there are labels, and by thread where there are several', () => {
    const report = renderMarkdown(
      profileOf([
        sample('a (src/a.ts)', 3e9, { route: '/orders/:id' }),
        sample('b (src/a.ts)', 1e9, { thread: 'worker 1' }),
      ]),
      SUBJECT,
    );
    expect(report).toContain('## By route');
    expect(report).toContain('| `/orders/:id` | 3s | 75.00% | `a (src/a.ts)` 75.00% |');
    expect(report).toContain('| none | 1s | 25.00% |');
    expect(report).toContain('| `worker 1` | 1s |');
  });

  it('of a difference tells what has grown and what has shrunk', () => {
    const report = renderMarkdown(
      profileOf([sample('cache (src/a.ts)', 3e6), sample('freed (src/a.ts)', -1e6)], {
        sampleTypes: [{ type: 'inuse_space', unit: 'bytes' }],
      }),
      { ...SUBJECT, kind: 'heap' },
    );
    expect(report).toMatch(/## What has grown[^#]*`cache \(src\/a\.ts:12\)`/);
    expect(report).toMatch(/## What has shrunk[^#]*\| -976\.56kB \|[^#]*`freed \(src\/a\.ts:12\)`/);
    expect(report).not.toContain('processors');
  });

  it('says so where it has nothing', () => {
    expect(renderMarkdown(profileOf([]), SUBJECT)).toContain('It has no values');
  });

  it('lets no name be more than a name', () => {
    const hostile = ['a|b', 'a\\|b', '`code`', '``', '# heading', '<script>', '- item', '](http://x)'];
    const report = renderMarkdown(
      profileOf(
        hostile.map((name, index) => sample(name, 1e9 + index, { route: name })),
        { comments: hostile },
      ),
      { ...SUBJECT, service: '`evil` # x' },
    );
    const rows = report.split('\n').filter((line) => line.startsWith('| 1s '));
    expect(rows).toHaveLength(hostile.length);
    for (const row of rows) {
      // Five cells, whatever is in the last: as GFM tells them, escaped characters first.
      expect(row.replaceAll(/\\[\\|]/g, '').split('|')).toHaveLength(7);
    }
    const outside = report.replaceAll(/(?<!`)(`+)(?!`)[^]*?(?<!`)\1(?!`)/g, '');
    expect(outside).not.toMatch(/<script>|http:|# x|# heading|- item/);
  });

  it('is bounded', () => {
    const many = Array.from({ length: 5000 }, (_, index) =>
      sample(`${'x'.repeat(1500)}${index}`, 1e6, { route: `/r/${index}` }),
    );
    const report = renderMarkdown(
      profileOf(many, { comments: many.map(({ stack }) => stack[0]!.name) }),
      SUBJECT,
    );
    expect(report.length).toBeLessThan(64 * 1024);
    expect(report).toContain('30 of 5000 functions are shown');
  });
});
