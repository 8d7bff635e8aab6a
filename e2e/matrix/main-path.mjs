// The main path with what users have: `main-path.mjs app.mjs express` starts the app with the Node that runs this, takes a CPU and
// a heap profile of it, decodes them, and ends it. Runs in the directory where the packed package is installed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

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
      if (url) {
        resolve(url);
      }
    });
  }
  exited.then(() => reject(new Error(`The app ended:\n${output}`)), reject);
});

try {
  const url = await listening;
  const index = await fetch(url);
  assert.equal(index.status, 200);

  const cpu = await profile(`${url}profile?seconds=1`);
  const [hottest] = [...cpu.flat].sort(([, a], [, b]) => b - a);
  assert.match(hottest[0], /^crunchNumbers \(app\.[cm]js\)$/);
  assert.equal(cpu.types, 'samples wall cpu');

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

/** Types, and the sum of the last of them by the function at the leaf. */
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
  for (const { locationId, value } of decoded.sample) {
    const leaf = locations.get(locationId[0]);
    flat.set(leaf, (flat.get(leaf) ?? 0) + Number(value.at(-1)));
  }
  return { types: decoded.sampleType.map(({ type }) => text(type)).join(' '), flat };
}
