/**
 * The global object of the process's main context: test runners have modules run in contexts of their own, each with
 * another.
 *
 * @internal
 */
export function processGlobal(): object {
  return process.getBuiltinModule('node:vm').runInThisContext('globalThis') as object;
}
