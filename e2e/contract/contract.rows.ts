import { isStarved } from '../support/patience.js';
import { KINDS } from '../support/served.kinds.js';
import {
  type ContractRow,
  cpuprofile,
  error,
  headOf,
  json,
  pprof,
  redirect,
  text,
  trace,
  viewer,
} from './contract.row.js';
import { FORMAT_GROUPS } from './format.rows.js';
import { PAGE_GROUPS } from './page.rows.js';
import {
  escapeRegExp,
  HTML,
  MARKDOWN,
  MAXIMUM,
  POSITIVE,
  PROFILE,
  row,
  type RowGroup,
  UNKNOWN,
} from './row.group.js';

// The HTTP contract: what is asked, and what it is answered. One row each.

/** Rows of a profile, where it is served. */
const of = (name: string, ...rows: ContractRow[]): ContractRow[] =>
  KINDS.some((kind) => kind.name === name) ? rows : [];

/** https://github.com/golang/go/blob/master/src/net/http/pprof/pprof_test.go, TestHandlers */
const goHandlers: RowGroup = {
  name: "Go's TestHandlers",
  rows: [
    row(`GET ${PROFILE}/<script>scripty<script>`, UNKNOWN),
    row(`GET ${PROFILE}/heap`, pprof('heap')),
    row(`GET ${PROFILE}/heap?debug=1`, text(/./)),
    row(`GET ${PROFILE}/cmdline`, text(/./)),
    row(`GET ${PROFILE}/profile?seconds=1`, pprof('profile', 'window')),
    row(`GET ${PROFILE}/symbol`, text(/^num_symbols: 1\n$/)),
    ...of('mutex', row(`GET ${PROFILE}/mutex`, pprof('mutex'))),
    row(`GET ${PROFILE}/block?seconds=1`, pprof('block', 'delta')),
    row(`GET ${PROFILE}/goroutine?seconds=1`, pprof('goroutine', 'delta')),
    row(`GET ${PROFILE}/`, text(/Types of profiles available/, HTML)),
  ],
};

/** The same file, TestDescriptions: the index describes whatever is served. */
const goDescriptions: RowGroup = {
  name: "Go's TestDescriptions",
  rows: KINDS.map(({ name, description }) =>
    row(
      `GET ${PROFILE}/`,
      text(new RegExp(`<a href="${name}">${name}</a></td><td>${escapeRegExp(asHtml(description))}`), HTML),
    ),
  ),
};

