import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, it } from '@jest/globals';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { describeWhere } from '../support/needed.tool.js';
import { rest, windowOf } from '../support/patience.js';
import { expectRight } from '../support/right.figures.js';
import { type DecodedProfile, takeProfile } from '../support/pprof.profile.js';
import { FRAME_FLAGS, HAS_FRAMES, NO_FRAMES, samplesIn } from './labels.app.js';

/** By the functions that each entry calls. */
const ENTRIES = {
  job: { provider: 'Jobs', handler: 'tick', job: 'pulse' },
  event: { provider: 'Jobs', handler: 'onOrder', event: 'order.created' },
  message: { controller: 'MathController', handler: 'sum', pattern: '{"cmd":"sum"}', transport: 'TCP' },
  socket: { gateway: 'ChatGateway', handler: 'said', event: 'say' },
  query: {
    resolver: 'CatsResolver',
    handler: 'cat',
    operation: 'Query.cat',
  },
  field: {
    resolver: 'CatsResolver',
    handler: 'fullName',
    operation: 'Cat.name',
  },
};

/** Twice as long as one of each burns CPU, so that most of a processor is left to other tests. */
const REST_MILLIS = 60;

function startWith(labels: unknown): AppProcess {
  const script = fileURLToPath(new URL('fixtures/entries.app.mjs', import.meta.url));
  return new AppProcess(script, {
    execArgv: FRAME_FLAGS,
    env: { PPROF_OPTIONS: JSON.stringify({ labels }) },
  });
}

async function profileOf(app: AppProcess): Promise<DecodedProfile> {
  const url = `${await profilerOf(app)}/debug/pprof/profile?threads=main`;
  await takeProfile(`${url}&seconds=1`);
  let isDone = false;
  const profile = takeProfile(`${url}&seconds=${windowOf(3)}&hz=500`).finally(() => (isDone = true));
  const goOn = async (): Promise<void> => {
    if (!isDone) {
      await app.call('enter');
      await rest(REST_MILLIS);
      await goOn();
    }
  };
  await goOn();
  return profile;
}

function expectLabels(profile: DecodedProfile, name: string, labels: Readonly<Record<string, string>>): void {
  for (const [label, value] of Object.entries(labels)) {
    const counts = samplesIn(profile, new RegExp(`^${name}\\b`), label);
    // One that was called before the capture began is without.
    const { [value]: right = 0, '(none)': none = 0, ...others } = counts;
    expectRight(right > 5 * none && Object.keys(others).length === 0, { name, label, right, none, others });
  }
}

describeWhere(
  HAS_FRAMES,
  NO_FRAMES,
  'entries that nothing tells of, with labels: { everything: true }',
  () => {
    let profile: DecodedProfile;
    let app: AppProcess;

    beforeAll(async () => {
      app = startWith({ everything: true });
      profile = await profileOf(app);
    });

    afterAll(() => app.kill());

    it.each(Object.entries(ENTRIES))('label a %s, before and after an await', (name, labels) => {
      expectLabels(profile, `${name}Before`, labels);
      expectLabels(profile, `${name}After`, labels);
    });
  },
);

describeWhere(
  'WebSocket' in globalThis,
  'this Node has no WebSocket',
  'entries that nothing tells of, otherwise',
  () => {
    let profile: DecodedProfile;
    let app: AppProcess;

    beforeAll(async () => {
      app = startWith(true);
      profile = await profileOf(app);
    });

    afterAll(() => app.kill());

    it.each(Object.entries(ENTRIES))('label a %s where the stack shows it', (name, labels) => {
      expectLabels(profile, `${name}Before`, labels);
    });
  },
);
