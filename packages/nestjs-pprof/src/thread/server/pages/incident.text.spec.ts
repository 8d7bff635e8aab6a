import { expect, it } from '@jest/globals';
import type { Incident } from '../../capture/incident.model.js';
import { describeIncident } from './incident.text.js';

const NONE = { main: 0, mainWaited: 0, periods: 0, throttled: 0 };

it.each([
  [
    'all the processors',
    { kind: 'cpu', limit: 2, use: { ...NONE, millis: 40_000, cpu: 79_600, main: 39_000 } },
    'the process used all the processors it may for 40.0 s: 1.99 of 2.00, main 0.97',
  ],
  [
    'all of a quota',
    {
      kind: 'cpu',
      limit: 0.5,
      use: { ...NONE, millis: 40_000, cpu: 19_600, main: 19_000, periods: 400, throttled: 392 },
    },
    'the process used all the processors it may for 40.0 s: 0.49 of 0.50, main 0.47; its CPU quota held it up in 98 % of the periods',
  ],
  [
    'most of a quota, beside busy neighbours',
    {
      kind: 'cpu',
      limit: 0.5,
      use: { ...NONE, millis: 40_000, cpu: 17_600, main: 17_000, periods: 400, throttled: 360 },
    },
    'the process was kept from using all the processors it may for 40.0 s: 0.44 of 0.50, main 0.42; its CPU quota held it up in 90 % of the periods',
  ],
  [
    'all the processors, where the kernel tells nothing of threads',
    {
      kind: 'cpu',
      limit: 2,
      use: { ...NONE, millis: 40_000, cpu: 80_000, main: undefined, mainWaited: undefined },
    },
    'the process used all the processors it may for 40.0 s: 2.00 of 2.00',
  ],
  [
    'a whole processor',
    {
      kind: 'main-cpu',
      limit: 1,
      use: { ...NONE, millis: 40_000, cpu: 44_000, main: 39_900, mainWaited: 100 },
    },
    'the main thread used a whole processor for 40.0 s',
  ],
  [
    'what others leave of one',
    {
      kind: 'main-cpu',
      limit: 1,
      use: { ...NONE, millis: 40_000, cpu: 24_800, main: 24_000, mainWaited: 16_000 },
    },
    'the main thread was ready to run all the time for 40.0 s, and had no processor for 16.0 s of it: other threads, of this process or of others, had them (the process used 0.62, main 0.60)',
  ],
  [
    'what a quota and others leave of one',
    {
      kind: 'main-cpu',
      limit: 1,
      use: {
        ...NONE,
        millis: 40_000,
        cpu: 16_000,
        main: 15_600,
        mainWaited: 24_000,
        periods: 400,
        throttled: 120,
      },
    },
    'the main thread was ready to run all the time for 40.0 s, and had no processor for 24.0 s of it: its CPU quota held it up in 30 % of the periods; else other threads, of this process or of others, had them (the process used 0.40, main 0.39)',
  ],
  [
    'what others leave of one, where there is a quota that does not count',
    {
      kind: 'main-cpu',
      limit: 1,
      use: {
        ...NONE,
        millis: 60_000,
        cpu: 12_600,
        main: 12_600,
        mainWaited: 47_400,
        periods: 600,
        throttled: 1,
      },
    },
    'the main thread was ready to run all the time for 40.0 s, and had no processor for 47.4 s of it: other threads, of this process or of others, had them (the process used 0.21, main 0.21)',
  ],
  [
    'what a quota leaves of one',
    {
      kind: 'main-cpu',
      limit: 1,
      use: {
        ...NONE,
        millis: 40_000,
        cpu: 20_000,
        main: 19_600,
        mainWaited: 20_000,
        periods: 400,
        throttled: 396,
      },
    },
    'the main thread was ready to run all the time for 40.0 s, and had no processor for 20.0 s of it: its CPU quota held it up in 99 % of the periods (the process used 0.50, main 0.49)',
  ],
])('says what the process had: %s', (_, incident, text) => {
  expect(describeIncident({ from: 0, to: 40_000, ...incident } as unknown as Incident, 40_000)).toBe(text);
});
