/**
 * `npm start`: runs the example, puts it under load, takes its first CPU profile and shows the hottest functions.
 * Then it goes on serving until Ctrl-C. With FIRST_PROFILE_EXIT=1 it ends after the profile.
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ExampleProcess } from './example-process.mjs';
import { Failure } from './failure.mjs';
import { portOrFree } from './free-port.mjs';
import { underLoad } from './load.mjs';
import { nextSteps } from './next-steps.mjs';
import { step } from './progress.mjs';

const SECONDS = 5;
const ROWS = 10;

let example;
let stoppingSince;

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
try {
  await main();
} catch (error) {
  // While the example is being stopped, whatever waits for it fails: that is no news.
  if (stoppingSince === undefined) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    await example?.stop('SIGTERM');
    process.exit(1);
  }
}

async function main() {
  const envFile = fileURLToPath(new URL('../.env', import.meta.url));
  if (existsSync(envFile)) {
    process.loadEnvFile(envFile);
  }
  example = new ExampleProcess({
    PORT: await portOrFree('PORT', '3000'),
    PPROF_PORT: await portOrFree('PPROF_PORT', '6060'),
    PPROF_ENABLED: 'true',
    PPROF_FLIGHT_RECORDER: 'true',
    HOST: '127.0.0.1',
    PPROF_HOST: '127.0.0.1',
    GLOBAL_PREFIX: '',
    ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
  });
  const servers = await step('Starting the example', () => example.ready());
  const profile = await step(`Taking a CPU profile of ${SECONDS} s under load`, () =>
    underLoad(servers.app, () => example.orExit(takeProfile(servers.pprof))),
  );
  console.log(`The hottest functions of ${servers.app} in ${SECONDS} s under load:\n\n${hottest(profile)}`);
  console.log(routes(profile));
  console.log(nextSteps(servers));

  if (process.env.FIRST_PROFILE_EXIT === '1') {
    await stop('SIGTERM');
  }
  console.log('Serving until Ctrl-C.');
  example.passOn();
  await example.orExit(new Promise(() => {}));
}

async function takeProfile(pprof) {
  const url = `${pprof}/debug/pprof/profile?seconds=${SECONDS}&format=text`;
  const response = await fetch(url, { signal: AbortSignal.timeout((SECONDS + 30) * 1000) }).catch(
    async (error) => {
      // The connection breaks a moment before the exit of the example is known, which says more.
      await example.orExit(delay(500));
      throw new Failure(`No profile from ${url}: ${error.cause?.message ?? error.message}`);
    },
  );
  const body = await response.text();
  if (!response.ok) {
    throw new Failure(`No profile from ${url}: ${response.status} ${body.trim()}`);
  }
  return body;
}

/** The head of the table, up to its first rows. */
function hottest(table) {
  const lines = table.trimEnd().split('\n');
  const head = lines.findIndex((line) => /^\s*flat\s+flat%/.test(line));
  return lines.slice(0, head === -1 ? ROWS * 2 : head + 1 + ROWS).join('\n');
}

/** The second table, or why there is none. */
function routes(profile) {
  const [, table] = /\n(Showing top \d+ routes [^]*)$/.exec(profile) ?? [];
  if (table) {
    return `\nAnd the routes that burned it:\n\n${table.trimEnd()}`;
  }
  const [, reason] = /^# (labels .*)$/m.exec(profile) ?? [];
  return reason ? `\nNo routes: ${reason}` : '';
}

async function stop(signal) {
  if (stoppingSince !== undefined) {
    // A second Ctrl-C: no more patience, and the exit handler kills the example. But npm repeats a first one.
    if (performance.now() - stoppingSince > 500) {
      process.exit(0);
    }
    return;
  }
  stoppingSince = performance.now();
  await example?.stop(signal);
  process.exit(0);
}
