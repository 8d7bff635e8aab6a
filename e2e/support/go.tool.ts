import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { beforeAll } from '@jest/globals';
import { served } from './http.request.js';
import { describeWithTool } from './needed.tool.js';
import { patience } from './patience.js';
import { decodeProfile, type DecodedProfile } from './pprof.profile.js';
import { temporaryDirectory } from './temporary.directory.js';

// Where Go's own installer puts it, which not every shell has in its PATH.
const PATH = [process.env.PATH ?? '', '/usr/local/go/bin'].join(delimiter);

const cache = spawnSync('go', ['env', 'GOCACHE'], { env: { ...process.env, PATH }, encoding: 'utf8' });
const hasGo = cache.status === 0;
const GOCACHE = hasGo ? cache.stdout.trim() : '';

/** The program that `go tool pprof` runs; `go` itself takes ten times as long as most of what it is asked for. */
let program: string;

/** Since Go 1.25 a tool is built when it is used first, which takes a minute; until then it comes with Go. */
const BUILD_TIMEOUT = patience(300_000);

/** A suite that needs `go`, see `describeWithTool`. */
export function describeWithGo(name: string, suite: () => void): void {
  describeWithTool({ name: 'go', isFound: hasGo, remedy: 'get it from https://go.dev/dl' }, name, () => {
    beforeAll(async () => {
      const { stdout } = await run('go', 'tool', '-n', 'pprof');
      program = stdout.trim();
    }, BUILD_TIMEOUT);
    suite();
  });
}

export interface ToolResult {
  readonly stdout: string;
  /** What the tool said besides that it fetches and where it saved: warnings, errors. */
  readonly warnings: string[];
  readonly stderr: string;
}

/** Longer than any window that tests ask for; its own is half as long again as the window. */
const FETCH_TIMEOUT_SECONDS = Math.ceil(patience(60_000) / 1000);

/** Runs `go tool pprof`; fails with its words where it does. */
export async function goToolPprof(...args: string[]): Promise<ToolResult> {
  const { stdout, stderr } = await run(program, '-timeout', String(FETCH_TIMEOUT_SECONDS), ...args);
  return { stdout, stderr, warnings: warningsIn(stderr) };
}

/**
 * A file with the profile: what several tests look at is taken once. On a starved machine it is taken again where it says that a thread
 * is left out as that had no processor, or where it is not whole, as far as the caller knows.
 */
export async function savedProfile(
  url: string,
  isWhole: (profile: DecodedProfile) => boolean = () => true,
): Promise<string> {
  const { body } = await served(url, (response) => {
    const profile = decodeProfile(response.body);
    const isWithout = profile.comments.some((comment) =>
      /^threads skipped: .* had no processor for /.test(comment),
    );
    return !isWithout && isWhole(profile);
  });
  const file = join(await temporaryDirectory('profile-'), 'profile.pb.gz');
  await writeFile(file, body);
  return file;
}

/** With a home and a store of its own, so that runs do not see each other; but the one cache of built tools. */
async function run(command: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const directory = await temporaryDirectory('pprof-');
  const env = { PATH, GOCACHE, HOME: directory, PPROF_TMPDIR: directory };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) {
        reject(new Error(`${command} ${args.join(' ')} failed: ${error.message}\n${stderr}`));
      } else {
        resolve({ stdout, stderr });
      }
    });
  });
}

function warningsIn(stderr: string): string[] {
  const expected =
    /^(Fetching profile over HTTP from |Please wait\.\.\. |Fetched \d+ source profiles|Saved profile in |$)/;
  return stderr.split('\n').filter((line) => !expected.test(line));
}
