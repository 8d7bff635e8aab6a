import type { FromThreads, ThreadInfo } from '../capture/thread.selection.js';
import type { Coverage } from '../pprof/profile.model.js';

interface OfThread {
  readonly thread: ThreadInfo;
  /** What has to be known of it besides. */
  readonly note?: string | undefined;
}

/** Which threads a profile is of, each with what there is to say of it, and which it is not of. @internal */
export function commentsOfThreads<T extends OfThread>(
  { results, skipped }: FromThreads<T>,
  describe: (result: T) => string = () => '',
): string[] {
  const threads = results.map((result) => `${result.thread.label}${describe(result)}`);
  return [
    `threads: ${threads.join(', ') || 'none'}`,
    ...commentsOfSkipped(skipped),
    ...results.flatMap(({ thread, note }) => (note ? [`${thread.label}: ${note}`] : [])),
  ];
}

/** @internal */
export function commentsOfSkipped(skipped: readonly string[]): string[] {
  return skipped.length > 0 ? [`threads skipped: ${skipped.join('; ')}`] : [];
}

/** @param originOf what the values of a thread are counted from; the same always, if not given @internal */
export function coverageOf<T extends OfThread>(
  { results, skipped }: FromThreads<T>,
  originOf: (result: T) => string | undefined = () => 'now',
): Coverage {
  return {
    origins: new Map(results.map((result) => [result.thread.label, originOf(result)])),
    isPartial: skipped.length > 0,
  };
}
