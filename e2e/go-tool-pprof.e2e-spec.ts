import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { killProcesses } from './support/app.process.js';
import { type ExampleApp, exampleSource, profilingUrl, startExample } from './support/example.app.js';
import { describeWithGo, goToolPprof, type ToolResult } from './support/go.tool.js';
import { request } from './support/http.request.js';
import { startLoad } from './support/load.js';
import { windowOf } from './support/patience.js';

const REPORT_SOURCE = 'src/reports/sales-report.builder.ts';
const SESSIONS_SOURCE = 'src/sessions/sessions.service.ts';

/** In which the application has had a processor, also where there is little of it. */
const WINDOW = windowOf(1);

describeWithGo('go tool pprof on the example under load', () => {
  let app: ExampleApp;
  let pprof: string;
  /** All that needs the load, at the same time: until it ends, the application is busy. */
  let taken: Readonly<Record<'top' | 'list' | 'raw' | 'withoutPath' | 'difference', ToolResult>>;

  beforeAll(async () => {
    // See fixtures/apps/hot.mjs: the hot function is small enough to be inlined, and is a loop that V8 compiles while it runs.
    app = await startExample({}, ['--no-turbo-inlining', '--max-inlined-bytecode-size=0', '--no-use-osr']);
    pprof = await profilingUrl(app.process);
    const load = await startLoad(app.url, [{ path: '/reports/sales' }, { path: '/orders?limit=50' }]);
    try {
      const [top, list, raw, difference] = await Promise.all([
        goToolPprof('-top', profile(WINDOW)),
        goToolPprof('-list', '^groupByCustomer', profile(WINDOW)),
        goToolPprof('-raw', profile(WINDOW)),
        goToolPprof('-top', '-diff_base', profile(WINDOW), profile(WINDOW + 1)),
      ]);
      // By itself: beside others a window may be some milliseconds shorter.
      const withoutPath = await goToolPprof('-top', '-seconds', String(WINDOW), pprof);
      taken = { top, list, raw, withoutPath, difference };
    } finally {
      await load.stop();
    }
  });

  afterAll(killProcesses);

  const profile = (seconds: number) => `${pprof}/debug/pprof/profile?seconds=${seconds}`;

  it('-top names the hot function and its .ts file, on the first line of the table', () => {
    const { stdout, warnings } = taken.top;
    expect(warnings).toEqual([]);
    expect(hottestOf(stdout)).toContain(`groupByCustomer (${REPORT_SOURCE})`);
    expect(stdout).toContain('Type: cpu');
  });

  it('-list shows the lines of its source', () => {
    const { stdout, warnings } = taken.list;
    expect(warnings).toEqual([]);
    const file = exampleSource('reports/sales-report.builder.ts');
    expect(stdout).toContain(
      `ROUTINE ======================== groupByCustomer (${REPORT_SOURCE}) in ${file}`,
    );
    const { line, text } = sourceLine(file, 'function groupByCustomer');
    expect(stdout).toMatch(new RegExp(String.raw`^ +\S+ +\S+ +${line}:${escape(text)}$`, 'm'));
    // Time on its lines: on the first one, or on those that were executing where that is known.
    expect(stdout).toMatch(/^ +[\d.]+m?s +[\d.]+m?s +\d+:/m);
  });

  it('-raw shows what was measured and how, in the comments', () => {
    const { stdout, warnings } = taken.raw;
    expect(warnings).toEqual([]);
    const comments = [...stdout.matchAll(/^Comment: (.*)/gm)].map(([, comment]) => comment);
    expect(comments).toEqual(
      expect.arrayContaining([
        `nestjs-pprof: profile of pid ${app.process.pid}, node ${process.version} ${process.platform}-${process.arch}`,
        expect.stringMatching(/^sampling rate: 100 Hz/),
        expect.stringMatching(/^threads: .*main/),
      ]),
    );
    expect(stdout).toMatch(/^PeriodType: cpu nanoseconds\nPeriod: 10000000$/m);
    expect(stdout).toMatch(/^samples\/count wall\/nanoseconds cpu\/nanoseconds\[dflt\]$/m);
    // One mapping, of the entry script, and every location in it.
    const [, mappings = ''] = stdout.split('Mappings\n');
    expect(mappings.trim().split('\n')).toEqual([
      expect.stringMatching(/^1: .*\/apps\/example\/dist\/main\.js .*\[FN\]\[FL\]\[LN\]/),
    ]);
    const [, locations = ''] = /^Locations\n([^]*)^Mappings$/m.exec(stdout) ?? [];
    expect(
      locations.split('\n').filter((line) => line && !/^ +\d+: 0x[1-9a-f][\da-f]* M=1 /.test(line)),
    ).toEqual([]);
  });

  it('takes a URL without a path, and -seconds', () => {
    const { stdout, stderr, warnings } = taken.withoutPath;
    expect(stderr).toContain(
      `Fetching profile over HTTP from ${pprof}/debug/pprof/profile?seconds=${WINDOW}`,
    );
    expect(warnings).toEqual([]);
    expect(stdout).toMatch(/^Duration: \d+(\.\d+)?s, Total samples = /m);
    expect(hottestOf(stdout)).toContain('groupByCustomer');
  });

  it('-diff_base takes two profiles at the same time', () => {
    const { stdout, stderr, warnings } = taken.difference;
    expect(stderr.match(/^Fetching profile over HTTP from/gm)).toHaveLength(2);
    expect(warnings).toEqual([]);
    expect(stdout).toContain('groupByCustomer');
  });

  it('shows the reason when a profile is refused', async () => {
    await expect(goToolPprof('-top', profile(301))).rejects.toThrow(
      'invalid value for "seconds" - the maximum is 300',
    );
  });
});

