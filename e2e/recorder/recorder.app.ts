import { fileURLToPath } from 'node:url';
import { readPprof, type ReadableProfile } from '../../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import { AppProcess, type StartOptions } from '../support/app.process.js';
import { type FixtureOptions, profilerOf } from '../support/fixture.app.js';
import { request, served } from '../support/http.request.js';

const SCRIPT = fileURLToPath(new URL('fixtures/recorded.app.mjs', import.meta.url));

/** An application whose flight recorder is on, and what it answers. */
export class RecordedApp {
  readonly process: AppProcess;
  #origin: string | undefined;

  constructor(options: FixtureOptions, start: StartOptions = {}) {
    const env = { ...start.env, PPROF_OPTIONS: JSON.stringify(options) };
    this.process = new AppProcess(SCRIPT, { ...start, env });
  }

  async ask(path: string): Promise<{ status: number; text: string; body: Buffer }> {
    this.#origin ??= await profilerOf(this.process);
    return request(`${this.#origin}/debug/pprof/${path}`);
  }

  async url(path: string): Promise<string> {
    this.#origin ??= await profilerOf(this.process);
    return `${this.#origin}/debug/pprof/${path}`;
  }

  async profile(query: string): Promise<ReadableProfile> {
    return readPprof((await served(await this.url(`profile?${query}`))).body);
  }

  /** A stretch, in milliseconds since the epoch. */
  stretch(from: number, to: number): Promise<ReadableProfile> {
    return this.profile(`past=${Math.round((to - from) / 1000)}&until=${new Date(to).toISOString()}`);
  }

  /** Settles when all that was until then can be read; that is asked for, so the main thread must not be stuck. */
  async recorded(until = 0): Promise<void> {
    for (;;) {
      const { text } = await this.ask('incidents?format=json');
      const { recorded } = JSON.parse(text) as { recorded: { to: string } | null };
      if (recorded && Date.parse(recorded.to) > until) {
        return;
      }
      await pause(50);
    }
  }
}

/** The sum of one sample type, of the stacks that have such a function. */
export function total({ samples, sampleTypes }: ReadableProfile, type: string, within = /(?:)/): number {
  const index = sampleTypes.findIndex((each) => each.startsWith(type));
  return samples
    .filter(({ stack }) => stack.some(({ name }) => within.test(name)))
    .reduce((sum, { values }) => sum + values[index]!, 0);
}

export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
