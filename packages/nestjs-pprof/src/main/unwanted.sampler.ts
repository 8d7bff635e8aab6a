import { tried } from '../shared/pprof.error.js';
import { loadAddon } from './profiler.addon.js';

/** An application that is closing has ended by then, as a rule. */
const ABANDONED_FOR_MILLIS = 250;

/** The end of a sampler that is left running, of which a thread has at most one. */
let abandoned: { readonly timer: NodeJS.Timeout | undefined; readonly restore: () => void } | undefined;

/** @internal */
export function endAbandoned(): void {
  if (abandoned) {
    clearTimeout(abandoned.timer);
    abandoned.restore();
    abandoned = undefined;
    const { time } = loadAddon();
    // What a timer throws ends the application.
    if (time.isStarted()) {
      time.stop();
    }
  }
}

/**
 * Has the sampler run on that nobody is left to take the result of, and ends it a little later: the addon puts a profile together even
 * so, which takes a tenth of a second after a long capture, too long for an application that is shutting down.
 *
 * @internal
 */
export function leaveRunning(): void {
  const restore = endForOthers(endAbandoned);
  // An application may have put something in the place of `setTimeout` that throws.
  const timer = tried(() => setTimeout(endAbandoned, ABANDONED_FOR_MILLIS).unref());
  abandoned = { timer, restore };
  if (!timer) {
    endAbandoned();
  }
}

/**
 * While nobody wants the samples, others in the process that use the same copy of the addon find its sampler free: it ends as they
 * start it.
 *
 * @returns restores the addon, as far as nobody else has wrapped it in the meantime
 * @internal
 */
export function endForOthers(end: () => void): () => void {
  const { time } = loadAddon();
  const { start, profile } = time;
  let isOver = false;
  const first =
    <A extends unknown[], R>(method: (...args: A) => R) =>
    (...args: A): R => {
      if (!isOver) {
        end();
      }
      return method(...args);
    };
  const ours = { start: first(start), profile: first(profile) };
  Object.assign(time, ours);
  return () => {
    isOver = true;
    time.start = time.start === ours.start ? start : time.start;
    time.profile = time.profile === ours.profile ? profile : time.profile;
  };
}