describeWithGo('go tool pprof on the heap of the example', () => {
  const MEGABYTES = 40;
  let pprof: string;
  let idle: string;
  let leaking: string;

  beforeAll(async () => {
    // Two processes: what has leaked in the one is the difference to the other.
    const [clean, app] = await Promise.all([startExample(), startExample()]);
    [idle, pprof] = await Promise.all([profilingUrl(clean.process), profilingUrl(app.process)]);
    leaking = `${pprof}/debug/pprof/heap`;
    const { status } = await request(`${app.url}/sessions?count=${MEGABYTES}&kilobytes=1024`, {
      method: 'POST',
    });
    expect(status).toBe(201);
  });

  it('-top names the function that allocated what leaks, with its size', async () => {
    const { stdout, warnings } = await goToolPprof('-top', '-unit=MB', leaking);
    expect(warnings).toEqual([]);
    expect(stdout).toContain('Type: inuse_space');
    const row = hottestOf(stdout);
    expect(row).toContain(`rememberSession (${SESSIONS_SOURCE})`);
    // Sampled every 512 KiB, 40 MB are some 80 samples: 5 standard deviations of their number are 56 %.
    expect(Math.abs(Number(/[\d.]+/.exec(row)?.[0]) - MEGABYTES)).toBeLessThan(MEGABYTES * 0.56);
  });

  it('-list shows the function that allocates', async () => {
    const { stdout, warnings } = await goToolPprof('-list', '^rememberSession', leaking);
    expect(warnings).toEqual([]);
    const { line, text } = sourceLine(
      exampleSource('sessions/sessions.service.ts'),
      'function rememberSession',
    );
    expect(stdout).toMatch(new RegExp(String.raw`^\s+[\d.]+MB\s+[\d.]+MB\s+${line}:${escape(text)}$`, 'm'));
  });

  it('-diff_base shows what has grown', async () => {
    const { stdout, warnings } = await goToolPprof('-top', '-diff_base', `${idle}/debug/pprof/heap`, leaking);
    expect(warnings).toEqual([]);
    expect(hottestOf(stdout)).toContain('rememberSession');
  });

  it('-raw shows the comments', async () => {
    const { stdout } = await goToolPprof('-raw', `${leaking}?gc=1`);
    expect(stdout).toMatch(/^Comment: nestjs-pprof: heap of pid \d+, node v/m);
    expect(stdout).toMatch(/^Comment: live objects, one sample every 524288 bytes$/m);
    expect(stdout).toMatch(/^Comment: threads: main \(.*garbage collected\)/m);
    expect(stdout).toMatch(/^inuse_objects\/count inuse_space\/bytes\[dflt\]$/m);
  });
});

/** The first row of the table that `-top` prints. */
function hottestOf(table: string): string {
  const [, row = ''] = /^ *flat +flat%.*\n(.*)/m.exec(table) ?? [];
  return row;
}

function sourceLine(file: string, part: string): { line: number; text: string } {
  const lines = readFileSync(file, 'utf8').split('\n');
  const index = lines.findIndex((text) => text.includes(part));
  return { line: index + 1, text: lines[index] ?? '' };
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