const profiles: RowGroup = {
  name: 'each profile',
  rows: KINDS.flatMap(({ name, parameters: { seconds, debug, formats } }) => [
    seconds?.kind === 'window'
      ? row(`GET ${PROFILE}/${name}?seconds=1`, pprof(name, 'window'))
      : row(`GET ${PROFILE}/${name}`, pprof(name)),
    ...(seconds === null || seconds.kind === 'window'
      ? []
      : [row(`GET ${PROFILE}/${name}?seconds=1`, pprof(name, 'delta'))]),
    ...(debug
      ? [
          row(`GET ${PROFILE}/${name}?debug=0`, pprof(name)),
          row(`GET ${PROFILE}/${name}?debug=1`, text(new RegExp(`^${name} profile: total \\d+`))),
          row(`GET ${PROFILE}/${name}?debug=2`, text(/./)),
        ]
      : []),
    ...(formats.includes('text')
      ? [row(`GET ${PROFILE}/${name}?format=text&seconds=1`, text(/flat\s+flat%/))]
      : []),
    ...(formats.includes('markdown')
      ? [
          row(`GET ${PROFILE}/${name}?format=markdown&seconds=1`, text(/^# Profile `/, MARKDOWN)),
          row(`HEAD ${PROFILE}/${name}?format=markdown&seconds=1`, headOf(text(/./, MARKDOWN))),
        ]
      : []),
  ]),
};

const seconds: RowGroup = {
  name: '"seconds"',
  rows: KINDS.flatMap(({ name }) => {
    const ask = (value: string) => `GET ${PROFILE}/${name}?seconds=${value}`;
    return [
      ...['0', '-1', '1.5', 'abc', '1e400', '', '%201', '+1', '0x1', '1e2', 'NaN', '%C2%B2', '1%00'].map(
        (value) => row(ask(value), POSITIVE),
      ),
      row(ask('301'), MAXIMUM),
      row(ask('999999999999999'), MAXIMUM),
      row(ask('99999999999999999999999'), POSITIVE),
      // Of a repeated one the first counts.
      row(ask('abc&seconds=1'), POSITIVE),
      row(ask('1&seconds=abc'), pprof(name, name === 'profile' ? 'window' : 'delta')),
    ];
  }),
};

const debugWithSeconds: RowGroup = {
  name: '"debug" with "seconds"',
  rows: KINDS.filter(({ parameters }) => parameters.debug).flatMap(({ name }) => [
    ...['1', '2'].map((debug) =>
      row(
        `GET ${PROFILE}/${name}?debug=${debug}&seconds=1`,
        error(400, 'seconds and debug params are incompatible'),
      ),
    ),
    row(`GET ${PROFILE}/${name}?debug=0&seconds=1`, pprof(name, 'delta')),
    row(`GET ${PROFILE}/${name}?debug=1&seconds=0`, POSITIVE),
  ]),
};

const parameters: RowGroup = {
  name: 'parameters that are wrong: 400 that names them and what is allowed',
  rows: [
    row(`GET ${PROFILE}/profile?seconds=1&hz=0`, error(400, /"hz" - must be an integer from 1 to 1000/)),
    row(`GET ${PROFILE}/profile?seconds=1&hz=1001`, error(400, /"hz"/)),
    row(`GET ${PROFILE}/profile?seconds=1&hz=1e400`, error(400, /"hz"/)),
    row(`GET ${PROFILE}/profile?seconds=1&hz=`, error(400, /"hz"/)),
    row(`GET ${PROFILE}/profile?seconds=1&threads=x`, error(400, /"threads".*all, main/)),
    row(`GET ${PROFILE}/profile?seconds=1&threads=`, error(400, /"threads"/)),
    row(`GET ${PROFILE}/profile?seconds=1&threads=-1`, error(400, /"threads"/)),
    row(`GET ${PROFILE}/heap?debug=x`, error(400, /"debug" - must be one of 0, 1, 2/)),
    row(`GET ${PROFILE}/heap?debug=3`, error(400, /"debug"/)),
    row(`GET ${PROFILE}/heap?gc=x`, error(400, /"gc" - must be one of 0, 1/)),
    row(`GET ${PROFILE}/block?seconds=1&threshold=0`, error(400, /"threshold" - must be milliseconds/)),
  ],
};

const order: RowGroup = {
  name: 'errors come in the order of the contract',
  rows: [
    row(`DELETE ${PROFILE}/nothing?seconds=0`, error(403, /^host not allowed/), {
      headers: { Host: 'evil.com' },
    }),
    row(`GET ${PROFILE}/nothing?seconds=0`, UNKNOWN),
    row(`GET ${PROFILE}/profile?seconds=0&hz=0`, POSITIVE),
    row(`GET ${PROFILE}/heap?seconds=301&debug=1`, MAXIMUM),
    row(
      `GET ${PROFILE}/heap?seconds=1&debug=1&gc=x`,
      error(400, 'seconds and debug params are incompatible'),
    ),
  ],
};

const methods: RowGroup = {
  name: 'methods',
  rows: [
    ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'].flatMap((method) => [
      ...[
        '',
        'profile',
        'heap',
        'cmdline',
        'nothing',
        'trace',
        'heapsnapshot',
        'ui/',
        'ui/release.txt',
        'oom/x',
      ].map((page) =>
        row(
          `${method} ${PROFILE}/${page}`,
          error(405, 'method not allowed, use GET or HEAD', { allow: 'GET, HEAD' }),
        ),
      ),
      row(`${method} /debug/vars`, error(405, /^method not allowed/, { allow: 'GET, HEAD' })),
    ]),
    ...['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'].map((method) =>
      row(
        `${method} ${PROFILE}/symbol`,
        error(405, 'method not allowed, use GET or HEAD or POST', { allow: 'GET, HEAD, POST' }),
      ),
    ),
    row('OPTIONS *', error(405, /^method not allowed/, { allow: 'GET, HEAD' })),
    row(`PROPFIND ${PROFILE}/`, error(405, /^method not allowed/, { allow: 'GET, HEAD' })),
  ],
};

