import TestSequencer from '@jest/test-sequencer';

/**
 * The order of the test files. Jest takes first what has failed or what it has no time of, the largest file first, and then what took
 * longest. On a newcomer's machine it has no times: small end-to-end tests come late then, and processors idle while the last of them
 * wait for windows of a second. Unit tests, which wait for little, fill up the end instead.
 */
// Jest takes the default export.
// oxlint-disable-next-line import/no-default-export
export default class FillingSequencer extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    return [...sorted.filter((test) => !isFilling(test)), ...sorted.filter(isFilling)];
  }
}

function isFilling({ context, duration }) {
  return duration === undefined && context.config.displayName?.name === 'unit';
}
