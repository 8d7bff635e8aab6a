import TestSequencer from '@jest/test-sequencer';

/**
 * The order of the test files. Jest takes first what took longest the last time. Where there was none, as on a newcomer's machine, it
 * goes by the size of the files: then small end-to-end tests come late, and processors idle while the last of them wait for windows
 * of a second. Unit tests, which wait for nothing, fill up the end instead.
 */
// Jest takes the default export.
// oxlint-disable-next-line import/no-default-export
export default class FillingSequencer extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    return sorted.some(({ duration }) => duration !== undefined)
      ? sorted
      : [...sorted.filter((test) => !isUnit(test)), ...sorted.filter(isUnit)];
  }
}

function isUnit({ context }) {
  return context.config.displayName?.name === 'unit';
}
