/**
 * Stands in for `setTimeout` of `node:timers/promises`, which Jest's fake timers leave alone:
 * `jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }))` before the module under test is
 * imported.
 */
export function fakeSleep<T>(
  millis: number,
  value?: T,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(Object.assign(new Error('The operation was aborted'), { name: 'AbortError' }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    }, millis);
    if (signal?.aborted) {
      abort();
    } else {
      signal?.addEventListener('abort', abort, { once: true });
    }
  });
}
