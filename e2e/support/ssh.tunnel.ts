import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithTests } from './app.process.js';
import { freePort } from './free.port.js';
import { describeWithTool, findProgram } from './needed.tool.js';
import { temporaryDirectory } from './temporary.directory.js';

const run = promisify(execFile);

// Not in everybody's PATH.
const SSHD = findProgram('sshd', '/usr/sbin', '/usr/local/sbin');

/** A suite that needs `sshd`, see `describeWithTool`. */
export function describeWithSshd(name: string, suite: () => void): void {
  const tool = { name: 'sshd', isFound: SSHD !== undefined, remedy: 'apt-get install openssh-server' };
  describeWithTool(tool, name, suite);
}

/** An OpenSSH server on loopback, for this user and one key, with nothing of the system's own server. */
export class SshServer {
  private constructor(
    private readonly directory: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<SshServer> {
    if (SSHD === undefined) {
      throw new Error('sshd not found: it is in no directory of PATH');
    }
    const directory = await temporaryDirectory('sshd-');
    for (const key of ['host', 'user']) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, key)]);
    }
    if (process.getuid?.() === 0) {
      // Where it shuts itself in before a user is known; packages make it when their service starts.
      await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
    }
    const port = await freePort();
    const config = {
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: join(directory, 'host'),
      AuthorizedKeysFile: join(directory, 'user.pub'),
      PidFile: 'none',
      UsePAM: 'no',
      StrictModes: 'no',
      PasswordAuthentication: 'no',
      KbdInteractiveAuthentication: 'no',
      PermitRootLogin: 'prohibit-password',
      AllowTcpForwarding: 'local',
      AllowStreamLocalForwarding: 'local',
    };
    await writeFile(join(directory, 'sshd_config'), toLines(config));
    const sshd = spawn(SSHD, ['-D', '-e', '-f', join(directory, 'sshd_config')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await firstLine(sshd, /Server listening on /);
    return new SshServer(directory, port);
  }

  /** `ssh -L PORT:target` with a PORT of its own, which is returned once it is open. */
  async forward(target: string): Promise<number> {
    const port = await freePort();
    const options = {
      IdentityFile: join(this.directory, 'user'),
      IdentitiesOnly: 'yes',
      UserKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'no',
      BatchMode: 'yes',
      ExitOnForwardFailure: 'yes',
    };
    const args = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    args.push('-F', 'none', '-N', '-v', '-p', String(this.port), '-L', `127.0.0.1:${port}:${target}`);
    args.push(`${userInfo().username}@127.0.0.1`);
    const ssh = spawn('ssh', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    await firstLine(ssh, /Entering interactive session/);
    return port;
  }
}

/** Settles when the program says so on stderr; fails, with what it said instead, when it ends. */
async function firstLine(child: ChildProcess, pattern: RegExp): Promise<void> {
  endWithTests(child);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (pattern.test(said)) {
        resolve();
      }
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`${child.spawnfile} ended with ${code}:\n${said}`));
    });
  });
}

function toLines(config: Readonly<Record<string, string>>): string {
  return Object.entries(config)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
