import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Where this user's running profilers are noted. One for each user, as another's would be refused. Not to be asked in the
 * profiling thread, whose environment has no `TMPDIR`.
 *
 * @internal
 */
export function registryDirectory(): string {
  return join(tmpdir(), `nestjs-pprof-${process.getuid?.() ?? 'profilers'}`);
}
