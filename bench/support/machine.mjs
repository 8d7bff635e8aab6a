import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** On what the figures are taken, and what else used it when they were begun. */
export function describeMachine() {
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch} ${release().split('-', 1)[0]}`,
    load: Number(loadavg()[0].toFixed(1)),
  };
}

export function warnOfLoad(say) {
  const { load, processors } = describeMachine();
  // What this has done itself is in it, too.
  if (load > 1.5 * processors) {
    say(`The load average is ${load} on ${processors} processors: others use this machine, so expect noise.`);
  }
}
