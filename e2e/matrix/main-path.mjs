// The main path with what users have: `main-path.mjs app.mjs express` starts the app with the Node that runs this, takes CPU profiles
// and a heap profile of it, under requests, decodes them, and ends it. Runs in the directory where the packed package is installed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

/** Of Node's async contexts; elsewhere by what the stack shows. */
const HAS_LABELS = Number(process.versions.node.split('.', 1)[0]) >= 24;

const [script, platform] = process.argv.slice(2);
const app = spawn(process.execPath, [script, platform], { stdio: ['ignore', 'pipe', 'pipe'] });
const exited = once(app, 'exit');
process.on('exit', () => app.kill('SIGKILL'));

let output = '';
const listening = new Promise((resolve, reject) => {
  for (const stream of [app.stdout, app.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      const [, url] = /Profiling server listening on (http:\S+)/.exec(output) ?? [];
      const [, application] = /^Application on (http:\S+)$/m.exec(output) ?? [];
      if (url && application) {
        resolve({ url, application });
      }
    });
  }
  exited.then(() => reject(new Error(`The app ended:\n${output}`)), reject);
});

try {
  const { url, application } = await listening;
  const index = await fetch(url);
  assert.equal(index.status, 200);

  // The second one finds what the first has left.
  for (let round = 0; round < 2; round += 1) {
    const cpu = await underRequests(`${application}/cats/1`, () =>
      profile(`${url}profile?seconds=1&hz=${100 + round}`),
    );
    const [hottest] = [...cpu.flat].sort(([, a], [, b]) => b - a);
    assert.match(hottest[0], /^crunchNumbers \(app\.[cm]js\)$/);
    assert.equal(cpu.types, 'samples wall cpu');
    if (HAS_LABELS) {
      assert.ok(
        cpu.labels.has('controller=CatsController handler=one route=GET /cats/:id thread=main'),
        `no sample of the route, but ${[...cpu.labels].join('; ')}`,
      );
    }
  }

  const heap = await profile(`${url}heap`);
  assert.equal(heap.types, 'inuse_objects inuse_space');
  assert.ok(
    [...heap.flat.values()].reduce((sum, value) => sum + value, 0) > 1e6,
    'a heap of more than a megabyte',
  );

  app.kill('SIGTERM');
  assert.deepEqual(await exited, [null, 'SIGTERM']);
  assert.doesNotMatch(output, / WARN | ERROR |debugger/);
} catch (error) {
  console.error(`${error.stack}\nThe app said:\n${output}`);
  process.exitCode = 1;
}
app.kill('SIGKILL');

/** Keeps a request going, on one connection, for as long as the task takes. */
async function underRequests(address, task) {
  const done = new AbortController();
  const result = task().finally(() => done.abort());
  while (!done.signal.aborted) {
    const response = await fetch(address);
    assert.equal(response.status, 200);
    await response.text();
  }
  return result;
}

/** Types, the sum of the last of them by the function at the leaf, and the labels that there are. */
async function profile(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200, `${url}: ${response.status}`);
  const decoded = Profile.decode(gunzipSync(Buffer.from(await response.arrayBuffer())));
  const text = (index) => decoded.stringTable.strings[Number(index)];
  const functions = new Map(decoded.function.map(({ id, name }) => [id, text(name)]));
  const locations = new Map(
    decoded.location.map(({ id, line: [line] }) => [id, functions.get(line.functionId)]),
  );
  const flat = new Map();
  const labels = new Set();
  for (const { locationId, value, label } of decoded.sample) {
    labels.add(
      label
        .map(({ key, str }) => `${text(key)}=${text(str)}`)
        .sort()
        .join(' '),
    );
    const leaf = locations.get(locationId[0]);
    flat.set(leaf, (flat.get(leaf) ?? 0) + Number(value.at(-1)));
  }
  return { types: decoded.sampleType.map(({ type }) => text(type)).join(' '), flat, labels };
}
