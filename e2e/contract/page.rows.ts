import { headOf, index as indexPage, json, pprof, redirect, text, viewer } from './contract.row.js';
import { escapeRegExp, HTML, PROFILE, row, type RowGroup, UNKNOWN } from './row.group.js';

// Of the HTTP contract: the pages beside the profiles, and paths that are neither.

const pages: RowGroup = {
  name: 'other pages and parameters',
  rows: [
    row(`GET ${PROFILE}/`, indexPage(/full goroutine stack dump/)),
    row(`GET /`, redirect(`${PROFILE}/`)),
    row(`GET ${PROFILE}`, redirect(`${PROFILE}/`)),
    row(`GET ${PROFILE}?seconds=5&x=%20`, redirect(`${PROFILE}/?seconds=5&x=%20`)),
    row(`GET ${PROFILE}/profile?seconds=1&hz=1000&threads=main`, pprof('profile', 'window')),
    row(`GET ${PROFILE}/heap?gc=1&debug=0`, pprof('heap')),
    row(`GET ${PROFILE}/heap?colour=red`, pprof('heap')),
    row(`GET ${PROFILE}/goroutine?debug=2`, text(/main/)),
    row(`GET ${PROFILE}/cmdline`, text(/\0[^\n]*contract\.app\.mjs\0[^\n]*--db-password=[^\n]*$/)),
    row(`GET ${PROFILE}/cmdline`, text(/^((?!hunter2|s3cret)[^])*$/)),
    row(`GET ${PROFILE}/symbol?0x1234+0x5678`, text(/^num_symbols: 1\n$/)),
    row(`POST ${PROFILE}/symbol`, text(/^num_symbols: 1\n$/), { send: '0x1234+0x5678' }),
    row('GET /debug/vars', json('application/json; charset=utf-8')),
  ],
};

const index: RowGroup = {
  name: 'the index describes what is no profile, too',
  rows: [
    ['ui/', 'The flame graph viewer'],
    ['trace', 'A trace of what happens when'],
    ['heapsnapshot', 'The whole heap of a thread, for Chrome DevTools. It stops the thread'],
    ['../vars', 'Memory, event loop'],
    ['cmdline', 'The command line'],
    ['symbol', 'Looks up names'],
  ].map(([link = '', description = '']) =>
    row(
      `GET ${PROFILE}/`,
      text(
        new RegExp(`<a href="${escapeRegExp(link)}">${escapeRegExp(link)}</a></td><td>${description}`),
        HTML,
      ),
    ),
  ),
};

const ui: RowGroup = {
  name: 'the flame graph viewer',
  rows: [
    row(`GET ${PROFILE}/ui/`, viewer(text(/<title>speedscope<\/title>/, HTML))),
    row(`GET ${PROFILE}/ui/index.html`, viewer(text(/<title>speedscope<\/title>/, HTML))),
    row(`HEAD ${PROFILE}/ui/`, headOf(viewer(text(/./, HTML)))),
    row(`GET ${PROFILE}/ui`, redirect('ui/')),
    row(`HEAD ${PROFILE}/ui`, redirect('ui/')),
    row(`GET ${PROFILE}/ui/release.txt`, viewer(text(/^speedscope@/))),
    row(
      `GET ${PROFILE}/ui/file-format-schema.json`,
      viewer(json('application/json; charset=utf-8', ['$schema'])),
    ),
    ...[
      'nothing.js',
      'INDEX.HTML',
      'index.html/x',
      'index.html%00',
      '..',
      '%2e%2e',
      '../../package.json',
      '..%2f..%2fpackage.json',
      '%2fetc%2fpasswd',
      '..%5c..%5cpackage.json',
      '__proto__',
    ].map((file) => row(`GET ${PROFILE}/ui/${file}`, UNKNOWN)),
  ],
};

const oom: RowGroup = {
  name: 'what has been left behind by processes that ran out of memory, where nothing is to be',
  rows: [
    'oom',
    'oom/',
    'oom/anything',
    'oom/oom-1-2026-01-01T00-00-00-000Z.pb.gz',
    'oom/..',
    'oom/../heap',
    'oom/..%2f..%2fetc%2fpasswd',
    'oom/%2fetc%2fpasswd',
    'oom/x/y',
  ].flatMap((path) => [
    row(`GET ${PROFILE}/${path}`, UNKNOWN),
    row(`HEAD ${PROFILE}/${path}`, headOf(UNKNOWN)),
  ]),
};

const paths: RowGroup = {
  name: 'paths that are no profile',
  rows: [
    '/debug',
    '/health',
    '/favicon.ico',
    '/debug/pprof/nothing',
    '/debug/pprof/profile/x',
    '/debug/pprof/HEAP',
    '/debug/pprof//heap',
    '//debug/pprof/heap',
    '/debug/pprof/heap%00',
    '/debug/pprof/%00',
    '/debug/pprof/%2e%2e/heap',
    '/debug/pprof/..%2fheap',
    '/debug/pprof/../heap',
    '/debug/pprof/../../etc/passwd',
    '/debug/pprof/%2fetc%2fpasswd',
    '/debug%2fpprof%2fheap',
    '/debug/pprof\\heap',
    '/debug/pprof/<script>alert(1)</script>',
    '/debug/pprof/%3Cscript%3E?seconds=1',
    "/debug/pprof/heap'--",
    '/debug/pprof/constructor',
    '/debug/pprof/__proto__',
    `/debug/pprof/${'a'.repeat(8000)}`,
  ].map((path) => row(`GET ${path}`, UNKNOWN)),
};

export const PAGE_GROUPS: readonly RowGroup[] = [pages, index, ui, oom, paths];
