// Runs the function `run` of a module under V8's CPU profiler and prints, as JSON, where V8 saw functions of it.
// usage: node profile-module.mjs <module>
import { Session } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 200 });
await session.post('Profiler.start');
const loaded = await import(pathToFileURL(process.argv[2]).href);
const { run } = loaded.run ? loaded : loaded.default;
for (let round = 0; round < 3; round++) {
  run(10);
}
const { profile } = await session.post('Profiler.stop');
session.disconnect();

const positions = profile.nodes
  .map(({ callFrame: { functionName, url, lineNumber, columnNumber } }) => ({
    functionName,
    file: url,
    line: lineNumber + 1,
    column: columnNumber + 1,
  }))
  .filter(({ file }) => file.includes('dist'));
process.stdout.write(JSON.stringify(positions));
