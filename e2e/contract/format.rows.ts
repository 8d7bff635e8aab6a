import { KINDS } from '../support/served.kinds.js';
import { cpuprofile, error, headOf, heapprofile, trace } from './contract.row.js';
import { MAXIMUM, POSITIVE, PROFILE, row, type RowGroup } from './row.group.js';

// Of the HTTP contract: traces, heap snapshots, and the formats of V8's own.

const POSITIVE_FRACTION = error(400, 'invalid value for "seconds" - must be a positive number');

const traces: RowGroup = {
  name: 'traces',
  rows: [
    row(`GET ${PROFILE}/trace`, trace()),
    row(`GET ${PROFILE}/trace?seconds=0.05`, trace()),
    row(`GET ${PROFILE}/trace?seconds=1.5`, trace()),
    row(`GET ${PROFILE}/trace?seconds=0.05&categories=v8`, trace()),
    row(`GET ${PROFILE}/trace?seconds=0.05&categories=node.fs.sync,node.fs.async,node.fs.sync`, trace()),
    row(`GET ${PROFILE}/trace?seconds=0.05&seconds=abc&categories=v8&categories=x`, trace()),
    row(`GET ${PROFILE}/trace?seconds=0.05&colour=red`, trace()),
    ...['0', '0.0', '-1', 'abc', '', '.5', '1.', '1,5', '1e-3', '1e400', '%201', '+1', '0x1', 'NaN'].map(
      (value) => row(`GET ${PROFILE}/trace?seconds=${value}`, POSITIVE_FRACTION),
    ),
    ...['301', '300.001', '999999999999999'].map((value) =>
      row(`GET ${PROFILE}/trace?seconds=${value}`, MAXIMUM),
    ),
    ...['', 'x', 'V8', 'v8,', ',v8', 'v8,x', 'v8%20', '*', 'node', 'node.async_hooks', 'constructor'].map(
      (value) =>
        row(
          `GET ${PROFILE}/trace?seconds=0.05&categories=${value}`,
          error(400, /^invalid value for "categories" - must be one or more, separated by commas, of v8, /),
        ),
    ),
    row(
      `GET ${PROFILE}/trace?categories=disabled-by-default-v8.cpu_profiler`,
      error(400, /^invalid value for "categories"((?!cpu_profiler)[^])*$/),
    ),
    row(`GET ${PROFILE}/trace?seconds=0&categories=x`, POSITIVE_FRACTION),
    row(`HEAD ${PROFILE}/trace`, headOf(trace())),
    row(`HEAD ${PROFILE}/trace?seconds=300`, headOf(trace())),
    row(`HEAD ${PROFILE}/trace?seconds=0`, headOf(POSITIVE_FRACTION)),
  ],
};

const ONE_THREAD = (format: string) =>
  error(
    400,
    `invalid value for "threads" - must be main or one thread id, as format=${format} is of exactly one thread`,
  );
const MORE_THREADS = ['all', '0,1', '0,0', '1,2,3'];

