/**
 * Measures what profiling costs, keeps what came of it in bench/results, and writes docs/benchmarks.md from all that is there.
 *
 *   npm run bench -- [suites…] [--node 24,26,/path/to/node] [--budget minutes] [--try] [--render] [--list]
 *
 * --node    versions, which are installed where they are not there, or paths; the Node that runs this is the default
 * --budget  how long all suites may take together, for each Node: 12 minutes unless told otherwise. One suite alone has its share
 * --try     one round of each, to see that all of it works: nothing is kept
 * --render  writes the page again, and measures nothing
 */
import { parseArgs } from 'node:util';
import { render } from './report/page.mjs';
import { saveResult } from './report/results.mjs';
import { SUITES } from './suites/suites.mjs';
import { describeMachine, describeVersions, warnOfLoad } from './support/machine.mjs';
import { findNode, installPeers } from './support/nodes.mjs';

const MINUTES = 12;

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: process.execPath },
    budget: { type: 'string', default: String(MINUTES) },
    try: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
const minutes = Number(options.budget);
if (options.help || options.list || unknown.length > 0 || !(minutes > 0)) {
  console.log(
    'npm run bench -- [suites…] [--node 24,26,/path/to/node] [--budget minutes] [--try] [--render]\n',
  );
  SUITES.forEach(({ name, title }) => console.log(`${name.padEnd(12)} ${title}`));
  process.exit(options.help || options.list ? 0 : 1);
}

// Children are ended when this process exits, which it does not do of itself on a signal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}
// A request that fails after what has asked for it has given up: the rest is measured all the same.
process.on('unhandledRejection', (error) => console.log(`not waited for: ${error?.message}`));
process.exitCode = options.render ? 0 : await measureAll();
render();

async function measureAll() {
  const chosen = SUITES.filter(({ name }) => names.length === 0 || names.includes(name));
  const whole = SUITES.reduce((sum, { share }) => sum + share, 0);
  installPeers(console.log);
  let failed = 0;
  for (const node of options.node.split(',').map(findNode)) {
    for (const suite of chosen) {
      const seconds = (minutes * 60 * suite.share) / whole;
      console.log(`\n=== ${suite.name}, Node ${node.version}: ${Math.round(seconds)} s`);
      warnOfLoad(console.log);
      failed += (await measureOne(suite, node, seconds)) ? 0 : 1;
    }
  }
  return failed === 0 ? 0 : 1;
}

/** A suite that fails leaves its older result as it was; the others go on. */
async function measureOne(suite, node, seconds) {
  const say = (text) => console.log(`${suite.name}: ${text}`);
  try {
    const began = performance.now();
    const machine = describeMachine();
    const tables = await suite.run({ node, limits: { seconds, isTry: options.try, say } });
    if (options.try) {
      return true;
    }
    saveResult({
      suite: suite.name,
      node: node.version,
      date: new Date().toISOString().slice(0, 16),
      command: commandOf(suite, node),
      seconds: Math.round((performance.now() - began) / 1000),
      machine,
      versions: describeVersions(),
      tables,
    });
    return true;
  } catch (error) {
    say(`failed: ${error.stack}`);
    return false;
  }
}

/** What measures this again, and nothing else. */
function commandOf({ name }, { major }) {
  const budget = minutes === MINUTES ? '' : ` --budget ${minutes}`;
  return `npm run bench -- ${name} --node ${major}${budget}`;
}