const head: RowGroup = {
  name: 'HEAD: the headers of GET, without a body, and without a capture',
  rows: [
    row(`HEAD ${PROFILE}/`, headOf(text(/./, HTML))),
    row(`HEAD ${PROFILE}`, redirect(`${PROFILE}/`)),
    ...KINDS.map(({ name, parameters: { seconds: takes } }) =>
      takes?.kind === 'window'
        ? row(`HEAD ${PROFILE}/${name}?seconds=300`, headOf(pprof(name, 'window')))
        : row(`HEAD ${PROFILE}/${name}`, headOf(pprof(name))),
    ),
    ...KINDS.filter(({ parameters: p }) => p.seconds?.kind !== 'window').map(({ name }) =>
      row(`HEAD ${PROFILE}/${name}?seconds=300`, headOf(pprof(name, 'delta'))),
    ),
    row(`HEAD ${PROFILE}/goroutine?debug=2`, headOf(text(/./))),
    row(`HEAD ${PROFILE}/cmdline`, headOf(text(/./))),
    row(`HEAD ${PROFILE}/symbol`, headOf(text(/./))),
    row('HEAD /debug/vars', headOf(json('application/json; charset=utf-8'))),
    row(`HEAD ${PROFILE}/profile?seconds=0`, headOf(POSITIVE)),
    row(`HEAD ${PROFILE}/nothing`, headOf(UNKNOWN)),
  ],
};

const targets: RowGroup = {
  name: 'other forms of a request',
  rows: [
    row(`GET http://localhost${PROFILE}/symbol`, text(/^num_symbols: 1\n$/)),
    row(`GET http://localhost:6060${PROFILE}`, redirect(`${PROFILE}/`)),
    row(`GET http://127.0.0.1${PROFILE}/nothing`, UNKNOWN),
    row(`GET http://evil.com${PROFILE}/heap`, error(403, /^host not allowed/)),
    row(`GET ${PROFILE}/%E0%A4%A`, error(400, /./)),
    row(`GET ${PROFILE}/heap\0`, error(400, /./)),
    row(`GET ${PROFILE}/${'a'.repeat(64 * 1024)}`, error(431, /./)),
    row('GET', error(400, /./)),
    row(`CONNECT localhost:6060`, error(405, /^method not allowed/, { allow: 'GET, HEAD' })),
    row('CONNECT evil.com:443', error(403, /^host not allowed/), { headers: { Host: 'evil.com' } }),
    row(`GET ${PROFILE}/symbol`, error(417, /^the header Expect can only be 100-continue/), {
      headers: { Expect: 'x' },
    }),
  ],
};

const pageGuard: RowGroup = {
  name: 'the guard against web pages lets pass',
  rows: [
    { Host: 'localhost' },
    { Host: 'LOCALHOST:1' },
    { Host: '127.1.2.3:9999' },
    { Host: '[::1]:6060' },
    { Host: 'localhost:6060', Origin: 'http://localhost:6060' },
    // As a browser sends for what its user types, and for what our own pages load.
    { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' },
    { 'Sec-Fetch-Site': 'same-origin' },
  ].map((headers: Record<string, string>) =>
    row(`GET ${PROFILE}/symbol`, text(/^num_symbols: 1\n$/), { headers }),
  ),
};

const guard: RowGroup = {
  name: 'the guard against web pages refuses, whatever is asked for',
  rows: [
    { Host: 'evil.com' },
    { Host: 'localhost.evil.com' },
    { Host: '127.0.0.1.evil.com' },
    { Host: '0.0.0.0' },
    { Host: '[::ffff:127.0.0.1]' },
    { Host: 'localhost:6060', Origin: 'http://evil.com' },
    { Host: 'localhost:6060', Origin: 'http://localhost:3000' },
    { Host: 'localhost:6060', Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    // Background Fetch, and speculation rules.
    { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'empty' },
    { 'Sec-Fetch-Site': 'none' },
    {
      'Sec-Fetch-Site': 'none',
      'Sec-Fetch-Mode': 'navigate',
      'Sec-Fetch-Dest': 'document',
      'Sec-Purpose': 'prefetch;prerender',
    },
    { 'Sec-Fetch-Site': 'same-origin', 'Sec-Purpose': 'prefetch' },
    Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`X-${index}`, '1'])),
    { Host: 'evil.com', Expect: 'x' },
  ].flatMap((headers: Record<string, string>) =>
    ['GET symbol', 'GET ', 'GET nothing', 'GET trace', 'GET ui/', 'DELETE heap', 'HEAD profile'].map(
      (ask) => {
        const [method = '', page = ''] = ask.split(' ');
        const refusal = error(403, /not allowed: /);
        return row(`${method} ${PROFILE}/${page}`, method === 'HEAD' ? headOf(refusal) : refusal, {
          headers,
        });
      },
    ),
  ),
};

