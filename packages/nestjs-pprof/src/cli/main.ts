#!/usr/bin/env node
import { messageOf } from '../shared/pprof.error.js';
import { PACKAGE } from '../shared/package.identity.js';
import { printable } from '../thread/pprof/profile.model.js';
import { type Run, runCapture, runIncidents, runReport, runStacks } from './capture.command.js';
import { CliError, InterruptedError, UsageError } from './cli.errors.js';
import { parseCommandLine } from './command.line.js';
import { generalHelp, helpOf } from './command.table.js';
import { prompt } from './password.prompt.js';
import { type Credentials, ServiceClient } from './service.client.js';
import {
  defaultTarget,
  listText,
  parseTarget,
  runningProfilers,
  type ServiceTarget,
} from './service.target.js';
import { runTop } from './top.command.js';

// The entry of the command `nestjs-pprof`: a process of its own, which asks a profiler as any client does.

/** All others take one profile. */
const RUNS: Readonly<Record<string, Run>> = {
  top: runTop,
  stacks: runStacks,
  incidents: runIncidents,
  report: runReport,
};

async function run(args: readonly string[]): Promise<void> {
  const line = parseCommandLine(args);
  if (line.wants === 'version') {
    process.stdout.write(`${PACKAGE.version}\n`);
    return;
  }
  if (line.wants === 'help') {
    process.stdout.write(line.command ? helpOf(line.command) : generalHelp());
    return;
  }
  const { command, options } = line;
  if (command.name === 'list') {
    process.stdout.write(listText(runningProfilers(), options.json === true));
    return;
  }
  const target = await targetFor(line.target, command.name);
  const client = new ServiceClient(target, credentialsFor(target), process.stdin.isTTY ? ask : undefined);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new InterruptedError('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, interrupt);
  }
  await client.signIn(interrupted.signal);
  const surroundings = { client, signal: interrupted.signal, stdout: process.stdout };
  await (RUNS[command.name] ?? runCapture)(command, options, surroundings);
}

async function targetFor(text: string | undefined, command: string): Promise<ServiceTarget> {
  const target = text ?? (process.env['PPROF_URL'] || undefined);
  if (target === undefined) {
    return defaultTarget(runningProfilers(), command);
  }
  const parsed = parseTarget(target);
  if (text !== undefined && parsed.password !== undefined) {
    // Where the system lets it, what `ps` shows of this process is written over; of what has started it, it stays.
    process.title = 'nestjs-pprof';
    process.stderr.write(
      'nestjs-pprof: the password is on the command line, where other users of this machine can read it: use PPROF_AUTH=USER:PASSWORD or PPROF_URL in the environment, or a URL without it, and you are asked\n',
    );
  }
  return parsed;
}

/** @throws {UsageError} */
function credentialsFor({ username, password }: ServiceTarget): Credentials | undefined {
  if (password !== undefined) {
    return `${username ?? ''}:${password}`;
  }
  const ofEnvironment = process.env['PPROF_AUTH'] || undefined;
  if (ofEnvironment !== undefined && !ofEnvironment.includes(':')) {
    throw new UsageError('PPROF_AUTH has to be USER:PASSWORD');
  }
  return ofEnvironment;
}

async function ask(known: string | undefined): Promise<Credentials> {
  const username = known ?? (await prompt('User: ', false));
  return `${username}:${await prompt(`Password of ${printable(username)}: `, true)}`;
}

// Whoever reads the output has seen enough: `| head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

run(process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = error instanceof CliError ? error.exitCode : 1;
  if (!(error instanceof InterruptedError)) {
    process.stderr.write(`nestjs-pprof: ${messageOf(error)}\n`);
  }
});
