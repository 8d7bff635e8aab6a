// Which thread a file runs in is told by its folder; these rules keep it true. See the table in CONTRIBUTING.md.
const SRC = '^packages/nestjs-pprof/src';
const inside = (...folders) => folders.map((folder) => `${SRC}/${folder}/`);

/** What runs in the folder may import of our own code only what lies in these. */
const only = (name, folder, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: `${SRC}/${folder}/`, pathNot: '\\.spec\\.ts$' },
  to: { path: `${SRC}/`, pathNot: inside(folder, ...allowed) },
});

export default {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-from-a-spec',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$' },
      to: { path: '\\.spec\\.ts$|/test-fixtures/' },
    },
    only('shared-stands-alone', 'shared', [], 'both threads load it'),
    {
      ...only('main-not-thread', 'main', ['shared'], 'the main thread loads nothing of the profiling thread'),
      to: { path: inside('thread', 'post-mortem', 'cli', 'page') },
    },
    {
      name: 'application-not-thread',
      comment: 'the public API loads nothing of the profiling thread',
      severity: 'error',
      from: { path: `${SRC}/[^/]+\\.ts$`, pathNot: '\\.spec\\.ts$' },
      to: { path: inside('thread', 'post-mortem', 'cli') },
    },
    only('pprof-knows-the-format-alone', 'thread/pprof', ['shared']),
    only('capture-not-up', 'thread/capture', ['shared', 'thread/pprof']),
    only('profiles-not-up', 'thread/profiles', ['shared', 'thread/pprof', 'thread/capture']),
    only('server-not-main', 'thread/server', ['shared', 'thread']),
    {
      ...only(
        'cli-is-a-client',
        'cli',
        [],
        'it asks over HTTP; it reads the format, and the list of running profilers, with the code that writes them',
      ),
      to: {
        path: `${SRC}/`,
        pathNot: [
          ...inside('cli', 'shared', 'thread/pprof'),
          `${SRC}/thread/server/profiler\\.registry\\.ts$`,
        ],
      },
    },
    only(
      'page-is-a-client',
      'page',
      ['shared', 'thread/pprof'],
      'it runs in a browser: it asks over HTTP, and reads the format',
    ),
    only('post-mortem-only-writes', 'post-mortem', ['shared', 'thread/pprof']),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
