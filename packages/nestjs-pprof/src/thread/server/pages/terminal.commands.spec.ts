import { describe, expect, it } from '@jest/globals';
import { type Reach, terminalCommands } from './terminal.commands.js';

const TCP: Reach = {
  host: 'localhost:7070',
  address: '127.0.0.1',
  port: 6061,
  socketPath: undefined,
  needsCredentials: false,
};
const SOCKET: Reach = {
  ...TCP,
  host: 'localhost',
  address: undefined,
  port: undefined,
  socketPath: '/run/app.sock',
};

function commandsFor(reach: Reach): string[] {
  return terminalCommands(reach).map(({ command }) => command);
}

describe('terminalCommands', () => {
  it('names the address that was asked for, and the port that a tunnel leads to', () => {
    expect(commandsFor(TCP)).toEqual([
      "go tool pprof 'http://localhost:7070/debug/pprof/profile?seconds=10'",
      "curl 'http://localhost:7070/debug/pprof/profile?seconds=10&format=text'",
      "npx nestjs-pprof top 'http://localhost:7070'",
      'ssh -L 6060:127.0.0.1:6061 user@host',
    ]);
  });

  it('names the socket, and how to give it a port', () => {
    expect(commandsFor(SOCKET)).toEqual([
      "curl --unix-socket /run/app.sock 'http://localhost/debug/pprof/profile?seconds=10&format=text'",
      'npx nestjs-pprof top /run/app.sock',
      'ssh -L 6060:/run/app.sock user@host',
      "go tool pprof 'http://127.0.0.1:6060/debug/pprof/profile?seconds=10'",
      "curl 'http://127.0.0.1:6060/debug/pprof/profile?seconds=10&format=text'",
    ]);
  });

  it('names the address that is listened on, and not localhost, which may be two, one of them somebody else’s', () => {
    const asked = { ...TCP, host: 'localhost:6061' };
    expect(commandsFor(asked)[0]).toContain("'http://127.0.0.1:6061/");
    expect(commandsFor({ ...asked, address: '::1' })).toEqual([
      "go tool pprof 'http://[::1]:6061/debug/pprof/profile?seconds=10'",
      "curl 'http://[::1]:6061/debug/pprof/profile?seconds=10&format=text'",
      "npx nestjs-pprof top 'http://[::1]:6061'",
      "ssh -L '6060:[::1]:6061' user@host",
    ]);
  });

  it('has no tunnel to a port that is not known', () => {
    const unknown = commandsFor({ ...TCP, address: undefined, port: undefined });
    expect(unknown).toEqual(commandsFor(TCP).slice(0, 3));
  });

  it('quotes a path for the shell', () => {
    const [curl, , tunnel] = commandsFor({ ...SOCKET, socketPath: "/run/it's $(x).sock" });
    expect(curl).toMatch(/^curl --unix-socket '\/run\/it'\\''s \$\(x\)\.sock' 'http:/);
    expect(tunnel).toBe("ssh -L '6060:/run/it'\\''s $(x).sock' user@host");
  });

  it('has a place for the credentials, where they are needed', () => {
    expect(commandsFor({ ...TCP, needsCredentials: true })[0]).toContain(
      'http://USER:PASSWORD@localhost:7070/',
    );
    expect(commandsFor({ ...SOCKET, needsCredentials: true })[0]).toContain(
      'curl -u USER:PASSWORD --unix-socket',
    );
  });
});