const v8Formats: RowGroup = {
  name: "V8's own formats",
  rows: [
    row(`GET ${PROFILE}/profile?seconds=1&format=cpuprofile`, cpuprofile()),
    row(`GET ${PROFILE}/profile?seconds=1&format=cpuprofile&threads=main&hz=1000`, cpuprofile()),
    row(`GET ${PROFILE}/profile?seconds=1&format=cpuprofile&threads=0`, cpuprofile()),
    row(
      `GET ${PROFILE}/profile?seconds=1&format=cpuprofile&threads=99999`,
      error(404, /^there is no thread with this id, or no longer: /),
    ),
    ...MORE_THREADS.map((value) =>
      row(`GET ${PROFILE}/profile?seconds=1&format=cpuprofile&threads=${value}`, ONE_THREAD('cpuprofile')),
    ),
    row(
      `GET ${PROFILE}/profile?seconds=1&format=cpuprofile&threads=x`,
      error(400, /^invalid value for "threads"/),
    ),
    row(`GET ${PROFILE}/profile?format=cpuprofile&seconds=0&threads=all`, POSITIVE),
    row(`GET ${PROFILE}/profile?format=cpuprofile&seconds=0.5`, POSITIVE),
    row(`GET ${PROFILE}/profile?format=cpuprofile&seconds=301`, MAXIMUM),
    row(`GET ${PROFILE}/profile?format=cpuprofile&seconds=1&hz=0`, error(400, /^invalid value for "hz"/)),
    ...['heap', 'allocs'].flatMap((name) => [
      row(`GET ${PROFILE}/${name}?format=heapprofile`, heapprofile(name)),
      row(`GET ${PROFILE}/${name}?format=heapprofile&threads=main`, heapprofile(name)),
      row(`GET ${PROFILE}/${name}?format=heapprofile&threads=0`, heapprofile(name)),
      row(
        `GET ${PROFILE}/${name}?format=heapprofile&threads=99999`,
        error(404, /^there is no thread with this id, or no longer: /),
      ),
      ...MORE_THREADS.map((value) =>
        row(`GET ${PROFILE}/${name}?format=heapprofile&threads=${value}`, ONE_THREAD('heapprofile')),
      ),
      row(
        `GET ${PROFILE}/${name}?format=heapprofile&seconds=1`,
        error(400, '"seconds" parameter is not supported with format=heapprofile'),
      ),
      row(`GET ${PROFILE}/${name}?format=heapprofile&seconds=0`, POSITIVE),
    ]),
    row(`GET ${PROFILE}/heap?format=heapprofile&gc=1`, heapprofile('heap')),
    row(`HEAD ${PROFILE}/profile?seconds=300&format=cpuprofile`, headOf(cpuprofile())),
    row(`HEAD ${PROFILE}/profile?format=cpuprofile&threads=all`, headOf(ONE_THREAD('cpuprofile'))),
    row(`HEAD ${PROFILE}/heap?format=heapprofile`, headOf(heapprofile('heap'))),
    row(`HEAD ${PROFILE}/allocs?format=heapprofile`, headOf(heapprofile('allocs'))),
  ],
};

/** What each profile comes in; the first is what it comes in unasked. */
const FORMATS: Readonly<Record<string, string>> = {
  profile: 'pprof, text, markdown, cpuprofile',
  heap: 'pprof, text, markdown, heapprofile',
  allocs: 'pprof, text, markdown, heapprofile',
  block: 'pprof, text, markdown',
};

const formats: RowGroup = {
  name: 'a "format" that a profile does not come in',
  rows: KINDS.flatMap(({ name }) => {
    const allowed = FORMATS[name] ?? 'pprof, text';
    return ['svg', '', 'PPROF', 'pprof%20', 'constructor', 'cpuprofile', 'heapprofile']
      .filter((value) => value === '' || !allowed.includes(value))
      .map((value) =>
        row(
          `GET ${PROFILE}/${name}?format=${value}`,
          error(400, `invalid value for "format" - must be one of ${allowed}`),
        ),
      );
  }),
};

const SNAPSHOTS_OFF = error(
  404,
  /^heap snapshots are off\. Set "heapSnapshot: true" in the options of PprofModule .*every string of the heap, passwords/,
);

const off: RowGroup = {
  name: 'heap snapshots, which are off unless they are switched on',
  rows: ['', '?threads=main', '?threads=all', '?seconds=1'].flatMap((query) => [
    row(`GET ${PROFILE}/heapsnapshot${query}`, SNAPSHOTS_OFF),
    row(`HEAD ${PROFILE}/heapsnapshot${query}`, headOf(SNAPSHOTS_OFF)),
  ]),
};

export const FORMAT_GROUPS: readonly RowGroup[] = [traces, v8Formats, formats, off];