const held: RowGroup = {
  name: 'another profiler holds the sampler',
  given: 'another profiler',
  rows: [
    row(`GET ${PROFILE}/profile?seconds=1`, error(409, /held by another profiler.*it is not known which/)),
    // V8's own profiler is another one.
    row(`GET ${PROFILE}/profile?seconds=1&format=cpuprofile`, cpuprofile()),
    row(`GET ${PROFILE}/goroutine`, pprof('goroutine')),
    row(`GET ${PROFILE}/heap`, pprof('heap')),
  ],
};

const tooMany: RowGroup = {
  name: 'too many captures at once',
  given: 'all slots taken',
  rows: [
    ...[
      ...KINDS.map(({ name }) => `${name}?seconds=1`),
      'profile?seconds=1&format=cpuprofile',
      'trace?seconds=0.05',
      'goroutine?debug=2',
      'heap?gc=1',
      'heap?format=heapprofile',
      ...KINDS.filter(({ parameters: p }) => p.seconds?.kind !== 'window').map(({ name }) => name),
    ].map((capture) =>
      row(
        `GET ${PROFILE}/${capture}`,
        error(429, /^64 captures are running.*"maxCaptures"/, { 'retry-after': /^[1-9]\d*$/ }),
      ),
    ),
    // A HEAD needs no slot, and a wrong request is told so.
    row(`GET ${PROFILE}/ui/`, viewer(text(/./, HTML))),
    row(`HEAD ${PROFILE}/trace`, headOf(trace())),
    row(`HEAD ${PROFILE}/profile`, headOf(pprof('profile', 'window'))),
    row(`GET ${PROFILE}/profile?seconds=0`, POSITIVE),
  ],
};

/** On a starved machine the kernel may not have shown it for long enough: then no cause is named. */
const NATIVE_CALL = isStarved() ? '(native call|Ask again)' : 'native call';

const unreachable: RowGroup = {
  name: 'no thread can be reached',
  given: 'a native call',
  rows: [
    ...['profile?seconds=1', 'goroutine?debug=2'].map((path) =>
      row(`GET ${PROFILE}/${path}&threads=main`, error(504, new RegExp(`^no thread .*${NATIVE_CALL}`))),
    ),
    ...['profile?seconds=1&format=cpuprofile', 'heap?format=heapprofile'].map((path) =>
      row(`GET ${PROFILE}/${path}`, error(504, new RegExp(`^thread main has not answered .*${NATIVE_CALL}`))),
    ),
    row(`GET ${PROFILE}/cmdline`, text(/./)),
    row(`GET ${PROFILE}/`, text(/Types of profiles available/, HTML)),
  ],
};

export const GROUPS: readonly RowGroup[] = [
  goHandlers,
  goDescriptions,
  profiles,
  ...PAGE_GROUPS,
  ...FORMAT_GROUPS,
  seconds,
  debugWithSeconds,
  parameters,
  order,
  methods,
  head,
  targets,
  pageGuard,
  guard,
  held,
  tooMany,
  unreachable,
].filter(({ rows }) => rows.length > 0);

function asHtml(description: string): string {
  return description.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
