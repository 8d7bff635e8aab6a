/**
 * Settles as the promise does, or rejects as soon as the signal fires. What the promise stands for goes on: only for what
 * ends by itself, and soon, or what others need as well.
 *
 * @internal
 */
export async function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
  });
  try {
    if (signal.aborted) {
      abort!();
    }
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort!);
  }
}
