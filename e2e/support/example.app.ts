import { fileURLToPath } from 'node:url';
import { AppProcess } from './app.process.js';

/** Built by `npm run build`, which `npm test` does first. */
const MAIN = fileURLToPath(new URL('../../apps/example/dist/main.js', import.meta.url));

/** Absolute path of a source file of the example. */
export function exampleSource(file: string): string {
  return fileURLToPath(new URL(`../../apps/example/src/${file}`, import.meta.url));
}

export interface ExampleApp {
  readonly process: AppProcess;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/** Starts the example on a free port and waits until it serves. */
export async function startExample(
  env: Readonly<Record<string, string>> = {},
  execArgv: readonly string[] = [],
): Promise<ExampleApp> {
  const app = new AppProcess(MAIN, {
    execArgv,
    // Each variable is set, as the example would take what is missing from a developer's .env.
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      GLOBAL_PREFIX: '',
      PPROF_ENABLED: 'true',
      PPROF_HOST: '127.0.0.1',
      PPROF_PORT: '0',
      PPROF_FLIGHT_RECORDER: 'false',
      PPROF_OOM_DIRECTORY: '',
      ...env,
    },
  });
  const [, url = ''] = await app.printed(/Example listening on (http:\/\/[\w.:[\]-]+)/);
  return { process: app, url };
}

/** Where the profiles are: `http://localhost:PORT`, as an operator types it. */
export async function profilingUrl(app: AppProcess): Promise<string> {
  const [, port = ''] = await app.printed(
    /Profiling server listening on http:\/\/[\w.[\]:-]+:(\d+)\/debug\/pprof\//,
  );
  return `http://localhost:${port}`;
}
