import { expect, it } from '@jest/globals';
import type { Incident } from '../../capture/incident.model.js';
import { incidentTable } from './index.tables.js';
import { renderIncidents, type ReportedIncident, reportOf } from './incidents.controller.js';

it('shows what calls itself as one line, so that who has called it is seen', () => {
  const frame = (name: string, line: number) => ({ name, file: 'src/fib.ts', line });
  const frames = [
    ...Array.from({ length: 30 }, () => frame('slowFib', 7)),
    frame('slowFib', 9),
    frame('FibResolver.fib', 20),
  ];
  const incident = {
    from: '2026-11-28T03:12:00.000Z',
    text: 'blocked for 2.0 s',
    stacks: [{ share: 0.58, labels: {}, frames }],
    profile: 'profile?past=30',
  } as unknown as ReportedIncident;
  expect(renderIncidents([incident]).split('\n')).toEqual([
    '2026-11-28T03:12:00.000Z blocked for 2.0 s',
    '  58 %',
    '    slowFib src/fib.ts:7 (30 times)',
    '    slowFib src/fib.ts:9',
    '    FibResolver.fib src/fib.ts:20',
    '  profile?past=30',
  ]);
});

it.each([
  ['all of it', 1900, 'the event loop was blocked for 2.0 s, main used 1.9 s of CPU'],
  [
    'little',
    300,
    'the event loop was blocked for 2.0 s, main used 0.3 s of CPU, and did not run for the rest',
  ],
])('says how much main has computed in a block, and no more: %s', async (_, cpuMillis, text) => {
  const incident = { kind: 'blocked', from: 0, to: 2000, mainCpuNanos: cpuMillis * 1e6, stacks: [] };
  const symbolizer = { symbolize: () => Promise.resolve({ samples: [] }) };
  const [report] = await reportOf(
    [incident as unknown as Incident],
    symbolizer as unknown as Parameters<typeof reportOf>[1],
    { seconds: 900, kept: undefined },
  );
  expect(report?.text).toBe(text);
});

it('leads to what is recorded of it, and says where all that is recorded is of later', async () => {
  const at = Date.parse('2026-01-28T03:12:00Z');
  const incident = { kind: 'blocked', from: at, to: at + 2000, stacks: [] } as unknown as Incident;
  const symbolizer = { symbolize: () => Promise.resolve({ samples: [] }) };
  const profileWhere = async (keptFrom: number) => {
    const recorder = { seconds: 900, kept: { from: keptFrom, to: Date.now() } };
    const reports = await reportOf(
      [incident],
      symbolizer as unknown as Parameters<typeof reportOf>[1],
      recorder,
    );
    return [reports[0]!.profile, renderIncidents(reports).split('\n').at(-1), incidentTable(reports)];
  };
  const link = 'profile?past=17&until=2026-01-28T03:12:07.000Z';
  expect(await profileWhere(at + 6000)).toEqual([link, `  ${link}`, expect.stringContaining('>profile</a>')]);
  expect(await profileWhere(at + 7000)).toEqual([
    null,
    '  no profile: it is older than all that is recorded',
    expect.not.stringContaining('>profile</a>'),
  ]);
});
