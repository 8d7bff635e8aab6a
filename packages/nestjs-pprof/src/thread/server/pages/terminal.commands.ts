import { isIPv6 } from 'node:net';

/** How the profiler is reached. @internal */
export interface Reach {
  /** The Host header of the request: the address that works for whoever has asked. */
  readonly host: string;
  /** What is listened on, and what `ssh -L` forwards to: an address and port, or the path of a unix socket. */
  readonly address: string | undefined;
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
export function terminalCommands(reach: Reach): TerminalCommand[] {
  const { socketPath, needsCredentials, port } = reach;
  const tunnel = {
    text: socketPath === undefined ? 'From another machine, first' : 'A browser and go need a port, first',
    command: tunnelCommand(6060, socketPath ?? listenedOn(reach)),
  };
  const profile = profileUrl(ownAddress(reach), needsCredentials);
  const commands = [
    { text: '', command: `go tool pprof ${quotedUrl(profile)}` },
    { text: '', command: `curl ${quotedUrl(`${profile}&format=text`)}` },
    // It asks for the password, which does not belong on a command line.
    { text: '', command: `npx nestjs-pprof top ${quotedUrl(`http://${ownAddress(reach)}`)}` },
  ];
  return socketPath === undefined
    ? [...commands, ...(port === undefined ? [] : [tunnel])]
    : [
        {
          text: '',
          command: `curl ${needsCredentials ? '-u USER:PASSWORD ' : ''}--unix-socket ${quoted(socketPath)} ${quotedUrl(`${profileUrl('localhost', false)}&format=text`)}`,
        },
        { text: '', command: `npx nestjs-pprof top ${quoted(socketPath)}` },
        tunnel,
        ...commands.slice(0, 2).map(({ command }) => ({ text: 'then', command })),
      ];
}

/**
 * One profile of all of them, taken at the same time. Each port has to be reached as it is, on the host itself or through a
 * tunnel to the same port.
 *
 * @internal
 */
export function commandForAll(addresses: readonly string[], needsCredentials: boolean): string {
  const urls = addresses.map((address) => quotedUrl(profileUrl(address, needsCredentials)));
  return `go tool pprof ${urls.join(' ')}`;
}

function profileUrl(address: string, needsCredentials: boolean): string {
  return `http://${needsCredentials ? 'USER:PASSWORD@' : ''}${address}/debug/pprof/profile?seconds=10`;
}

/** @param to an address with its port, or the path of a unix socket. @internal */
export function tunnelCommand(port: number, to: string): string {
  return `ssh -L ${quoted(`${port}:${to}`)} user@host`;
}

/** An address and port as URLs and `ssh` have them. @internal */
export function withPort(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

function listenedOn({ address = '127.0.0.1', port = 6060 }: Reach): string {
  return withPort(address, port);
}

/**
 * Where whoever has asked reaches this process. A name with our own port is not told: `localhost` can be either of two
 * addresses, and somebody else may listen on the other. Another port is a tunnel's; without one it is a socket.
 *
 * @internal
 */
export function ownAddress(reach: Reach): string {
  const [, hostPort] = /:(\d+)$/.exec(reach.host) ?? [];
  if (hostPort === undefined) {
    return '127.0.0.1:6060';
  }
  return Number(hostPort) === reach.port && /^localhost:/i.test(reach.host) ? listenedOn(reach) : reach.host;
}

/** Always: zsh refuses a `?`, and `&` ends a command. No URL of ours has a quote in it, so PowerShell takes it as well. */
function quotedUrl(url: string): string {
  return `'${url.replaceAll("'", '%27')}'`;
}

/** For sh, bash and zsh; the last refuses `?` and `[` without quotes. */
function quoted(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
