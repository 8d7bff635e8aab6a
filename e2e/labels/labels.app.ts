import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { rest, windowOf } from '../support/patience.js';
import { type DecodedProfile, flat, takeProfile } from '../support/pprof.profile.js';

const MAJOR = Number(process.versions.node.split('.', 1)[0]);

/** Whether this Node has async context frames: without them, labels are by the stack alone. */
export const HAS_FRAMES = MAJOR >= 22;

export const NO_FRAMES = 'this Node has no async context frames, use 22 or later';

/** Flags of Node that it needs to have them. */
export const FRAME_FLAGS = MAJOR === 22 ? ['--experimental-async-context-frame'] : [];

export type Platform = 'express' | 'fastify';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** For each client: about as long as most requests burn CPU, so that a part of a processor is left to other tests. */
const REST_MILLIS = 4;

/** In a window of a second each client asks more than once. */
const LONGEST_REST_MILLIS = 250;

const agent = new Agent({ keepAlive: true, maxSockets: 1000 });

type Window = Readonly<Record<string, string | number> & { seconds: number; hz: number }>;

type Task = (index: number) => Promise<unknown>;

/** The fixture, whose functions each belong to one route. */
export class LabelsApp {
  private constructor(
    readonly process: AppProcess,
    readonly url: string,
    readonly profiler: string,
  ) {}

  static async start(platform: Platform, options: object = {}): Promise<LabelsApp> {
    const script = fileURLToPath(new URL('fixtures/labels.app.mjs', import.meta.url));
    const app = new AppProcess(script, {
      args: [platform],
      execArgv: ['--expose-gc', ...FRAME_FLAGS],
      env: { PPROF_OPTIONS: JSON.stringify(options) },
    });
    const profiler = await profilerOf(app);
    const started = new LabelsApp(app, await app.call<string>('url'), profiler);
    // The first one pays for starting what makes profiles.
    await started.profile({ seconds: 1, hz: 100 });
    return started;
  }

  profile(query: Record<string, string | number>): Promise<DecodedProfile> {
    const parameters = new URLSearchParams(
      Object.entries({ threads: 'main', ...query }).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]),
    );
    return takeProfile(`${this.profiler}/debug/pprof/profile?${parameters.toString()}`);
  }

  get(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(new URL(path, this.url), { agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject).end();
    });
  }

  /** So many clients ask again and again, one path after the other, while a profile is taken of `seconds` of a quiet machine. */
  async profileUnder(window: Window, concurrency: number, task: Task): Promise<DecodedProfile> {
    let profile = await this.#windowUnder(window, concurrency, task);
    // What runs for a few of a few samples may be missing among them, rightly.
    const { seconds, hz } = window;
    while (
      labelledWindow(seconds) < windowOf(seconds) &&
      flat(profile, 'samples/count') < (seconds * hz) / 3
    ) {
      const next = await this.#windowUnder(window, concurrency, task);
      profile = { ...next, samples: [...profile.samples, ...next.samples] };
    }
    return profile;
  }

  async #windowUnder(
    { seconds, ...query }: Window,
    concurrency: number,
    task: Task,
  ): Promise<DecodedProfile> {
    let isDone = false;
    const profile = this.profile({ ...query, seconds: labelledWindow(seconds) }).finally(
      () => (isDone = true),
    );
    // A thousand requests at once keep the thread from answering: it would be sampled from outside, which knows no contexts.
    await this.process.until<boolean>('samplerRuns', (runs) => runs);
    let next = 0;
    const goOn = async (): Promise<void> => {
      if (!isDone) {
        await task(next++);
        await (isDone || rest(Math.min(concurrency * REST_MILLIS, LONGEST_REST_MILLIS)));
        await goOn();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, goOn));
    return profile;
  }
}

/**
 * As these requests take much of a processor, and of the windows there are many, no longer than twice as long: where a thread that has
 * next to no processor has too few samples then, `profileUnder` takes several.
 */
export function labelledWindow(seconds: number): number {
  return Math.min(windowOf(seconds), 2 * seconds);
}

/** The samples that have such a function in their stack, by the value of one label. */
export function samplesIn(profile: DecodedProfile, name: RegExp, label = 'route'): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { stack, values, labels } of profile.samples) {
    if (stack.some((frame) => name.test(frame.name))) {
      const value = labels[label] ?? '(none)';
      counts[value] = (counts[value] ?? 0) + values[0]!;
    }
  }
  return counts;
}
