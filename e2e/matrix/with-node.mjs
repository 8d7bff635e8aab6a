/**
 * Runs a command with another Node, as `node` in its PATH: `node e2e/matrix/with-node.mjs 24 npm test`. It is kept in
 * node_modules/.cache.
 */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { nodeBinary } from './checks.mjs';

const [version, command, ...args] = process.argv.slice(2);
const PATH = [dirname(nodeBinary(version)), process.env.PATH].join(delimiter);
const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, PATH } });
process.exitCode = status ?? 1;
