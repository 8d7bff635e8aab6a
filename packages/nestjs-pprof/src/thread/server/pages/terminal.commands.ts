/** How the profiler is reached. @internal */
export interface Reach {
  /** The Host header of the request: the address that works for whoever has asked. */
  readonly host: string;
  /** What `ssh -L` forwards to: a port, or the path of a unix socket. */
  readonly port: number | undefined;
  readonly socketPath: string | undefined;
  readonly needsCredentials: boolean;
}

/** A command line to copy, and when it is for. @internal */
export interface TerminalCommand {
  readonly text: string;
  readonly command: string;
}

/** What to type in a terminal to profile this process. @internal */
export function terminalCommands({ host, port, socketPath, needsCredentials }: Reach): TerminalCommand[] {
  const target = socketPath ?? `localhost:${port}`;
  const tunnel = {
    text: socketPath === undefined ? 'From another machine, first' : 'A browser and go need a port, first',
    command: `ssh -L 6060:${target} user@host`,
  };
  // Without a port it is one that curl has asked over the socket.
  const address = `${needsCredentials ? 'USER:PASSWORD@' : ''}${/:\d+$/.test(host) ? host : 'localhost:6060'}`;
  const commands = [
    { text: '', command: `go tool pprof http://${address}/debug/pprof/profile?seconds=10` },
    { text: '', command: `curl 'http://${address}/debug/pprof/profile?seconds=10&format=text'` },
  ];
  return socketPath === undefined
    ? [...commands, tunnel]
    : [
        { text: '', command: overSocket(socketPath, needsCredentials) },
        tunnel,
        ...commands.map(({ command }) => ({ text: 'then', command })),
      ];
}

function overSocket(socketPath: string, needsCredentials: boolean): string {
  const credentials = needsCredentials ? '-u USER:PASSWORD ' : '';
  return `curl ${credentials}--unix-socket ${socketPath} 'http://localhost/debug/pprof/profile?seconds=10&format=text'`;
}
