/**
 * Fills in what the pages of docs/ show: runs the example, does to it what the page says, and writes what came back into the
 * code block that follows `<!-- output: NAME -->`. The package and the example must be built; run it with the newest Node.
 *
 *   node scripts/document-outputs.mjs [NAME…]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ExampleProcess } from '../apps/example/scripts/example-process.mjs';
import { underLoad } from '../apps/example/scripts/load.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const docs = join(root, 'docs');
const MARK = /<!-- output: ([\w-]+) -->\n\n```\n[^]*?```/g;

const OUTPUTS = {
  'burns-cpu': ({ app, pprof }) =>
    underLoad(app, async () => tableOf(await text(`${pprof}/profile?seconds=5&format=text`), 8)),
  'which-route': ({ app, pprof }) =>
    underLoad(app, async () => routesOf(await text(`${pprof}/profile?seconds=5&format=text`))),
  'memory-grows': async ({ app, pprof }) => {
    const difference = text(`${pprof}/heap?seconds=5&gc=1&format=text`);
    await sleep(2500);
    await post(`${app}/sessions?count=400&kilobytes=100`);
    return tableOf(await difference, 4);
  },
  hangs: async ({ app, pprof }) => {
    void post(`${app}/faults/block?kind=loop&ms=10000`).catch(() => undefined);
    let dump = '';
    while (!dump.includes('[stuck]')) {
      await sleep(1000);
      dump = await text(`${pprof}/goroutine?debug=2`);
    }
    return head(dump, 11);
  },
  'slow-at': async ({ app, pprof }) => {
    await post(`${app}/faults/block?kind=loop&ms=2000`);
    await sleep(3000);
    return head(await text(`${pprof}/incidents`), 16);
  },
  'out-of-memory': () => outOfMemory(),
};

const wanted = process.argv.slice(2);
for (const page of readdirSync(docs).filter((name) => name.endsWith('.md'))) {
  const file = join(docs, page);
  let content = readFileSync(file, 'utf8');
  for (const [block, name] of content.matchAll(MARK)) {
    if (wanted.length === 0 || wanted.includes(name)) {
      console.log(`${page}: ${name}`);
      const output = plain(await of(OUTPUTS[name]));
      content = content.replace(
        block,
        () => `<!-- output: ${name} -->\n\n\`\`\`\n${output.trimEnd()}\n\`\`\``,
      );
      writeFileSync(file, content);
    }
  }
}
process.exit();

async function of(output) {
  const example = new ExampleProcess({
    ...environment(),
    PPROF_FLIGHT_RECORDER: 'true',
  });
  try {
    const { app, pprof } = await example.ready();
    // What makes the profiles is loaded with the first request.
    await text(`${pprof}/debug/pprof/`);
    return await output({ app, pprof: `${pprof}/debug/pprof` });
  } finally {
    await example.stop('SIGTERM');
  }
}

async function outOfMemory() {
  const directory = mkdtempSync(join(tmpdir(), 'oom-'));
  const main = join(root, 'apps/example/dist/main.js');
  const app = spawn(process.execPath, ['--max-old-space-size=80', main], {
    env: { ...process.env, ...environment(), PORT: '3210', PPROF_OOM_DIRECTORY: directory },
    stdio: 'ignore',
  });
  const ended = once(app, 'exit');
  while (app.exitCode === null && app.signalCode === null) {
    await post('http://127.0.0.1:3210/sessions?count=200&kilobytes=64').catch(() => sleep(100));
  }
  await ended;
  let files = [];
  // It is written by a process of its own.
  for (let tries = 0; files.length === 0 && tries < 100; tries += 1) {
    await sleep(100);
    files = readdirSync(directory).filter((name) => name.endsWith('.pb.gz'));
  }
  const table = execFileSync('go', ['tool', 'pprof', '-top', join(directory, files[0])], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  rmSync(directory, { recursive: true });
  return tableOf(table, 4);
}

function environment() {
  return {
    PORT: '0',
    PPROF_PORT: '0',
    PPROF_ENABLED: 'true',
    HOST: '127.0.0.1',
    PPROF_HOST: '127.0.0.1',
    NO_COLOR: '1',
  };
}

async function text(url) {
  const response = await fetch(url);
  const body = await response.text();
  if (!response.ok) {
    throw new Error(`${url}: ${response.status} ${body}`);
  }
  return body;
}

async function post(url) {
  await (await fetch(url, { method: 'POST' })).text();
}

/** The head of the first table, and so many rows. */
function tableOf(output, rows) {
  const lines = output.split('\n');
  return lines.slice(0, lines.findIndex((line) => /^\s*flat\s+flat%/.test(line)) + 1 + rows).join('\n');
}

function routesOf(output) {
  return output.slice(output.search(/^Showing .* routes/m)).split('\n\n', 1)[0];
}

function head(output, lines) {
  return output.split('\n').slice(0, lines).join('\n');
}

/** Without what is of the machine where it was made. */
function plain(output) {
  return output
    .replaceAll(/\S*\/node_modules\/\.pnpm\/[^/\s]+\//g, '/app/')
    .replaceAll(root, '/app/')
    .replaceAll(homedir(), '~');
}
