/** What a worker says when it fails as it should. */
export const EXPECTED_FAILURE = 'this failure is expected';

/** The exit codes of a worker that `terminate()` ends: 0 where it had not come to its own code yet. */
const TERMINATED = [1, 0];

/**
 * What workers do, and how they end: `terminated` by the main thread, or by themselves. Those that `fail` do so with one `error` event.
 */
export const WORKER_KINDS = {
  idle: { terminated: true, exitCodes: TERMINATED },
  busy: { terminated: true, exitCodes: TERMINATED },
  allocates: { terminated: true, exitCodes: TERMINATED },
  waits: { terminated: true, exitCodes: TERMINATED },
  imports: { terminated: true, exitCodes: TERMINATED },
  nested: { terminated: true, exitCodes: TERMINATED },
  importsAndEnds: { terminated: false, exitCodes: [0] },
  fails: { terminated: false, exitCodes: [1], fails: true },
  exits: { terminated: false, exitCodes: [17] },
  ends: { terminated: false, exitCodes: [0] },
};
