import { gunzipSync } from 'node:zlib';
import { brokenRules, readPprof } from '../../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import type { Response } from '../support/http.request.js';
import { patience } from '../support/patience.js';

// What is written for Go services, and has to work unchanged: how each of these asks, and what it accepts.

export interface ScrapeTarget {
  /** The kind of profile, as the library names it. */
  readonly kind: string;
  readonly target: string;
  /** When it gives up, and takes the target for down: later on a slow machine, where it would be configured so. */
  readonly timeoutMillis: number;
}

export interface Scraper {
  readonly name: string;
  /** Headers besides Host, in the order in which they are sent. */
  readonly headers: Readonly<Record<string, string>>;
  /** What it asks for in every interval, with a window of so many seconds for the CPU. */
  targets(seconds: number): readonly ScrapeTarget[];
  /** Why it would take the target for down; none for one that is up. */
  complaints(response: Response, target: ScrapeTarget): string[];
}

const NAMED = ['allocs', 'block', 'goroutine', 'mutex'];

function defaultTargets(
  seconds: number,
  timeoutMillis: number,
  timeoutOfWindow: number,
): readonly ScrapeTarget[] {
  return [
    ...NAMED.map((kind) => ({
      kind,
      target: `/debug/pprof/${kind}`,
      timeoutMillis: patience(timeoutMillis),
    })),
    {
      kind: 'profile',
      target: `/debug/pprof/profile?seconds=${seconds}`,
      timeoutMillis: patience(timeoutOfWindow),
    },
  ];
}

/** Go's HTTP client asks for gzip by itself, and would unpack a body with a Content-Encoding behind the scraper's back. */
const GO_CLIENT = { 'Accept-Encoding': 'gzip' };

/**
 * Grafana Alloy, `pyroscope.scrape`, with its defaults.
 * https://github.com/grafana/alloy/tree/main/internal/component/pyroscope/scrape (scrape_loop.go, validate.go)
 */
export const ALLOY: Scraper = {
  name: 'Grafana Alloy',
  headers: { 'User-Agent': 'Alloy/v1.11.0 (linux)', ...GO_CLIENT },
  // The timeout of 10 s is longer by the interval less a second where the parameters have "seconds".
  targets: (seconds) => defaultTargets(seconds, 10_000, 10_000 + seconds * 1000),
  complaints: ({ status, headers, body }) => [
    ...unless(status >= 200 && status < 300, `server returned HTTP status (${status})`),
    ...unless(body.length > 0, 'empty profile'),
    ...unless(
      headers['content-type']?.startsWith('application/octet-stream') === true,
      `unexpected Content-Type ${headers['content-type']}`,
    ),
    ...unless(!/^\s*(<[!hbt]|[{[])/i.test(body.subarray(0, 64).toString('latin1')), 'text response'),
    ...unless(body.length > 2 && body[0] === 0x1f && body[1] === 0x8b, 'not gzip'),
    ...forPyroscope(body),
  ],
};

/**
 * Parca's server, with its defaults. What it stores has to pass its validation.
 * https://github.com/parca-dev/parca/blob/main/pkg/scrape/scrape.go, pkg/normalizer/validate.go
 */
export const PARCA: Scraper = {
  name: 'Parca',
  headers: { 'User-Agent': 'conprof/0.24.0', ...GO_CLIENT },
  targets: (seconds) => defaultTargets(seconds, 3000 + seconds * 1000, 3000 + seconds * 1000),
  complaints: ({ status, body }, { target }) => [
    ...unless(status === 200, `server returned HTTP status ${status}`),
    ...unless(body.length > 0, 'empty profile'),
    // It takes a profile with a duration for one of a window.
    ...brokenRules(body, { timed: target.includes('seconds=') }),
  ],
};

/**
 * OpenTelemetry's pprof receiver: one URL for each profile, as configured. It does not look at the status.
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/pprofreceiver
 */
export const OTEL: Scraper = {
  name: 'the OpenTelemetry collector',
  headers: { 'User-Agent': 'Go-http-client/1.1', ...GO_CLIENT },
  targets: (seconds) => defaultTargets(seconds, 30_000, 30_000),
  complaints: ({ body }, { target }) => brokenRules(body, { timed: target.includes('seconds=') }),
};

/**
 * The profile types that Pyroscope knows from Go: its name for each, of sample type and period type.
 * https://grafana.com/docs/pyroscope/latest/configure-client/profile-types/
 */
const PYROSCOPE_TYPES = [
  'cpu:nanoseconds:cpu:nanoseconds',
  'samples:count:cpu:nanoseconds',
  'wall:nanoseconds:cpu:nanoseconds',
  'alloc_objects:count:space:bytes',
  'alloc_space:bytes:space:bytes',
  'inuse_objects:count:space:bytes',
  'inuse_space:bytes:space:bytes',
  'goroutine:count:goroutine:count',
  'contentions:count:contentions:count',
  'delay:nanoseconds:contentions:count',
];

/** Its limits by default. */
const MAX_BYTES = 4 * 2 ** 20;
const MAX_SAMPLES = 16_000;

function forPyroscope(body: Buffer): string[] {
  const { sampleTypes, periodType, samples } = readPprof(body);
  const types = sampleTypes.map((type) => `${type}/${periodType}`.replaceAll('/', ':'));
  return [
    ...types.filter((type) => !PYROSCOPE_TYPES.includes(type)).map((type) => `unknown profile type ${type}`),
    ...unless(gunzipSync(body).length <= MAX_BYTES, 'larger than 4 MiB'),
    ...unless(samples.length <= MAX_SAMPLES, `${samples.length} samples`),
  ];
}

function unless(holds: boolean, complaint: string): string[] {
  return holds ? [] : [complaint];
}

/** What Alloy takes differences of, from one scrape to the next, by itself. */
const CUMULATIVE = ['alloc_objects', 'alloc_space', 'contentions', 'delay'];

/**
 * Values that have become less from one scrape to the next, by Alloy's rules: a stack is known by its addresses and labels.
 * https://github.com/grafana/alloy/tree/main/internal/component/pyroscope/scrape/internal/fastdelta
 */
export function fallenValues(before: Buffer, after: Buffer): string[] {
  const valuesOf = (body: Buffer) => {
    const { sampleTypes, samples } = readPprof(body);
    return new Map(
      samples.flatMap(({ stack, labels, values }) =>
        sampleTypes.flatMap((type, index) =>
          CUMULATIVE.includes(type.split('/')[0]!)
            ? [
                [
                  `${type} ${JSON.stringify(labels)} ${stack.map(({ address }) => address).join()}`,
                  values[index]!,
                ] as const,
              ]
            : [],
        ),
      ),
    );
  };
  const later = valuesOf(after);
  return [...valuesOf(before)].filter(([key, value]) => (later.get(key) ?? 0) < value).map(([key]) => key);
}
