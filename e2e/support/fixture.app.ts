import { fileURLToPath } from 'node:url';
import { AppProcess, type StartOptions } from './app.process.js';

/** What the process of a fixture app looks like from the inside; see fixtures/apps/commands.mjs. */
export interface Inside {
  readonly workers: number;
  readonly addonFiles: string[];
}

/** What `forRoot` of the fixture gets, over a free port. */
export type FixtureOptions = Readonly<Record<string, unknown>>;

/** Starts one of the apps in fixtures/apps. */
export function startFixture(
  name: string,
  options: FixtureOptions = {},
  { env = {}, ...start }: StartOptions = {},
): AppProcess {
  const script = fileURLToPath(new URL(`../fixtures/apps/${name}.mjs`, import.meta.url));
  return new AppProcess(script, { ...start, env: { PPROF_OPTIONS: JSON.stringify(options), ...env } });
}

/** A file in fixtures/apps, for `--require` and the like. */
export function fixtureFile(name: string): string {
  return fileURLToPath(new URL(`../fixtures/apps/${name}`, import.meta.url));
}

/** `http://127.0.0.1:PORT` of the profiling server of a fixture app, once it listens. */
export async function profilerOf(app: AppProcess): Promise<string> {
  const address = await app.call<{ url: string } | null>('listening');
  if (address === null) {
    throw new Error(`The profiling server does not listen.\n${app.output}`);
  }
  return new URL(address.url).origin;
}

/** Keeps `crunchNumbers` busy for as long as the work takes: what burns all the time slows down the tests beside it. */
export async function whileBurning<T>(app: AppProcess, work: () => Promise<T>): Promise<T> {
  await app.call('startBurning');
  try {
    return await work();
  } finally {
    await app.call('stopBurning');
  }
}
